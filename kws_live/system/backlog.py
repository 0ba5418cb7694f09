"""A bounded queue that drops its oldest items: `put` never blocks, and drops are counted."""

import threading
from collections import deque
from typing import Final, Generic, TypeVar

Item = TypeVar("Item")

LARGEST_BACKLOG: Final = 1000
"""Default capacity; beyond it the oldest items are dropped, because fresh commands matter more than stale ones."""


class Backlog(Generic[Item]):
    """A thread-safe queue.

    Parameters
    ----------
    largest : capacity

    Attributes
    ----------
    n_dropped : number of items dropped
    """

    def __init__(self, largest: int = LARGEST_BACKLOG) -> None:
        self.n_dropped = 0
        self._largest = largest
        self._items: deque[Item] = deque()
        self._ended = False
        self._changed = threading.Condition()

    @property
    def has_room(self) -> bool:
        """Whether another item can be added without dropping one."""
        return len(self._items) < self._largest

    def put(self, item: Item) -> Item | None:
        """Add an item; returns the item dropped for it, if any: the oldest one, or the item itself after `end`."""
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
        """Wait for the next item and return it; None at the end or after the time-out."""
        with self._changed:
            self._changed.wait_for(lambda: self._items or self._ended, timeout_seconds)
            return self._next()

    def end(self) -> None:
        """Accept no more items; those in the queue can still be read."""
        with self._changed:
            self._ended = True
            self._wake()

    def clear(self) -> list[Item]:
        """Remove and return all items."""
        with self._changed:
            items = list(self._items)
            self._items.clear()
            return items

    # For subclasses; called with the lock held.

    def _wake(self) -> None:
        self._changed.notify_all()

    def _gave_way(self) -> None: ...

    def _next(self) -> Item | None:
        return self._items.popleft() if self._items else None
