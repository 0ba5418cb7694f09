"""Coroutine functions that are told of events, on their event loop."""

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
"""Whose callback it is that runs on an event loop just now."""

Wants = Callable[[Event], bool]


class Owner(Protocol):
    """What receivers tell to the audience they belong to."""

    clock: StreamClock

    def failed(self) -> None:
        """A callback or sink raised an exception."""

    def broke(self, error: BaseException) -> None:
        """A callback wants the program to end: `SystemExit`, `KeyboardInterrupt`."""

    def dropped(self, told: EventsDropped, receiver: "Receiver") -> None:
        """A receiver was too slow for some events."""


class Receiver(Protocol):
    """Takes events without ever making the caller wait."""

    @property
    def n_dropped(self) -> int:
        """Events that came too late for it."""

    @property
    def has_room(self) -> bool:
        """Whether one more event makes none give way."""

    @property
    def wants(self) -> Wants:
        """Which events are for it."""

    def put(self, event: Event) -> None:
        """Take an event."""


class LoopReceiver:
    """Runs a coroutine function on an event loop, one event after another.

    It has no thread: putting an event only calls the loop, which looks at the event's age when its turn comes.
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
        """Events that came too late for it."""
        return self._queue.n_dropped + self._n_refused

    @property
    def has_room(self) -> bool:
        """Whether one more event makes none give way."""
        return self._queue.has_room

    def put(self, event: Event, result: Awaitable[object] | None = None) -> None:
        """Take an event; ``result`` is what the function gave for it already."""
        if result is not None:
            self._begun.append((event, result))
        self._n_refused += self._queue.put(event) is event
        try:
            self._loop.call_soon_threadsafe(self._begin)
        except RuntimeError:  # it has closed
            self._queue.end()
            self._n_refused += len(self._queue.clear())
            tell_once(self._places, self.name, SessionError("its event loop has ended: it is called no more"))

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
                        raise  # not what it awaited but this itself
                except Exception as error:
                    self._owner.failed()
                    tell_once(self._places, self.name, error)
        finally:
            self._task = None


def tell_once(places: set[str], name: str, error: BaseException) -> None:
    """Log an exception with its traceback, the first time it comes from its place in the program."""
    frames = traceback.extract_tb(error.__traceback__)
    place = f"{type(error).__name__} {frames[-1].filename}:{frames[-1].lineno}" if frames else str(error)
    if place not in places and len(places) < 100:
        places.add(place)
        log.error("%s failed; listening goes on, and the same failure is not told again", name, exc_info=error)


def running_loop() -> asyncio.AbstractEventLoop | None:
    """The event loop that runs in this thread, if one does."""
    try:
        return asyncio.get_running_loop()
    except RuntimeError:
        return None


def runs_in_coroutine_of(owner: Owner) -> bool:
    """Whether the caller is a coroutine that this owner's receivers run."""
    return _coroutine_of.get() is owner and running_loop() is not None
