"""Everybody who is told of events: callbacks, sinks, iterators, and those who wait for one word."""

import asyncio
import inspect
import logging
import threading
from collections import deque
from collections.abc import Callable, Iterable
from concurrent.futures import Future
from typing import Any

from kws_live.errors import KwsLiveError
from kws_live.event_stream import EventStream
from kws_live.events import Detection, Event, NearMiss
from kws_live.sinks import EventSink
from kws_live.stream_clock import StreamClock

log = logging.getLogger(__name__)

Answer = Callable[[Detection | None], object]


class Wait:
    """Waits for one of some words; answered once, with the word or None."""

    def __init__(self, keywords: frozenset[str], answer: Answer, clock: StreamClock) -> None:
        self._keywords = keywords
        self._answer = answer
        self._clock = clock
        self._lock = threading.Lock()
        self._over = False
        clock.begin_waiting()

    @property
    def over(self) -> bool:
        """Whether it was answered."""
        return self._over

    def offer(self, event: Event) -> None:
        """Answer with the event if it is such a word."""
        if isinstance(event, Detection) and (not self._keywords or event.keyword in self._keywords):
            self.end(event)

    def end(self, detection: Detection | None = None) -> None:
        """Answer, unless that was done before."""
        with self._lock:
            if self._over:
                return
            self._over = True
        # Here, not where the waiting thread wakes: by then more audio could have come.
        self._clock.end_waiting()
        self._answer(detection)


class Audience:
    """Hands each event to everybody, in order; nobody's failure is another's.

    Parameters
    ----------
    clock : told of each delivery
    sinks : closed at the end
    on_error : called for each failure, after it is logged
    """

    def __init__(self, clock: StreamClock, sinks: Iterable[EventSink], on_error: Callable[[], object]) -> None:
        self._clock = clock
        self._on_error = on_error
        self._lock = threading.Lock()
        self._callbacks: list[tuple[type[Event], frozenset[str], Callable[[Any], object]]] = []
        self._sinks = list(sinks)
        self._streams: list[EventStream] = []
        self._waits: list[Wait] = []
        self._muted: deque[list[int | None]] = deque(maxlen=8)
        self._n_muting = 0
        self._closed = False
        self._last_failure = ""
        self._present = threading.Event()
        if self._sinks:
            self._present.set()

    def let_go(self) -> None:
        """Hold events back no longer, even if nobody is there."""
        self._present.set()

    def add_callback(self, kind: type[Event], keywords: Iterable[str], function: Callable[[Any], object]) -> None:
        """Call a function, or on the running event loop a coroutine function, with the events it is for."""
        call = self._on_loop(function) if inspect.iscoroutinefunction(function) else function
        with self._lock:
            self._callbacks.append((kind, frozenset(keywords), call))
        self._present.set()

    def _on_loop(self, function: Callable[[Any], Any]) -> Callable[[Any], object]:
        loop = asyncio.get_running_loop()

        def failed(future: "Future[Any]") -> None:
            if not future.cancelled() and (error := future.exception()) is not None:
                self._on_error()
                log.error("a callback failed; listening goes on", exc_info=error)

        def call(event: Event) -> None:
            if not loop.is_closed():
                asyncio.run_coroutine_threadsafe(function(event), loop).add_done_callback(failed)

        return call

    def add_sink(self, sink: EventSink) -> None:
        """Send every event to a sink."""
        with self._lock:
            if not self._closed:
                self._sinks.append(sink)
                self._present.set()
                return
        sink.close()

    def add_stream(self) -> EventStream:
        """A new iterator over events."""
        stream = EventStream(self._forget, self._clock)
        with self._lock:
            self._streams.append(stream)
            over = self._closed
        if over:
            stream.end()
        self._present.set()
        return stream

    def _forget(self, stream: EventStream) -> None:
        with self._lock:
            if stream in self._streams:
                self._streams.remove(stream)

    def add_wait(self, keywords: Iterable[str], until_position: int | None, answer: Answer) -> Wait:
        """Wait for one of these words (none given: any) up to a position of the stream."""
        wait = Wait(frozenset(keywords), answer, self._clock)
        with self._lock:
            self._waits = [*(one for one in self._waits if not one.over), wait]
            over = self._closed
        if over:
            wait.end()
        elif until_position is not None:
            self._clock.call_at(until_position, wait.end)
        self._present.set()
        return wait

    def mute(self, position: int) -> None:
        """Tell of no words that end after this position, until `unmute` was called as often."""
        with self._lock:
            self._n_muting += 1
            if self._n_muting == 1:
                self._muted.append([position, None])
        self._present.set()  # who does not want to hear is there all the same

    def unmute(self, position: int) -> None:
        """Tell of words again that end after this position."""
        with self._lock:
            self._n_muting -= 1
            if self._n_muting == 0:
                self._muted[-1][1] = position

    def _is_muted(self, event: Event) -> bool:
        if not isinstance(event, (Detection, NearMiss)):
            return False
        heard = event.word_end_position if isinstance(event, Detection) else None
        at = event.position if heard is None else heard
        with self._lock:
            return any(begin is not None and begin <= at and (end is None or at < end) for begin, end in self._muted)

    def deliver(self, event: Event) -> None:
        """Hand one event to everybody; on the dispatcher thread. The first one waits until somebody is there."""
        self._present.wait()
        if not self._is_muted(event):
            with self._lock:
                callbacks, sinks = list(self._callbacks), list(self._sinks)
                streams, waits = list(self._streams), self._waits
            for kind, keywords, function in callbacks:
                if isinstance(event, kind) and (not keywords or getattr(event, "keyword", None) in keywords):
                    self._call(function, event)
            for sink in sinks:
                self._call(sink.send, event)
            for stream in streams:
                stream.put(event)
            for wait in waits:
                wait.offer(event)
        self._clock.delivered(event)

    def _call(self, function: Callable[[Any], object], event: Event) -> None:
        try:
            function(event)
        except (KwsLiveError, OSError) as error:
            self._on_error()
            if str(error) != self._last_failure:  # a full disk fails at every event: told once, counted each time
                self._last_failure = str(error)
                log.error("an event was not delivered: %s; listening goes on", error)
        except Exception:
            self._on_error()
            log.exception("a callback failed on %s; listening goes on", event)

    def close(self) -> None:
        """Nothing more will come: close the sinks, end the iterators, answer who waits."""
        with self._lock:
            self._closed = True
            sinks, streams, waits = list(self._sinks), list(self._streams), self._waits
            self._sinks.clear()
            self._waits = []
        for sink in sinks:
            try:
                sink.close()
            except OSError as error:
                self._on_error()
                log.error("a sink could not write its rest: %s", error)
            except Exception:
                self._on_error()
                log.exception("a sink failed to close")
        for stream in streams:
            stream.end()
        for wait in waits:
            wait.end()
        self._clock.end()
