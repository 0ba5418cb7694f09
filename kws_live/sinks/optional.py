"""Optional attributes of an `EventSink`, with the default of each."""

from typing import Any, Protocol, runtime_checkable

from kws_live.actions.outbox import OLDEST_SECONDS
from kws_live.sinks import EventSink
from kws_live.spotting.decision_settings import DecisionSettings
from kws_live.stream.ring_buffer import RingBuffer


@runtime_checkable
class Named(Protocol):
    """Its name in messages, as the user wrote it and without secrets. Default: that of its class.

    An object that is registered as a callback may have one as well.
    """

    @property
    def name(self) -> str: ...


@runtime_checkable
class LimitsAge(Protocol):
    """The largest age of the events it gets. Default: 60 s."""

    @property
    def oldest_seconds(self) -> float: ...


@runtime_checkable
class CountsLosses(Protocol):
    """How many events it accepted but could not deliver. Default: 0."""

    @property
    def n_lost(self) -> int: ...


@runtime_checkable
class NeedsSound(Protocol):
    """Gets, before its first event, the buffer of recent audio. Default: not needed."""

    def hear(self, ring: RingBuffer) -> object: ...


class Settings(Protocol):
    """The part of `kws_live.LiveSettings` that a sink uses."""

    @property
    def version(self) -> int: ...

    def snapshot(self) -> DecisionSettings: ...

    def change(self, **values: Any) -> None: ...


@runtime_checkable
class Steers(Protocol):
    """Gets, before its first event, the settings, which it may change. Default: not needed."""

    def steer(self, settings: Settings) -> object: ...


def name_of(receiver: object, default: str) -> str:
    """The `Named` of a sink or a callback."""
    return str(receiver.name) if isinstance(receiver, Named) else default


def oldest_seconds(sink: EventSink) -> float:
    """The sink's `LimitsAge`."""
    return float(sink.oldest_seconds if isinstance(sink, LimitsAge) else OLDEST_SECONDS)


def n_lost(sink: EventSink) -> int:
    """The sink's `CountsLosses`."""
    return int(sink.n_lost if isinstance(sink, CountsLosses) else 0)


def introduce(sink: EventSink, ring: RingBuffer, settings: Settings) -> None:
    """Give a sink the audio if it `NeedsSound`, and the settings if it `Steers`."""
    if isinstance(sink, NeedsSound):
        sink.hear(ring)
    if isinstance(sink, Steers):
        sink.steer(settings)
