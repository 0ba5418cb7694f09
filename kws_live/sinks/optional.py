"""What a sink may have beyond `EventSink`; each attribute may be left out, and then has the default given here."""

from typing import Protocol, runtime_checkable

from kws_live.actions.outbox import OLDEST_SECONDS
from kws_live.sinks import EventSink
from kws_live.stream.ring_buffer import RingBuffer


@runtime_checkable
class Named(Protocol):
    """Its name in messages. Default: that of its class."""

    @property
    def name(self) -> str: ...


@runtime_checkable
class LimitsAge(Protocol):
    """The largest age of an event that it is to be sent. Default: 60 s."""

    @property
    def oldest_seconds(self) -> float: ...


@runtime_checkable
class CountsLosses(Protocol):
    """How many events it took and could not deliver. Default: 0."""

    @property
    def n_lost(self) -> int: ...


@runtime_checkable
class NeedsSound(Protocol):
    """Given, before its first event, the newest seconds of audio. Default: no need."""

    def hear(self, ring: RingBuffer) -> object: ...


def name_of(sink: EventSink) -> str:
    """The sink's `Named`."""
    return str(sink.name if isinstance(sink, Named) else type(sink).__name__)


def oldest_seconds(sink: EventSink) -> float:
    """The sink's `LimitsAge`."""
    return float(sink.oldest_seconds if isinstance(sink, LimitsAge) else OLDEST_SECONDS)


def n_lost(sink: EventSink) -> int:
    """The sink's `CountsLosses`."""
    return int(sink.n_lost if isinstance(sink, CountsLosses) else 0)


def give_sound(sink: EventSink, ring: RingBuffer) -> None:
    """To the sink, if it `NeedsSound`."""
    if isinstance(sink, NeedsSound):
        sink.hear(ring)
