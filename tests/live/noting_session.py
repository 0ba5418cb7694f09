"""A session that notes its events, and a talk of tones for it to hear."""

from collections.abc import Callable

from kws_live.events import Detection, Event
from kws_live.live.session import Session
from kws_live.sources import AudioSource
from tests.fakes import tone_pipeline, tone_words

TALK = tone_words([("yes", 1.0), ("no", 2.5), ("stop", 4.0), ("stop", 5.2)], 6.5)
SPOKEN = ["yes", "no", "stop", "stop"]
PATIENCE_SECONDS = 20.0


def spoken(events: list[Event]) -> list[str]:
    return [event.keyword for event in events if isinstance(event, Detection)]


class Run:
    """A session that notes its events."""

    def __init__(
        self,
        source: AudioSource,
        reopen: Callable[[], AudioSource] | None = None,
        on_event: Callable[[Event], None] = lambda event: None,
    ) -> None:
        self.events: list[Event] = []
        self.on_event = on_event
        self.pipeline = tone_pipeline()
        self.session = Session(source, self.pipeline, self.deliver, reopen)

    def deliver(self, event: Event) -> None:
        self.events.append(event)
        self.on_event(event)

    @property
    def words(self) -> list[str]:
        return [event.keyword for event in self.events if isinstance(event, Detection)]

    def finish(self) -> list[Event]:
        self.session.start()
        assert self.session.wait(PATIENCE_SECONDS)
        return self.events
