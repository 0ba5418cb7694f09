"""A bounded queue whose oldest items give way: putting never waits, and what is lost is counted."""

import threading
from collections import deque
from typing import Final, Generic, TypeVar

Item = TypeVar("Item")

LARGEST_BACKLOG: Final = 1000
"""Items that may wait; beyond them the oldest give way, for a fresh command matters more than a stale one."""


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
