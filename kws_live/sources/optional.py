"""Optional attributes of an `AudioSource`, with the default of each."""

from typing import Protocol, runtime_checkable

from kws_live.sources import AudioSource


@runtime_checkable
class Watched(Protocol):
    """Whether it is a recording in progress although not live, so that its signal is monitored. Default: False."""

    @property
    def watched(self) -> bool: ...


@runtime_checkable
class Pauses(Protocol):
    """Whether, at this moment, silence of any length does not count as a loss. Default: False."""

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
