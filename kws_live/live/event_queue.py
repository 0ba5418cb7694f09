"""A queue of events that announces dropped ones before the next one."""

import math

from kws_live.events import Event, EventsDropped
from kws_live.system.backlog import LARGEST_BACKLOG, Backlog


class EventQueue(Backlog[Event]):
    """A queue of events; dropped ones are announced by an `EventsDropped` before the next one.

    Parameters
    ----------
    largest : capacity
    oldest_seconds : an event older than this is dropped when it is read
    """

    def __init__(self, largest: int = LARGEST_BACKLOG, oldest_seconds: float = math.inf) -> None:
        super().__init__(largest)
        self._oldest_seconds = oldest_seconds
        self._n_untold = 0

    def _gave_way(self) -> None:
        self._n_untold += 1

    def _next(self) -> Event | None:
        at = self._items[0] if self._items else None
        while self._items and self._items[0].age_seconds > self._oldest_seconds:
            at = self._items.popleft()
            self.n_dropped += 1
            self._n_untold += 1
        if at is not None and self._n_untold:
            n_events, self._n_untold = self._n_untold, 0
            return dropped_before(self._items[0] if self._items else at, n_events)
        return self._items.popleft() if self._items else None


def dropped_before(event: Event, n_events: int) -> EventsDropped:
    """Return the event which announces that events before this one were dropped."""
    return EventsDropped(n_events=n_events, position=event.position, source=event.source)
