"""Bounded queues whose oldest items give way: putting never waits, and what is lost is counted."""

import math
import threading
from collections import deque
from typing import Final, Generic, TypeVar

from kws_live.events import Event, EventsDropped

Item = TypeVar("Item")

LARGEST_BACKLOG: Final = 1000
"""Items that may wait; beyond them the oldest give way, for a fresh command matters more than a stale one."""

COMMAND_SECONDS: Final = 10.0
"""A spoken command that could not be begun by then surprises more than it helps."""


class Backlog(Generic[Item]):
    """Items in order, from any thread to any thread.

    Parameters
    ----------
    largest : how many may wait

    Attributes
    ----------
    n_dropped : how many gave way
    """

    def __init__(self, largest: int = LARGEST_BACKLOG) -> None:
        self.n_dropped = 0
        self._largest = largest
        self._items: deque[Item] = deque()
        self._ended = False
        self._changed = threading.Condition()

    @property
    def has_room(self) -> bool:
        """Whether one more item makes none give way."""
        return len(self._items) < self._largest

    def put(self, item: Item) -> Item | None:
        """Add an item; returns what is lost by it: the oldest one, after the end the item itself, mostly nothing."""
        lost: Item | None = None
        with self._changed:
            if self._ended:
                return item
            if len(self._items) >= self._largest:
                lost = self._items.popleft()
                self.n_dropped += 1
                self._gave_way()
            self._items.append(item)
            self._wake()
        return lost

    def get(self, timeout_seconds: float | None = None) -> Item | None:
        """The next item, as soon as there is one; None at the end or after the time-out."""
        with self._changed:
            self._changed.wait_for(lambda: self._items or self._ended, timeout_seconds)
            return self._next()

    def end(self) -> None:
        """Take nothing more; what is there is still given."""
        with self._changed:
            self._ended = True
            self._wake()

    def clear(self) -> list[Item]:
        """Take out whatever waits."""
        with self._changed:
            items = list(self._items)
            self._items.clear()
            return items

    # What a kind of queue does otherwise; under the lock.

    def _wake(self) -> None:
        self._changed.notify_all()

    def _gave_way(self) -> None: ...

    def _next(self) -> Item | None:
        return self._items.popleft() if self._items else None


class EventQueue(Backlog[Event]):
    """Events in order; those dropped are announced by an `EventsDropped` before the next one.

    Parameters
    ----------
    largest : how many may wait
    oldest_seconds : an event older than this is dropped when its turn comes
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
    """Tells that so many events before this one were dropped."""
    return EventsDropped(n_events=n_events, position=event.position, source=event.source)
