"""Delivery of events to a receiver that may be slow: a bounded queue and its own threads."""

import logging
import threading
import time
from collections.abc import Callable
from typing import Final, NamedTuple

from kws_live.errors import ActionError, KwsLiveError
from kws_live.events import Event
from kws_live.system.backlog import LARGEST_BACKLOG, Backlog
from kws_live.system.clock import wall_seconds

log = logging.getLogger(__name__)

OLDEST_SECONDS: Final = 60.0
"""Maximum age of an event for a receiver on the network."""

PAUSES_SECONDS: Final = (0.25, 0.5, 1.0, 2.0)
"""Pauses between retries; the last one repeats."""

CLOSE_SECONDS: Final = 2.0
"""How long `Outbox.close` continues to deliver."""

_ENDED: Final = "listening ended first"

LARGEST_MEMORY: Final = 100
"""Maximum number of different failures logged; further ones are only counted."""

Deliver = Callable[[Event], object]
"""Takes one event; may block."""


class Task(NamedTuple):
    """An event and the function that delivers it."""

    event: Event
    deliver: Deliver


class Outbox:
    """Delivers events in order, one at a time, on its own thread, which the first event starts.

    A delivery that fails with ``ActionError(again=True)`` is retried after increasing pauses; the events behind it
    wait, so the order is kept. Before each attempt the event's age is checked: nothing older than ``oldest_seconds``
    is started, or retried for longer. Lost events are counted and never delivered later. A failure is logged
    once, until the receiver works again.

    Parameters
    ----------
    name : of the receiver, for messages
    deliver : delivers one event, may block; called only on the outbox's threads
    abort : makes a delivery in progress return soon; called when closing takes too long
    largest : capacity of the queue; beyond it the oldest events are dropped
    oldest_seconds : maximum age of an event; for an event without an age, time limit for its delivery
    n_workers : number of threads; with more than one the order is not kept

    Attributes
    ----------
    n_lost : events that were not delivered
    """

    def __init__(
        self,
        name: str,
        deliver: Deliver = lambda _: None,
        *,
        abort: Callable[[], object] = lambda: None,
        largest: int = LARGEST_BACKLOG,
        oldest_seconds: float = OLDEST_SECONDS,
        n_workers: int = 1,
    ) -> None:
        self.n_lost = 0
        self.name = name
        self._do = deliver
        self._abort = abort
        self._oldest_seconds = oldest_seconds
        self._backlog: Backlog[Task] = Backlog(largest)
        self._closing = threading.Event()
        self._close_by = float("inf")
        self._lock = threading.Lock()
        self._told: set[str] = set()
        self._n_lost_before = 0
        self._why = _ENDED
        self._trouble = ""
        self._started = False
        self._under_way: set[threading.Thread] = set()
        self._left_behind: set[threading.Thread] = set()
        self._threads = [
            threading.Thread(target=self._work, name=f"kws-live {name}", daemon=True) for _ in range(n_workers)
        ]

    @property
    def runs_here(self) -> bool:
        """Whether the calling thread is one of its own."""
        return threading.current_thread() in self._threads

    @property
    def has_room(self) -> bool:
        """Whether another event can be added without dropping one."""
        return self._backlog.has_room

    def put(self, event: Event, deliver: Deliver | None = None) -> None:
        """Add an event, to be delivered by ``deliver`` or the default; never blocks."""
        task = Task(event, deliver or self._do)
        lost = self._backlog.put(task)
        if lost is not None:
            self._lose(lost, "it came after the end") if lost is task else self._drop(lost, "too many are queued")
            self._settle(lost)
        if lost is not task:
            self._start()

    def _start(self) -> None:
        with self._lock:
            if not self._started:
                self._started = True
                for thread in self._threads:
                    thread.start()

    def end(self, seconds: float = CLOSE_SECONDS) -> None:
        """Accept no more events and deliver the rest, one attempt each, within ``seconds``; does not wait."""
        with self._lock:
            self._close_by = min(self._close_by, time.monotonic() + seconds)
            self._closing.set()
        self._backlog.end()

    def close(self, seconds: float = CLOSE_SECONDS) -> None:
        """`end`, and wait; can be called repeatedly and from a delivery."""
        self.end(seconds)
        if not self._join(self._close_by):
            self._abort()
            self._join(time.monotonic() + 1.0)
        with self._lock:
            left_behind = self._under_way - self._left_behind - {threading.current_thread()}
            self._left_behind |= left_behind
            self.n_lost += len(left_behind)
        if left_behind:
            log.warning("%s: a delivery hung and was abandoned", self.name)
        self.drop_rest()

    def _join(self, end: float) -> bool:
        """Wait for the threads until ``end`` on the monotonic clock; returns whether they have ended."""
        others = [thread for thread in self._threads if self._started and thread is not threading.current_thread()]
        for thread in others:
            thread.join(max(0.0, end - time.monotonic()))
        return not any(thread.is_alive() for thread in others)

    def drop_rest(self) -> None:
        """Drop all events that are left."""
        left = self._backlog.clear()
        for task in left:
            self._count_lost()
            self._settle(task)
        with self._lock:
            n_lost, self._n_lost_before = self.n_lost - self._n_lost_before, self.n_lost
        if n_lost:
            log.warning("%s: %d not delivered by the end: %s", self.name, n_lost, self._trouble or self._why)

    def _count_lost(self) -> None:
        with self._lock:
            if threading.current_thread() not in self._left_behind:  # already counted
                self.n_lost += 1

    def _lose(self, task: Task, why: str, error: BaseException | None = None) -> None:
        self._count_lost()
        self._why = why
        self._tell(why, "%s: not delivered: %s", self.name, why, error=error)

    def _drop(self, task: Task, why: str) -> None:
        """Drop an event for which the receiver was too slow."""
        self._lose(task, why)

    def _tell(
        self, key: str, message: str, *arguments: object, error: BaseException | None = None, is_known: bool = False
    ) -> None:
        """Log a failure, unless it is in the log already."""
        with self._lock:
            if key in self._told or len(self._told) >= LARGEST_MEMORY:
                return
            self._told.add(key)
        if not is_known:
            log.warning(message, *arguments, exc_info=error)

    def _works(self) -> None:
        with self._lock:
            self._why, self._trouble = _ENDED, ""
            was_in_trouble = bool(self._told)
            self._told.clear()
            n_lost, self._n_lost_before = self.n_lost - self._n_lost_before, self.n_lost
        if was_in_trouble:
            log.warning("%s works again; %d not delivered in the meantime", self.name, n_lost)

    # Hooks for subclasses.

    def _settle(self, task: Task) -> None:
        """Called when an event has been delivered or lost."""

    def _will_retry(self) -> None:
        """Called when a delivery failed and will be retried."""

    def _work(self) -> None:
        while (task := self._backlog.get()) is not None:
            if time.monotonic() >= self._close_by:
                self._count_lost()  # told with the others by `drop_rest`
            else:
                self._under_way.add(threading.current_thread())
                self._deliver(task)
                self._under_way.discard(threading.current_thread())
            self._settle(task)

    def _deliver(self, task: Task) -> None:
        begun = wall_seconds()
        n_tries = 0
        while True:
            if max(task.event.age_seconds, wall_seconds() - begun) > self._oldest_seconds:
                return self._drop(task, f"older than {self._oldest_seconds:g} s")
            try:
                task.deliver(task.event)
            except ActionError as error:
                if not error.again:
                    return self._lose(task, str(error))
                self._trouble = str(error)
                if self._closing.is_set():
                    return self._count_lost()
                if n_tries:  # a single failure may be transient
                    self._tell(str(error), "%s; trying again", error, is_known=error.told)
                self._will_retry()
                self._closing.wait(PAUSES_SECONDS[min(n_tries, len(PAUSES_SECONDS) - 1)])
                n_tries += 1
            except Exception as error:
                is_bug = not isinstance(error, (KwsLiveError, OSError))
                return self._lose(task, f"{type(error).__name__}: {error}", error if is_bug else None)
            else:
                return self._works()
