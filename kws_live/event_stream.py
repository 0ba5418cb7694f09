"""Events as an iterator, blocking or asynchronous."""

import asyncio
import threading
from collections import deque
from collections.abc import Callable
from typing import Final, Self

from kws_live.events import Event
from kws_live.stream_clock import StreamClock

LARGEST_BACKLOG: Final = 1000


class EventStream:
    """Iterate over events as they come: ``for event in stream`` or ``async for event in stream``.

    A reader that does not come loses the oldest events beyond 1,000; ``n_dropped`` counts them. One reader at a time.
    """

    def __init__(self, on_close: Callable[["EventStream"], None], clock: StreamClock | None = None) -> None:
        self.n_dropped = 0
        self._events: deque[Event] = deque()
        self._ended = False
        self._changed = threading.Condition()
        self._waiter: tuple[asyncio.AbstractEventLoop, asyncio.Event] | None = None
        self._on_close = on_close
        self._clock = clock
        self._hungry = False

    def put(self, event: Event) -> None:
        """Add an event; called by the dispatcher."""
        with self._changed:
            if len(self._events) == LARGEST_BACKLOG:
                self._events.popleft()
                self.n_dropped += 1
            self._events.append(event)
            self._wake()

    def end(self) -> None:
        """Nothing more will come: iteration ends after what is left."""
        with self._changed:
            self._ended = True
            self._wake()

    def close(self) -> None:
        """Stop receiving."""
        self._on_close(self)
        self.end()

    def _set_hungry(self, hungry: bool) -> None:
        """Tell the stream's clock whether a reader waits."""
        if self._clock is not None and hungry != self._hungry:
            self._hungry = hungry
            (self._clock.begin_waiting if hungry else self._clock.end_waiting)()

    def _wake(self) -> None:
        self._set_hungry(False)
        self._changed.notify_all()
        if self._waiter is not None:
            loop, waiter = self._waiter
            self._waiter = None
            if not loop.is_closed():
                loop.call_soon_threadsafe(waiter.set)

    def get(self, timeout_seconds: float | None = None) -> Event | None:
        """The next event; None at the end or after the time-out."""
        with self._changed:
            if not self._events and not self._ended:
                self._set_hungry(True)
                self._changed.wait_for(lambda: self._events or self._ended, timeout_seconds)
                self._set_hungry(False)
            return self._events.popleft() if self._events else None

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> Event:
        event = self.get()
        if event is None:
            raise StopIteration
        return event

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Event:
        while True:
            with self._changed:
                if self._events:
                    return self._events.popleft()
                if self._ended:
                    raise StopAsyncIteration
                waiter = asyncio.Event()
                self._waiter = (asyncio.get_running_loop(), waiter)
                self._set_hungry(True)
            try:
                await waiter.wait()
            finally:  # cancelled, too
                with self._changed:
                    self._set_hungry(False)
