"""Handing things to somebody slow without ever waiting for them: a bounded queue and the thread that empties it."""

import logging
import threading
import time
from collections import deque
from collections.abc import Callable
from typing import Final, Generic, TypeVar

from kws_live.errors import ActionError

log = logging.getLogger(__name__)

Item = TypeVar("Item")

CAPACITY: Final = 1000
"""Items that wait; beyond them the oldest give way, for a fresh command matters more than a stale one."""

OLDEST_SECONDS: Final = 60.0
"""A command that could not be carried out within a minute is no longer wanted."""

PAUSES_SECONDS: Final = (0.25, 0.5, 1.0, 2.0, 5.0)
"""Pauses between tries; the last one repeats."""

CLOSE_SECONDS: Final = 2.0
"""How long `Outbox.close` goes on delivering."""


class Outbox(Generic[Item]):
    """Delivers items one after another, in order, on a thread of its own.

    An item that fails with ``ActionError(again=True)`` is tried again, after growing pauses, until it is too old;
    the ones behind it wait, so the order is kept. Whatever is lost is counted and logged. Promised: each item is
    delivered at least once, in order, if the receiver works again within ``oldest_seconds`` and no more than
    ``capacity`` items wait meanwhile.

    Parameters
    ----------
    name : of the receiver, for messages
    deliver : takes one item, may block; called on the outbox's threads alone
    abort : makes a ``deliver`` that is under way return soon; called when closing has taken too long
    oldest_seconds : items that have waited longer are not delivered
    n_workers : threads; with more than one the order is not kept
    """

    def __init__(
        self,
        name: str,
        deliver: Callable[[Item], object],
        *,
        abort: Callable[[], object] = lambda: None,
        capacity: int = CAPACITY,
        oldest_seconds: float = OLDEST_SECONDS,
        n_workers: int = 1,
    ) -> None:
        self.n_lost = 0
        self._name = name
        self._do = deliver
        self._abort = abort
        self._capacity = capacity
        self._oldest_seconds = oldest_seconds
        self._waiting: deque[tuple[Item, float]] = deque()
        self._changed = threading.Condition()
        self._closing = threading.Event()
        self._close_by = float("inf")
        self._in_trouble = False
        self._threads = [
            threading.Thread(target=self._work, name=f"kws-live outbox {name}", daemon=True) for _ in range(n_workers)
        ]
        for thread in self._threads:
            thread.start()

    def put(self, item: Item) -> None:
        """Add an item; never waits."""
        with self._changed:
            if self._closing.is_set():
                self._lose("it came after the end")
                return
            if len(self._waiting) == self._capacity:
                self._waiting.popleft()
                self._lose("too many are waiting")
            self._waiting.append((item, time.monotonic()))
            self._changed.notify()

    def close(self, seconds: float = CLOSE_SECONDS) -> None:
        """Deliver what is left for at most ``seconds``, then end; may be called twice and from a delivery."""
        with self._changed:
            if not self._closing.is_set():
                self._close_by = time.monotonic() + seconds
                self._closing.set()
            self._changed.notify_all()
        own = threading.current_thread()
        for thread in self._threads:
            if thread is not own:
                thread.join(max(0.0, self._close_by - time.monotonic()))
        if any(thread.is_alive() for thread in self._threads if thread is not own):
            self._abort()
            for thread in self._threads:
                if thread is not own:
                    thread.join(1.0)
        with self._changed:
            n_left = len(self._waiting)
            self._waiting.clear()
            self.n_lost += n_left
        if n_left:
            log.warning("%s: %d not delivered before the end", self._name, n_left)

    def _lose(self, why: str) -> None:
        self.n_lost += 1
        log.warning("%s: one not delivered (%s), %d so far", self._name, why, self.n_lost)

    def _work(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._waiting or self._closing.is_set())
                if not self._waiting or time.monotonic() >= self._close_by:
                    return
                item, since = self._waiting.popleft()
            self._deliver(item, since)

    def _deliver(self, item: Item, since: float) -> None:
        n_tries = 0
        while True:
            if time.monotonic() - since > self._oldest_seconds:
                return self._lose(f"older than {self._oldest_seconds:g} s")
            try:
                self._do(item)
            except ActionError as error:
                if not error.again or self._closing.is_set():
                    return self._lose(str(error))
                if not self._in_trouble:  # once, not at every try
                    log.warning("%s; trying again", error)
                self._in_trouble = True
                self._closing.wait(PAUSES_SECONDS[min(n_tries, len(PAUSES_SECONDS) - 1)])
                n_tries += 1
            except Exception:
                log.exception("%s: delivery failed", self._name)
                return self._lose("it failed")
            else:
                if self._in_trouble:
                    log.warning("%s works again", self._name)
                    self._in_trouble = False
                return None
