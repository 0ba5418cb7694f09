"""What a source may have beyond `AudioSource`; each attribute may be left out, and then has the default given here."""

from typing import Protocol, runtime_checkable

from kws_live.sources import AudioSource


@runtime_checkable
class Watched(Protocol):
    """Whether a recorder is behind it although it waits to be read: its signal's health is reported. Default: False."""

    @property
    def watched(self) -> bool: ...


@runtime_checkable
class Pauses(Protocol):
    """Whether silence of any length is, at this moment, no loss. Default: False."""

    @property
    def pauses(self) -> bool: ...


@runtime_checkable
class HasNamesakes(Protocol):
    """How many other devices have the same name. Default: 0."""

    @property
    def n_namesakes(self) -> int: ...


def is_watched(source: AudioSource) -> bool:
    """The source's `Watched`."""
    return isinstance(source, Watched) and source.watched


def may_pause(source: AudioSource) -> bool:
    """The source's `Pauses`."""
    return isinstance(source, Pauses) and source.pauses


def n_namesakes(source: AudioSource) -> int:
    """The source's `HasNamesakes`."""
    return source.n_namesakes if isinstance(source, HasNamesakes) else 0
