"""Time in the stream: calls scheduled for a position, and whether everything so far has been handled.

Time-outs are measured in audio, not by the wall clock, so a program behaves the same at any speed.
"""

import heapq
import itertools
import threading
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Protocol, runtime_checkable

from kws_live.events import Event
from kws_live.spotting.pipeline import Step
from kws_live.stream.ring_buffer import RingBuffer
from kws_live.system.backlog import LARGEST_BACKLOG
from kws_live.system.interrupts import shielded


class StreamClock:
    """Follows the events of a session: the detector makes them, the dispatcher delivers them, receivers handle them.

    Parameters
    ----------
    next_position : the ring buffer's position at which the detector has work to do
    """

    def __init__(self, next_position: int) -> None:
        self._next_position = next_position
        self._n_made = 0
        # No longer than the dispatcher's own queue, which drops older events.
        self._on_the_way: deque[Event] = deque(maxlen=LARGEST_BACKLOG + 1)
        self._receivers_idle: Callable[[], bool] = lambda: True
        self._is_awaited: Callable[[], bool] = lambda: True
        self._n_waiting = 0
        self._order = itertools.count()
        self._timers: list[tuple[int, int, Callable[[], object]]] = []
        self._due: deque[tuple[int, Callable[[], object]]] = deque()
        self._ended = False
        self._changed = threading.Condition()

    def stepped(self, step: Step, next_position: int) -> None:
        """Note a decided hop, whose events go to the dispatcher next; called on the detector thread."""
        position = step.events[-1].position if step.verdict is None else step.verdict.hop.position
        with self._changed:
            while self._timers and self._timers[0][0] <= position:
                self._due.append((self._n_made, heapq.heappop(self._timers)[2]))
            self._n_made += len(step.events)
            self._on_the_way.extend(step.events)
            self._next_position = next_position
        self._run_due()

    def handed_out(self, event: Event) -> None:
        """Note that an event, and all before it, were delivered or dropped; called on the dispatcher thread."""
        with self._changed:
            if event in self._on_the_way:  # not one of the session's own
                while self._on_the_way.popleft() != event:
                    pass
        self._run_due()

    def ask(self, receivers_idle: Callable[[], bool], is_awaited: Callable[[], bool]) -> None:
        """Set the functions that say whether all receivers are idle and whether there are any; called unlocked."""
        self._is_awaited = is_awaited
        self._receivers_idle = receivers_idle

    def handled(self) -> None:
        """Note that a receiver has handled an event."""
        with self._changed:
            self._changed.notify_all()

    def wait_until_handled(self, timeout_seconds: float) -> bool:
        """Wait until receivers have handled all events delivered so far; False at the time-out."""
        with self._changed:
            return self._changed.wait_for(self._receivers_idle, timeout_seconds)

    def end(self) -> None:
        """End the stream: make the remaining calls."""
        with self._changed:
            self._ended = True
            rest = [*(call for _, call in self._due), *(call for _, _, call in sorted(self._timers))]
            self._due.clear()
            self._timers.clear()
            self._changed.notify_all()
        for call in rest:
            call()

    def _run_due(self) -> None:
        while True:
            with self._changed:
                if not self._due or self._due[0][0] > self._n_made - len(self._on_the_way):
                    self._changed.notify_all()
                    return
                _, call = self._due.popleft()
            call()

    def call_at(self, position: int, call: Callable[[], object]) -> None:
        """Call when the stream has reached a position and events before it are delivered, or at the end.

        It runs on one of the session's threads and must return quickly.
        """
        with self._changed:
            if not self._ended:
                heapq.heappush(self._timers, (position, next(self._order), call))
                self._changed.notify_all()
                return
        call()

    # For sources that deliver audio only while the program waits for it, as in tests.

    def begin_waiting(self) -> None:
        """Note that the program waits for the stream."""
        with self._changed:
            self._n_waiting += 1
            self._changed.notify_all()

    def end_waiting(self) -> None:
        """Note that a wait has ended."""
        with self._changed:
            self._n_waiting -= 1

    @contextmanager
    def waiting(self) -> Iterator[None]:
        """Wait during the ``with`` block."""
        shielded(self.begin_waiting)
        try:
            yield
        finally:
            shielded(self.end_waiting)

    def wait_until_idle(self, ring: RingBuffer, timeout_seconds: float, awaited: bool = False) -> bool:
        """Wait until all audio is processed and all events are handled; False at the time-out.

        Parameters
        ----------
        awaited : also wait until the program waits for more
        """

        def idle() -> bool:
            handed_out = not self._on_the_way and not self._due
            done = ring.position < self._next_position and handed_out and self._receivers_idle()
            return self._ended or (done and (self._n_waiting > 0 or not awaited))

        with self._changed:
            return self._changed.wait_for(idle, timeout_seconds)

    @property
    def is_awaited(self) -> bool:
        """Whether the program has a receiver of events, or has stopped holding them back."""
        return self._is_awaited()

    @property
    def has_timers(self) -> bool:
        """Whether there are scheduled calls."""
        with self._changed:
            return bool(self._timers)

    @property
    def ended(self) -> bool:
        """Whether listening has ended."""
        return self._ended


@runtime_checkable
class FollowsClock(Protocol):
    """A source that delivers audio only when the program is ready for it."""

    def follow(self, clock: StreamClock, ring: RingBuffer) -> None:
        """Called once, before the first read."""
