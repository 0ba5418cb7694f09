"""Callbacks and sinks that receive events, each on its own thread."""

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
"""Time limit for a sink to write its events and close."""


class ThreadReceiver(Outbox):
    """Calls a function or a sink with one event after another, on its own thread.

    Parameters
    ----------
    name : for messages
    function : called with each event, whose age is checked immediately before
    owner : notified of failures
    wants : whether an event is for it
    oldest_seconds : maximum age of an event
    loop : runs the function's result, if it has to be awaited
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
        """Whether all its events are handled; retries, which may take for ever, do not count."""
        return self._n_in_hands == 0 or self._retries

    @property
    def is_busy(self) -> bool:
        """Whether a call is in progress."""
        return self._busy_since is not None

    @property
    def busy_since(self) -> float | None:
        """Start of the current call, by `time.monotonic`; None if there is none, or a retry is pending."""
        return None if self._retries else self._busy_since

    @property
    def n_dropped(self) -> int:
        """Number of events for which it was too slow."""
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
        """Wait for its thread until ``end`` on the monotonic clock; one that hangs is abandoned."""
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
                with suppress(Exception):  # announcements are tried once only
                    self._run(told)
            self.owner.dropped(told, self)
        self._run(event)

    def _run(self, event: Event) -> None:
        """Call the function; failures are counted, and reported once per place in the program."""
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
        """Handle an awaitable result of a plain function: from now on its events go to the loop."""
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
        name = optional.name_of(sink, f"sink {type(sink).__qualname__}")
        super().__init__(name, sink.send, owner, lambda _: True, optional.oldest_seconds(sink))
        self.sink = sink

    @property
    def n_undelivered(self) -> int:
        """Number of events that never reached it, or that it could not deliver."""
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
    """Return a receiver for any kind of function.

    Raises
    ------
    ConfigError
        If calling it would have no effect: a generator function, or a coroutine function without a running loop.
    """
    inner: Any = function
    while isinstance(inner, functools.partial):
        inner = inner.func
    forms = (inner, getattr(inner, "__call__", None))  # noqa: B004 - the method itself is inspected
    name = optional.name_of(inner, f"callback {getattr(inner, '__qualname__', type(inner).__qualname__)}")
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
