"""Events as an iterator, blocking or asynchronous."""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from typing import Self

from kws_live.events import COMMAND_SECONDS, Event
from kws_live.live.event_queue import EventQueue
from kws_live.live.stream_clock import StreamClock
from kws_live.system.interrupts import shielded


class EventStream(EventQueue):
    """Iterate over events as they arrive: ``for event in stream`` or ``async for event in stream``.

    A reader that is too slow loses the oldest events beyond 1,000 and all that are older than 10 s: an
    `EventsDropped` says how many, and ``n_dropped`` counts them. One reader at a time.
    """

    def __init__(self, on_close: Callable[["EventStream"], None], clock: StreamClock | None = None) -> None:
        super().__init__(oldest_seconds=COMMAND_SECONDS)
        self._waiter: tuple[asyncio.AbstractEventLoop, asyncio.Event] | None = None
        self._on_close = on_close
        self._clock = clock
        self._hungry = False

    def close(self) -> None:
        """Stop receiving."""
        self._on_close(self)
        self.end()

    def _set_hungry(self, hungry: bool) -> None:
        """Notify the stream's clock whether a reader waits."""
        if self._clock is not None and hungry != self._hungry:
            self._hungry = hungry
            (self._clock.begin_waiting if hungry else self._clock.end_waiting)()

    def _wake(self) -> None:
        self._set_hungry(False)
        super()._wake()
        if self._waiter is not None:
            loop, waiter = self._waiter
            self._waiter = None
            with suppress(RuntimeError):  # the loop is closed
                loop.call_soon_threadsafe(waiter.set)

    def get(self, timeout_seconds: float | None = None) -> Event | None:
        """Return the next event; None at the end or after the time-out."""
        with self._changed:
            if not self._items and not self._ended:
                self._set_hungry(True)
                self._changed.wait_for(lambda: self._items or self._ended, timeout_seconds)
                self._set_hungry(False)
            return self._next()

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> Event:
        event = shielded(self.get)
        if event is None:
            raise StopIteration
        return event

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Event:
        while True:
            with self._changed:
                if (event := self._next()) is not None:
                    return event
                if self._ended:
                    raise StopAsyncIteration
                waiter = asyncio.Event()
                self._waiter = (asyncio.get_running_loop(), waiter)
                self._set_hungry(True)
            try:
                await waiter.wait()
            finally:  # also if cancelled
                with self._changed:
                    self._set_hungry(False)
