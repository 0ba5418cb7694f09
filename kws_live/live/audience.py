"""The receivers of events: callbacks, sinks, iterators, and waits for a word."""

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
"""Time limit for callbacks at the end; one that hangs is abandoned."""

END_SECONDS: Final = 0.2
"""Time limit for a thread to end."""

POLL_SECONDS: Final = 0.05

MUTED_KEPT: Final = 8
"""Number of ended mutings kept, because words from their time may still be in the queue."""

Kind = TypeVar("Kind")

Answer = Callable[[Detection | None], object]


class Wait:
    """A wait for one of some words; answered once, with the detection or None."""

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
        """Answer with the event if it is one of the words."""
        if isinstance(event, Detection) and (not self._keywords or event.keyword in self._keywords):
            self.end(event)

    def end(self, detection: Detection | None = None) -> None:
        """Answer, unless already answered."""
        with self._lock:
            if self._over:
                return
            self._over = True
        # Here, not in the waiting thread: by the time it wakes, more audio could have been processed.
        self._clock.end_waiting()
        self._answer(detection)


class Audience:
    """Delivers each event to all its receivers, in order, without waiting for them.

    Each callback and each sink has its own queue and thread (a coroutine function: its event loop), each
    iterator a queue, so that a slow, hanging or failing receiver does not affect the others.

    Parameters
    ----------
    clock : notified of each event delivered
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
        """Wait until there is a receiver."""
        self._present.wait()

    def let_go(self) -> None:
        """Stop holding events back, even if there is no receiver."""
        self._present.set()

    def add_callback(self, kind: type[Event], keywords: Iterable[str], function: Callable[[Any], object]) -> None:
        """Call a function with the events of a type, optionally of some words.

        Raises
        ------
        ConfigError
            If it is a coroutine function and no event loop is running, or a generator function.
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
        """The sinks."""
        return tuple(one.sink for one in self._all(SinkReceiver))

    def add_stream(self) -> EventStream:
        """Return a new iterator over events."""
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
        """Wait for one of these words (default: any) up to a position of the stream."""
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
        """Suppress words that end after this position, until the returned function is called with a later one."""
        span: list[int | None] = [position, None]
        with self._lock:
            self._muted.append(span)
        self._present.set()  # a muted program counts as a receiver

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
        """Whether a word that ends at this position is suppressed."""
        with self._lock:
            return any((begin or 0) <= position and (end is None or position < end) for begin, end in self._muted)

    def deliver(self, event: Event) -> None:
        """Deliver one event; called on the dispatcher thread."""
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

    # Called by receivers.

    def failed(self) -> None:
        """Count an exception of a callback or sink."""
        with self._lock:
            self._n_failed += 1

    def broke(self, error: BaseException) -> None:
        """Pass on a request of a callback to end the program."""
        self._on_break(error)

    def dropped(self, told: EventsDropped, receiver: Receiver) -> None:
        """Notify the other receivers that one was too slow for some events, unless that would drop an event."""
        with self._lock:
            others = [one for one in self._receivers if one is not receiver and one.wants(told) and one.has_room]
        for other in others:
            other.put(told)

    def _all_idle(self) -> bool:
        return all(one.is_idle for one in self._receivers.copy() if isinstance(one, ThreadReceiver))

    def runs_here(self, coroutines: bool = True) -> bool:
        """Whether the caller is a callback or sink, on its thread or, with ``coroutines``, as a coroutine."""
        return self._own_thread() is not None or (coroutines and runs_in_coroutine_of(self))

    def _own_thread(self) -> ThreadReceiver | None:
        return next((one for one in self._all(ThreadReceiver) if one.runs_here), None)

    def _all(self, kind: type[Kind]) -> list[Kind]:
        with self._lock:
            return [one for one in self._receivers if isinstance(one, kind)]

    def figures(self, session: Statistics) -> Statistics:
        """Return the session's statistics including those of delivery."""
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
        """Return the start of the longest running call of a callback or sink, by `time.monotonic`; None: no call."""
        return min((at for one in self._all(ThreadReceiver) if (at := one.busy_since) is not None), default=None)

    def hurry(self) -> None:
        """Limit how long `drain` waits for hanging receivers; can be called from a callback."""
        receiver = self._own_thread()
        if receiver is not None:
            self._stopping.add(receiver)  # a callback that stops the program may take any time
        self._hurry_by = min(self._hurry_by, time.monotonic() + HANGING_CALLBACK_SECONDS)

    def drain(self) -> None:
        """Wait until all events are handled, after the last one; after `hurry`, not for hanging receivers."""
        for sink in self._all(SinkReceiver):
            sink.end(math.inf)
        while not self.clock.wait_until_handled(POLL_SECONDS):
            stops_itself = any(one in self._stopping and one.is_busy for one in self._all(ThreadReceiver))
            if time.monotonic() >= self._hurry_by and not stops_itself:
                return

    def close(self) -> None:
        """End delivery: close the sinks, end the iterators, answer the waits."""
        with self._lock:
            self._closed = True
            streams, waits = list(self._streams), self._waits
            self._waits = []
        threads = self._all(ThreadReceiver)
        for receiver in threads:  # all first, so that sinks close in parallel
            receiver.end(SINK_SECONDS if isinstance(receiver, SinkReceiver) else 0.0)
        for stream in streams:
            stream.end()
        for wait in waits:
            wait.end()
        self.clock.end()
        end = time.monotonic() + END_SECONDS
        for receiver in threads:
            receiver.leave(end)
