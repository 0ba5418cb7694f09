"""An audience of a test's own, and receivers that note what they get, block or hang."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from kws_live import Detection, Event, EventsDropped
from kws_live.live.audience import Audience
from kws_live.live.session_statistics import Statistics
from kws_live.live.stream_clock import StreamClock
from kws_live.sinks import EventSink
from kws_live.system.clock import wall_seconds
from kws_live.testing import tone_model

MODEL = tone_model("yes", "no", "stop")
NOTHING = Statistics(0.0, 0, 0, 0, 0.0, 0, 0, 0, 0.0, None, None)
PATIENCE_SECONDS = 20.0


def word(position: int, keyword: str = "yes", age_seconds: float | None = None) -> Detection:
    heard_at = None if age_seconds is None else wall_seconds() - age_seconds
    return Detection(keyword=keyword, score=0.9, position=position, decided_position=position, heard_at=heard_at)


class Blocks:
    """A callback that notes positions, and waits in the first call until it may go on."""

    def __init__(self) -> None:
        self.got: list[Event] = []
        self.begun, self.go_on = threading.Event(), threading.Event()

    def __call__(self, event: Event) -> None:
        self.got.append(event)
        self.begun.set()
        assert self.go_on.wait(PATIENCE_SECONDS)


class Notes:
    """A sink that notes positions."""

    def __init__(self, oldest_seconds: float = 60.0, into: list[int] | None = None) -> None:
        self.oldest_seconds = oldest_seconds
        self.got: list[int] = [] if into is None else into
        self.n_closed = 0

    def send(self, event: Event) -> None:
        if not isinstance(event, EventsDropped):
            self.got.append(event.position)

    def close(self) -> None:
        self.n_closed += 1


@contextmanager
def audience(*sinks: EventSink) -> Iterator[Audience]:
    one = Audience(StreamClock(0), sinks)
    yield one
    one.hurry()
    one.drain()
    one.close()
