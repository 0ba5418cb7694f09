"""Coroutine functions that receive events, on their event loop."""

import asyncio
import logging
import traceback
from collections import deque
from collections.abc import Awaitable, Callable
from contextvars import ContextVar
from typing import Any, Protocol

from kws_live.errors import SessionError
from kws_live.events import COMMAND_SECONDS, Event, EventsDropped
from kws_live.live.event_queue import EventQueue
from kws_live.live.stream_clock import StreamClock

log = logging.getLogger(__name__)

_coroutine_of: ContextVar["Owner | None"] = ContextVar("coroutine_of", default=None)
"""The owner of the callback running on the event loop."""

Wants = Callable[[Event], bool]


class Owner(Protocol):
    """What receivers report to their audience."""

    clock: StreamClock

    def failed(self) -> None:
        """A callback or sink raised an exception."""

    def broke(self, error: BaseException) -> None:
        """A callback requested the end of the program: `SystemExit`, `KeyboardInterrupt`."""

    def dropped(self, told: EventsDropped, receiver: "Receiver") -> None:
        """A receiver was too slow for some events."""


class Receiver(Protocol):
    """Receives events without blocking the caller."""

    @property
    def n_dropped(self) -> int:
        """Number of events for which it was too slow."""

    @property
    def has_room(self) -> bool:
        """Whether another event can be added without dropping one."""

    @property
    def wants(self) -> Wants:
        """Whether an event is for it."""

    def put(self, event: Event) -> None:
        """Add an event."""


class LoopReceiver:
    """Runs a coroutine function on an event loop, one event after another.

    It has no thread: adding an event only notifies the loop, which checks the event's age when its turn comes.
    """

    def __init__(
        self,
        name: str,
        function: Callable[[Any], Any],
        owner: Owner,
        wants: Wants,
        loop: asyncio.AbstractEventLoop,
    ) -> None:
        self.wants = wants
        self.name = name
        self._function = function
        self._owner = owner
        self._loop = loop
        self._queue = EventQueue(oldest_seconds=COMMAND_SECONDS)
        self._begun: deque[tuple[Event, Awaitable[object]]] = deque(maxlen=1)
        self._n_refused = 0
        self._task: asyncio.Task[None] | None = None
        self._places: set[str] = set()

    @property
    def n_dropped(self) -> int:
        """Number of events for which it was too slow."""
        return self._queue.n_dropped + self._n_refused

    @property
    def has_room(self) -> bool:
        """Whether another event can be added without dropping one."""
        return self._queue.has_room

    def put(self, event: Event, result: Awaitable[object] | None = None) -> None:
        """Add an event; ``result`` is what the function already returned for it."""
        if result is not None:
            self._begun.append((event, result))
        self._n_refused += self._queue.put(event) is event
        try:
            self._loop.call_soon_threadsafe(self._begin)
        except RuntimeError:  # it is closed
            self._queue.end()
            self._n_refused += len(self._queue.clear())
            tell_once(self._places, self.name, SessionError("its event loop has ended, so it will not be called again"))

    def _begin(self) -> None:
        if self._task is None:
            self._task = self._loop.create_task(self._run())

    async def _run(self) -> None:
        _coroutine_of.set(self._owner)
        try:
            while (event := self._queue.get(0.0)) is not None:
                if isinstance(event, EventsDropped) and not self.wants(event):
                    log.warning("%s: %d events dropped: it was too slow", self.name, event.n_events)
                    continue
                is_begun = bool(self._begun) and self._begun[0][0] is event
                try:
                    await (self._begun.pop()[1] if is_begun else self._function(event))
                except asyncio.CancelledError:
                    if self._task is None or self._task.cancelling():
                        raise  # this task was cancelled, not what it awaited
                except Exception as error:
                    self._owner.failed()
                    tell_once(self._places, self.name, error)
        finally:
            self._task = None


def tell_once(places: set[str], name: str, error: BaseException) -> None:
    """Log an exception with its traceback, once per place in the program."""
    frames = traceback.extract_tb(error.__traceback__)
    place = f"{type(error).__name__} {frames[-1].filename}:{frames[-1].lineno}" if frames else str(error)
    if place not in places and len(places) < 100:
        places.add(place)
        log.error("%s failed; listening continues, and the same failure is not reported again", name, exc_info=error)


def running_loop() -> asyncio.AbstractEventLoop | None:
    """Return the event loop running in this thread, or None."""
    try:
        return asyncio.get_running_loop()
    except RuntimeError:
        return None


def runs_in_coroutine_of(owner: Owner) -> bool:
    """Whether the caller is a coroutine run by this owner's receivers."""
    return _coroutine_of.get() is owner and running_loop() is not None
