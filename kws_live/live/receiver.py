"""Callbacks and sinks that are told of events, each on a thread of its own."""

import asyncio
import functools
import inspect
import logging
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any, Final

from kws_live.actions.outbox import Outbox, Task
from kws_live.errors import ActionError, ConfigError, SessionError
from kws_live.events import COMMAND_SECONDS, Event
from kws_live.live.event_queue import dropped_before
from kws_live.live.loop_receiver import LoopReceiver, Owner, Wants, running_loop, tell_once
from kws_live.sinks import EventSink, optional

log = logging.getLogger(__name__)

SINK_SECONDS: Final = 5.0
"""How long a sink may take to write out and let go."""


class ThreadReceiver(Outbox):
    """Calls a function or a sink with one event after another, on a thread of its own.

    Parameters
    ----------
    name : for messages
    function : called with each event; its age is looked at right before
    owner : told of failures
    wants : which events are for it
    oldest_seconds : an event's largest age
    loop : runs what the function returns, if that has to be awaited
    """

    def __init__(
        self,
        name: str,
        function: Callable[[Any], object],
        owner: Owner,
        wants: Wants,
        oldest_seconds: float = COMMAND_SECONDS,
        loop: asyncio.AbstractEventLoop | None = None,
    ) -> None:
        super().__init__(name, self._call, oldest_seconds=oldest_seconds)
        self.wants = wants
        self.function = function
        self.owner = owner
        self._loop = loop
        self._on_loop: LoopReceiver | None = None
        self._n_untold = 0
        self._places: set[str] = set()
        self._n_in_hands = 0
        self._busy_since: float | None = None
        self._retries = False

    @property
    def is_idle(self) -> bool:
        """Whether it is done with all it was given; what is tried again may take for ever, and is not waited for."""
        return self._n_in_hands == 0 or self._retries

    @property
    def is_busy(self) -> bool:
        """Whether it is being called."""
        return self._busy_since is not None

    @property
    def busy_since(self) -> float | None:
        """Since when it has been called, by `time.monotonic`; None where it waits, or will try again."""
        return None if self._retries else self._busy_since

    @property
    def n_dropped(self) -> int:
        """Events that came too late for it."""
        return self.n_lost + (0 if self._on_loop is None else self._on_loop.n_dropped)

    def put(self, event: Event, deliver: Callable[[Event], object] | None = None) -> None:
        with self._lock:
            self._n_in_hands += 1
        super().put(event, deliver)

    def _settle(self, task: Task) -> None:
        with self._lock:
            self._n_in_hands -= 1
        self.owner.clock.handled()

    def _will_retry(self) -> None:
        self._retries = True
        self.owner.clock.handled()

    def _deliver(self, task: Task) -> None:
        self._busy_since = time.monotonic()
        try:
            super()._deliver(task)
        finally:
            self._busy_since, self._retries = None, False

    def leave(self, end: float) -> None:
        """Wait up to a moment of the monotonic clock for its thread to end; one that hangs is left behind."""
        self._join(end)
        self.drop_rest()

    def _drop(self, task: Task, why: str) -> None:
        super()._drop(task, why)
        with self._lock:
            self._n_untold += 1

    def _call(self, event: Event) -> None:
        with self._lock:
            n_events, self._n_untold = self._n_untold, 0
        if n_events:
            told = dropped_before(event, n_events)
            if self.wants(told):
                with suppress(Exception):  # what is told is worth one try
                    self._run(told)
            self.owner.dropped(told, self)
        self._run(event)

    def _run(self, event: Event) -> None:
        """Call the function; a failure is told once for each place in the program, and counted."""
        if self._on_loop is not None:
            return self._on_loop.put(event)
        try:
            result = self.function(event)
            if inspect.isawaitable(result):
                self._await(result, event)
        except Exception as error:
            self.owner.failed()
            tell_once(self._places, self.name, error)
        except BaseException as error:
            self.owner.failed()
            self.owner.broke(error)
        return None

    def _await(self, result: Awaitable[object], event: Event) -> None:
        """A plain function gave something to be awaited: from now on its events go to the loop."""
        if self._loop is None:
            if inspect.iscoroutine(result):
                result.close()
            raise SessionError(
                f"{self.name} returns a coroutine, and no event loop ran where it was registered: it was not awaited; "
                f"register it inside a running event loop"
            )
        self._on_loop = LoopReceiver(self.name, self.function, self.owner, self.wants, self._loop)
        self._on_loop.put(event, result)


class SinkReceiver(ThreadReceiver):
    """Sends events to a sink, and closes it at the end, all on its own thread."""

    def __init__(self, sink: EventSink, owner: Owner) -> None:
        super().__init__(optional.name_of(sink), sink.send, owner, lambda _: True, optional.oldest_seconds(sink))
        self.sink = sink

    @property
    def n_undelivered(self) -> int:
        """What never reached it, and what it took and could not deliver."""
        return self.n_lost + optional.n_lost(self.sink)

    def _run(self, event: Event) -> None:
        try:
            self.function(event)
        except ActionError as error:
            if not error.again or self._closing.is_set():
                self.owner.failed()
            raise
        except Exception:
            self.owner.failed()
            raise
        except BaseException as error:
            self.owner.broke(error)

    def end(self, seconds: float = SINK_SECONDS) -> None:
        super().end(seconds)
        self._start()  # to close it

    def leave(self, end: float) -> None:
        self.close(max(end, self._close_by) - time.monotonic())

    def _work(self) -> None:
        try:
            super()._work()
        finally:
            try:
                self.sink.close()
            except Exception as error:
                self.owner.failed()
                is_plain = isinstance(error, OSError)
                log.error("%s could not be closed: %s", self.name, error, exc_info=None if is_plain else error)


def make_receiver(function: Callable[[Any], object], owner: Owner, wants: Wants) -> ThreadReceiver | LoopReceiver:
    """A receiver for any kind of function.

    Raises
    ------
    ConfigError
        If it cannot be called to any effect: a generator function, or a coroutine function where no loop runs.
    """
    inner: Any = function
    while isinstance(inner, functools.partial):
        inner = inner.func
    forms = (inner, getattr(inner, "__call__", None))  # noqa: B004 - the method itself is looked at
    name = f"callback {getattr(inner, '__qualname__', type(inner).__qualname__)}"
    if any(inspect.isgeneratorfunction(form) or inspect.isasyncgenfunction(form) for form in forms):
        raise ConfigError(f"{name} is a generator function, whose body never runs when it is called; remove its yield")
    loop = running_loop()
    if not any(inspect.iscoroutinefunction(form) for form in forms):
        return ThreadReceiver(name, function, owner, wants, loop=loop)
    if loop is None:
        raise ConfigError(
            f"{name} is a coroutine function, and no event loop runs here; register it inside one, as in "
            f"asyncio.run(main()), or make it a plain function"
        )
    return LoopReceiver(name, function, owner, wants, loop)
