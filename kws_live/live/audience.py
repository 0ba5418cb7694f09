"""Whatever is told of events: callbacks, sinks, iterators, and waits for one word."""

import dataclasses
import math
import threading
import time
from collections.abc import Callable, Iterable
from typing import Any, Final, TypeVar

from kws_live.events import Detection, Event, EventsDropped, NearMiss, word_end
from kws_live.live.event_stream import EventStream
from kws_live.live.loop_receiver import LoopReceiver, Receiver, runs_in_coroutine_of
from kws_live.live.receiver import SINK_SECONDS, SinkReceiver, ThreadReceiver, make_receiver
from kws_live.live.session_statistics import Statistics
from kws_live.live.stream_clock import StreamClock
from kws_live.sinks import EventSink
from kws_live.system.interrupts import Latch

HANGING_CALLBACK_SECONDS: Final = 0.8
"""How long the end waits for callbacks; one that hangs is left behind."""

END_SECONDS: Final = 0.2
"""How long a thread that is told to end may take for it."""

POLL_SECONDS: Final = 0.05

MUTED_KEPT: Final = 8
"""Ended mutings that are kept: words from their time may still be on the way."""

Kind = TypeVar("Kind")

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
    """Hands each event to all who are told of it, in order, and waits for none of them.

    Each callback and each sink has a queue and a thread of its own (a coroutine function: its event loop), each
    iterator a queue; so what is slow, hangs or fails costs the others nothing.

    Parameters
    ----------
    clock : told of each event that is handed out
    sinks : closed at the end
    on_break : called with a `SystemExit` or `KeyboardInterrupt` that a callback raised
    """

    def __init__(
        self,
        clock: StreamClock,
        sinks: Iterable[EventSink] = (),
        on_break: Callable[[BaseException], object] = lambda _: None,
    ) -> None:
        self.clock = clock
        self._on_break = on_break
        self._lock = threading.Lock()
        self._receivers: list[ThreadReceiver | LoopReceiver] = [SinkReceiver(sink, self) for sink in sinks]
        self._streams: list[EventStream] = []
        self._waits: list[Wait] = []
        self._muted: list[list[int | None]] = []
        self._n_failed = 0
        self._n_dropped_by_streams = 0
        self._closed = False
        self._hurry_by = float("inf")
        self._stopping: set[ThreadReceiver] = set()
        self._present = Latch()
        clock.ask(self._all_idle, self._present.is_set)
        if self._receivers:
            self._present.set()

    def hold(self) -> None:
        """Wait until there is something to tell events to."""
        self._present.wait()

    def let_go(self) -> None:
        """Hold events back no longer, even if there is nothing to tell them to."""
        self._present.set()

    def add_callback(self, kind: type[Event], keywords: Iterable[str], function: Callable[[Any], object]) -> None:
        """Call a function with the events it is for.

        Raises
        ------
        ConfigError
            If it is a coroutine function and no event loop runs here, or a generator function.
        """
        words = frozenset(keywords)

        def wants(event: Event) -> bool:
            is_wanted = not words or (isinstance(event, (Detection, NearMiss)) and event.keyword in words)
            return isinstance(event, kind) and is_wanted

        receiver = make_receiver(function, self, wants)
        with self._lock:
            if not self._closed:
                self._receivers.append(receiver)
        self._present.set()

    def add_sink(self, sink: EventSink) -> None:
        """Send every event to a sink."""
        with self._lock:
            if not self._closed:
                self._receivers.append(SinkReceiver(sink, self))
                self._present.set()
                return
        sink.close()

    @property
    def sinks(self) -> tuple[EventSink, ...]:
        """What every event is sent to."""
        return tuple(one.sink for one in self._all(SinkReceiver))

    def add_stream(self) -> EventStream:
        """A new iterator over events."""
        stream = EventStream(self._forget, self.clock)
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
                self._n_dropped_by_streams += stream.n_dropped

    def add_wait(self, keywords: Iterable[str], until_position: int | None, answer: Answer) -> Wait:
        """Wait for one of these words (none given: any) up to a position of the stream."""
        wait = Wait(frozenset(keywords), answer, self.clock)
        with self._lock:
            self._waits = [*(one for one in self._waits if not one.over), wait]
            over = self._closed
        if over:
            wait.end()
        elif until_position is not None:
            self.clock.call_at(until_position, wait.end)
        self._present.set()
        return wait

    def mute(self, position: int) -> Callable[[int], None]:
        """Tell of no words that end after this position, until what is returned is called with a later one."""
        span: list[int | None] = [position, None]
        with self._lock:
            self._muted.append(span)
        self._present.set()  # not to be told is a wish, too

        def unmute(position: int) -> None:
            with self._lock:
                span[1] = position
                ended = [one for one in self._muted if one[1] is not None]
                for one in ended[:-MUTED_KEPT]:
                    self._muted.remove(one)

        return unmute

    def _is_muted(self, event: Event) -> bool:
        if not isinstance(event, (Detection, NearMiss)):
            return False
        return self.is_muted_at(word_end(event))

    def is_muted_at(self, position: int) -> bool:
        """Whether a word that ends there is told to nothing."""
        with self._lock:
            return any((begin or 0) <= position and (end is None or position < end) for begin, end in self._muted)

    def deliver(self, event: Event) -> None:
        """Hand one event out, on the dispatcher thread."""
        if not self._is_muted(event):
            with self._lock:
                receivers, streams, waits = list(self._receivers), list(self._streams), self._waits
            for receiver in receivers:
                if receiver.wants(event):
                    receiver.put(event)
            for stream in streams:
                stream.put(event)
            for wait in waits:
                wait.offer(event)
        self.clock.handed_out(event)

    # What receivers tell.

    def failed(self) -> None:
        """A callback or sink raised an exception."""
        with self._lock:
            self._n_failed += 1

    def broke(self, error: BaseException) -> None:
        """A callback wants the program to end."""
        self._on_break(error)

    def dropped(self, told: EventsDropped, receiver: Receiver) -> None:
        """A receiver was too slow for some events: tell the others, where that makes no event give way."""
        with self._lock:
            others = [one for one in self._receivers if one is not receiver and one.wants(told) and one.has_room]
        for other in others:
            other.put(told)

    def _all_idle(self) -> bool:
        return all(one.is_idle for one in self._receivers.copy() if isinstance(one, ThreadReceiver))

    def runs_here(self, coroutines: bool = True) -> bool:
        """Whether the caller is a callback or sink, on its thread or, if asked for, as a coroutine."""
        return self._own_thread() is not None or (coroutines and runs_in_coroutine_of(self))

    def _own_thread(self) -> ThreadReceiver | None:
        return next((one for one in self._all(ThreadReceiver) if one.runs_here), None)

    def _all(self, kind: type[Kind]) -> list[Kind]:
        with self._lock:
            return [one for one in self._receivers if isinstance(one, kind)]

    def figures(self, session: Statistics) -> Statistics:
        """The session's figures with those of delivery."""
        with self._lock:
            receivers, streams = list(self._receivers), list(self._streams)
            n_dropped, n_failed = self._n_dropped_by_streams, self._n_failed
        sinks = self._all(SinkReceiver)
        n_dropped += sum(stream.n_dropped for stream in streams)
        n_dropped += sum(one.n_dropped for one in receivers if one not in sinks)
        return dataclasses.replace(
            session,
            callback_errors=n_failed,
            events_dropped=session.events_dropped + n_dropped,
            events_undelivered=sum(one.n_undelivered for one in sinks),
        )

    # The end.

    def busy_since(self) -> float | None:
        """Since when the callback or sink has been busy that was called first, by `time.monotonic`; None: none is."""
        return min((at for one in self._all(ThreadReceiver) if (at := one.busy_since) is not None), default=None)

    def hurry(self) -> None:
        """Listening is stopped: `drain` waits for what hangs a moment longer only. May be called by a callback."""
        receiver = self._own_thread()
        if receiver is not None:
            self._stopping.add(receiver)  # what stops the program is part of it, however long it takes
        self._hurry_by = min(self._hurry_by, time.monotonic() + HANGING_CALLBACK_SECONDS)

    def drain(self) -> None:
        """Wait until all events are handled, after the last one; after `hurry`, for nothing that hangs."""
        for sink in self._all(SinkReceiver):
            sink.end(math.inf)
        while not self.clock.wait_until_handled(POLL_SECONDS):
            stops_itself = any(one in self._stopping and one.is_busy for one in self._all(ThreadReceiver))
            if time.monotonic() >= self._hurry_by and not stops_itself:
                return

    def close(self) -> None:
        """Nothing more will come: close the sinks, end the iterators, answer the waits."""
        with self._lock:
            self._closed = True
            streams, waits = list(self._streams), self._waits
            self._waits = []
        threads = self._all(ThreadReceiver)
        for receiver in threads:  # first all of them: sinks close side by side
            receiver.end(SINK_SECONDS if isinstance(receiver, SinkReceiver) else 0.0)
        for stream in streams:
            stream.end()
        for wait in waits:
            wait.end()
        self.clock.end()
        end = time.monotonic() + END_SECONDS
        for receiver in threads:
            receiver.leave(end)
