"""From the threads that find events to the one that delivers them: bounded, and nobody who puts ever waits."""

import threading
from collections import deque

from kws_live.events import Event, EventsDropped


class EventQueue:
    """Events in order; where the reader is too slow the oldest are dropped, counted and announced.

    Parameters
    ----------
    largest : how many may wait
    """

    def __init__(self, largest: int) -> None:
        self.n_dropped = 0
        self._largest = largest
        self._n_untold = 0
        self._events: deque[Event] = deque()
        self._ended = False
        self._changed = threading.Condition()

    def put(self, event: Event) -> None:
        """Add an event."""
        with self._changed:
            if len(self._events) >= self._largest:
                self._events.popleft()
                self.n_dropped += 1
                self._n_untold += 1
            self._events.append(event)
            self._changed.notify()

    def end(self) -> None:
        """Nothing more will come; what is there is still given."""
        with self._changed:
            self._ended = True
            self._changed.notify()

    def get(self) -> Event | None:
        """The next event, as soon as there is one; None at the end."""
        with self._changed:
            self._changed.wait_for(lambda: self._events or self._ended)
            if not self._events:
                return None
            if self._n_untold:
                n_events, self._n_untold = self._n_untold, 0
                first = self._events[0]
                return EventsDropped(n_events=n_events, position=first.position, source=first.source)
            return self._events.popleft()
