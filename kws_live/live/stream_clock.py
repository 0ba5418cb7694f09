"""Time as the stream has it: calls that wait for a position, and whether everything heard so far is dealt with.

Time-outs count audio, not the wall's clock, so a program that listens behaves the same at any speed.
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
    """Follows a session from its ends: the detector makes events, the dispatcher hands them out, receivers handle them.

    Parameters
    ----------
    next_position : the ring buffer's position from which on the detector has something to do
    """

    def __init__(self, next_position: int) -> None:
        self._next_position = next_position
        self._n_made = 0
        # No longer than the dispatcher's own queue: what is older was dropped there.
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
        """A hop was decided; its events are about to be handed to the dispatcher. On the detector thread."""
        position = step.events[-1].position if step.verdict is None else step.verdict.hop.position
        with self._changed:
            while self._timers and self._timers[0][0] <= position:
                self._due.append((self._n_made, heapq.heappop(self._timers)[2]))
            self._n_made += len(step.events)
            self._on_the_way.extend(step.events)
            self._next_position = next_position
        self._run_due()

    def handed_out(self, event: Event) -> None:
        """Each receiver has an event; those made before it, too, or they were dropped. On the dispatcher thread."""
        with self._changed:
            if event in self._on_the_way:  # not one of the session's own
                while self._on_the_way.popleft() != event:
                    pass
        self._run_due()

    def ask(self, receivers_idle: Callable[[], bool], is_awaited: Callable[[], bool]) -> None:
        """Ask these whether receivers are done with all they were given, and whether there was any; without a lock."""
        self._is_awaited = is_awaited
        self._receivers_idle = receivers_idle

    def handled(self) -> None:
        """A receiver is done with an event."""
        with self._changed:
            self._changed.notify_all()

    def wait_until_handled(self, timeout_seconds: float) -> bool:
        """Wait until receivers are done with all events handed out so far; False at the time-out."""
        with self._changed:
            return self._changed.wait_for(self._receivers_idle, timeout_seconds)

    def end(self) -> None:
        """Nothing more will come: call what still waits."""
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
        """Call once the stream has reached a position and events before it are handed out; at the end at the latest.

        It runs on one of the session's threads and must be quick.
        """
        with self._changed:
            if not self._ended:
                heapq.heappush(self._timers, (position, next(self._order), call))
                self._changed.notify_all()
                return
        call()

    # For sources that hand over audio only while the program waits for it, as in tests.

    def begin_waiting(self) -> None:
        """The program waits for what the stream brings."""
        with self._changed:
            self._n_waiting += 1
            self._changed.notify_all()

    def end_waiting(self) -> None:
        """It has what it waited for."""
        with self._changed:
            self._n_waiting -= 1

    @contextmanager
    def waiting(self) -> Iterator[None]:
        """It waits while the ``with`` block runs."""
        shielded(self.begin_waiting)
        try:
            yield
        finally:
            shielded(self.end_waiting)

    def wait_until_idle(self, ring: RingBuffer, timeout_seconds: float, awaited: bool = False) -> bool:
        """Wait until all audio is looked at and all events are handled; False at the time-out.

        Parameters
        ----------
        awaited : and the program waits for more
        """

        def idle() -> bool:
            handed_out = not self._on_the_way and not self._due
            done = ring.position < self._next_position and handed_out and self._receivers_idle()
            return self._ended or (done and (self._n_waiting > 0 or not awaited))

        with self._changed:
            return self._changed.wait_for(idle, timeout_seconds)

    @property
    def is_awaited(self) -> bool:
        """Whether the program has anything that events go to, or has stopped holding them back for it."""
        return self._is_awaited()

    @property
    def has_timers(self) -> bool:
        """Whether the program waits for time to pass."""
        with self._changed:
            return bool(self._timers)

    @property
    def ended(self) -> bool:
        """Whether listening has ended."""
        return self._ended


@runtime_checkable
class FollowsClock(Protocol):
    """A source that hands over audio only when the program is ready for it."""

    def follow(self, clock: StreamClock, ring: RingBuffer) -> None:
        """Told once, before the first read."""
