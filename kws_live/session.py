"""Three threads around one pipeline: capture, detector, dispatcher."""

import logging
import queue
import statistics
import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from kws_live.audio import SAMPLE_RATE_HZ
from kws_live.errors import KwsLiveError, SessionError, SourceLostError
from kws_live.events import Detection, Event, EventsDropped, SourceLost, SourceReopened
from kws_live.intake import Intake
from kws_live.pipeline import Pipeline, Step
from kws_live.ring_buffer import RingBuffer
from kws_live.sources import AudioSource

log = logging.getLogger(__name__)

RING_SECONDS: Final = 10.0
"""How far the detector may fall behind before the oldest audio is skipped."""

LARGEST_BACKLOG: Final = 1000
"""Events that wait for a slow callback; later ones are dropped, counted and announced."""

POLL_SECONDS: Final = 0.25
"""Longest wait of any thread before it looks whether to stop."""

HANGING_CALLBACK_SECONDS: Final = 2.0
"""How long `Session.stop` waits for a callback that does not return."""

REOPEN_PAUSES_SECONDS: Final = (0.25, 0.5, 1.0, 2.0, 5.0)
"""Pauses between tries to reopen a lost source; the last one repeats."""


@dataclass(frozen=True)
class Statistics:
    """What a session did.

    Attributes
    ----------
    audio_seconds : length of the stream so far
    samples_skipped : audio that was never looked at, at 22,050 Hz
    n_overflows : how often the source lost audio before handing it over
    hops, hops_scored : hops seen, and those the gate let through
    cpu_ms_per_second : processor time of the whole process for a second of audio
    delay_median_ms, delay_95_ms : from a word's end, heard by the program, to its callback; None without words
    callback_errors : exceptions raised by callbacks and sinks
    events_dropped : events that callbacks and sinks were too slow for
    """

    audio_seconds: float
    samples_skipped: int
    n_overflows: int
    hops: int
    hops_scored: int
    cpu_ms_per_second: float
    delay_median_ms: float | None
    delay_95_ms: float | None
    callback_errors: int
    events_dropped: int

    @property
    def gate_open_percent(self) -> float:
        """Share of hops that were scored."""
        return 100.0 * self.hops_scored / self.hops if self.hops else 0.0

    def rows(self) -> list[tuple[str, str]]:
        """The figures as names and values for people."""
        delay = "no words"
        if self.delay_median_ms is not None and self.delay_95_ms is not None:
            delay = (
                f"{self.delay_median_ms:.0f} ms median, {self.delay_95_ms:.0f} ms at 95 %, from word end to callback"
            )
        return [
            ("audio", f"{self.audio_seconds:.1f} s"),
            ("skipped", f"{self.samples_skipped} samples"),
            ("overflows", f"{self.n_overflows}"),
            ("scored", f"{self.hops_scored} of {self.hops} hops; the gate was open {self.gate_open_percent:.1f} %"),
            ("CPU", f"{self.cpu_ms_per_second:.1f} ms for a second of audio"),
            ("delay", delay),
            ("callbacks", f"{self.callback_errors} failed, {self.events_dropped} events dropped"),
        ]


class Session:
    """Runs a source through a pipeline on threads of its own.

    The capture thread waits for the source and writes the ring buffer; the detector thread runs the pipeline;
    the dispatcher thread calls ``deliver``. A thread that dies ends the session, and `wait` raises its error.

    Parameters
    ----------
    source : already open; the session closes it
    pipeline : used by the detector thread alone
    deliver : called for each event on the dispatcher thread
    reopen : opens a lost source anew; None: a lost source ends the session
    on_step : called on the detector thread for each hop; must be quick
    """

    def __init__(
        self,
        source: AudioSource,
        pipeline: Pipeline,
        deliver: Callable[[Event], None],
        reopen: Callable[[], AudioSource] | None = None,
        on_step: Callable[[Step], None] | None = None,
        ring_seconds: float = RING_SECONDS,
    ) -> None:
        self.ring = RingBuffer(round(ring_seconds * SAMPLE_RATE_HZ))
        self.callback_errors = 0
        self.events_dropped = 0
        self._source = source
        self._pipeline = pipeline
        self._deliver = deliver
        self._reopen = reopen
        self._on_step: tuple[Callable[[Step], None], ...] = () if on_step is None else (on_step,)
        self._change: tuple[AudioSource, Callable[[], AudioSource] | None] | None = None
        self._change_lock = threading.Lock()
        self._queue: queue.Queue[Event | None] = queue.Queue(LARGEST_BACKLOG)
        self._dropped_unannounced = 0
        self._stop = threading.Event()
        self._progress = threading.Event()
        self._ended = threading.Event()
        self._error: BaseException | None = None
        self._overflows_before = 0
        self._heard: deque[tuple[int, float]] = deque(maxlen=400)
        self._delays: deque[float] = deque(maxlen=10_000)
        self._threads = [
            threading.Thread(target=self._guard, args=(run,), name=f"kws-live {name}", daemon=True)
            for name, run in (("capture", self._capture), ("detector", self._detect), ("dispatcher", self._dispatch))
        ]

    @property
    def source(self) -> AudioSource:
        """The source as it is now: another object after it was reopened."""
        return self._source

    @property
    def threads(self) -> tuple[threading.Thread, ...]:
        """Capture, detector, dispatcher."""
        return tuple(self._threads)

    @property
    def ended(self) -> threading.Event:
        """Set once no more events will come."""
        return self._ended

    @property
    def running(self) -> bool:
        """Whether events may still come."""
        return self._threads[0].ident is not None and not self._ended.is_set()

    def start(self) -> None:
        """Start the threads, once."""
        if self._threads[0].ident is not None:
            raise SessionError("this session was started before; make a new one")
        self._cpu_begin = time.process_time()
        for thread in self._threads:
            thread.start()

    def watch(self, on_step: Callable[[Step], None]) -> Callable[[], None]:
        """Call a function on the detector thread for each hop from now on; what is returned ends that."""
        self._on_step = (*self._on_step, on_step)

        def unwatch() -> None:
            self._on_step = tuple(one for one in self._on_step if one is not on_step)

        return unwatch

    def change_source(self, source: AudioSource, reopen: Callable[[], AudioSource] | None = None) -> None:
        """Go on with another source, already open; the session closes it, and the one it had."""
        with self._change_lock:
            if not self.running or self.ring.closed:
                source.close()
                raise SessionError("listening has ended, so there is no source to change; start again")
            if self._change is not None:
                self._change[0].close()
            self._change = (source, reopen)

    def stop(self) -> None:
        """End and wait for the threads; may be called twice and from inside a callback."""
        self._stop.set()
        self._progress.set()
        self.ring.close()
        if self._threads[0].ident is None:
            self._source.close()
            self._ended.set()
            return
        for thread in self._threads:
            if thread is not threading.current_thread():
                # A callback that hangs must not hang stop(): the dispatcher is a daemon and is left behind.
                thread.join(HANGING_CALLBACK_SECONDS if thread is self._threads[2] else None)
        if threading.current_thread() is not self._threads[2]:
            self._ended.set()

    def wait(self, timeout_seconds: float | None = None) -> bool:
        """Wait until the session ends; False at the time-out. Raises the error that ended it."""
        end = None if timeout_seconds is None else time.monotonic() + timeout_seconds
        # In slices, because a wait without end cannot be interrupted by Ctrl-C on Windows.
        while not self._ended.wait(
            POLL_SECONDS if end is None else max(0.0, min(POLL_SECONDS, end - time.monotonic()))
        ):
            if end is not None and time.monotonic() >= end:
                return False
        if self._error is not None:
            if isinstance(self._error, KwsLiveError):
                raise self._error
            raise SessionError(f"listening broke: {type(self._error).__name__}: {self._error}") from self._error
        return True

    def statistics(self) -> Statistics:
        """The figures so far."""
        counts = self._pipeline.counts
        audio_seconds = self.ring.position / SAMPLE_RATE_HZ
        delays = sorted(self._delays)
        return Statistics(
            audio_seconds=audio_seconds,
            samples_skipped=counts.samples_skipped,
            n_overflows=self._overflows_before + self._source.n_overflows,
            hops=counts.hops,
            hops_scored=counts.hops_scored,
            cpu_ms_per_second=1000 * (time.process_time() - self._cpu_begin) / audio_seconds if audio_seconds else 0.0,
            delay_median_ms=1000 * statistics.median(delays) if delays else None,
            delay_95_ms=1000 * delays[min(len(delays) - 1, int(0.95 * len(delays)))] if delays else None,
            callback_errors=self.callback_errors,
            events_dropped=self.events_dropped,
        )

    # Each thread's run, and what guards it.

    def _guard(self, run: Callable[[], None]) -> None:
        try:
            run()
        except BaseException as error:
            if self._error is None:
                self._error = error
            self._stop.set()
        finally:
            if run == self._capture:
                with self._change_lock:
                    self.ring.close()
                    if self._change is not None:
                        self._change[0].close()
                self._source.close()
            elif run == self._detect:
                self._stop.set()
                self._progress.set()
                self._put(None)
            else:
                self._ended.set()

    def _capture(self) -> None:
        intake = Intake(self.ring, self._source.rate_hz)
        while not self._stop.is_set():
            if self._take_change():
                intake = Intake(self.ring, self._source.rate_hz)
            try:
                block = self._source.read(POLL_SECONDS)
            except SourceLostError as error:
                if self._reopen is None or not self._source_again(error, self._reopen):
                    raise
                intake = Intake(self.ring, self._source.rate_hz)
                continue
            if block is None:
                intake.finish()
                return
            intake.take(block)
            if block.shape[0]:
                self._heard.append((self.ring.position, time.monotonic()))
            # What waits to be read must not outrun the detector; what is live must be taken, come what may.
            while (
                not self._source.live and self.ring.position - self._pipeline.position > self.ring.capacity_samples // 2
            ):
                self._progress.clear()
                if self._stop.is_set():
                    return
                self._progress.wait(POLL_SECONDS)

    def _take_change(self) -> bool:
        """Go over to the source of `change_source`, if there is one."""
        with self._change_lock:
            if self._change is None:
                return False
            before, (self._source, self._reopen), self._change = self._source, self._change, None
        before.close()
        self._pipeline.source = self._source.name
        self._overflows_before += before.n_overflows
        self.ring.skip(1)  # what follows is another sound: no window may hold both
        return True

    def _source_again(self, error: SourceLostError, reopen: Callable[[], AudioSource]) -> bool:
        """Open the lost source again; False if the session was stopped meanwhile."""
        lost_at = time.monotonic()
        self._put(SourceLost(reason=str(error), position=self.ring.position, source=self._source.name))
        self._overflows_before += self._source.n_overflows
        self._source.close()
        n_tries = 0
        while not self._stop.wait(REOPEN_PAUSES_SECONDS[min(n_tries, len(REOPEN_PAUSES_SECONDS) - 1)]):
            n_tries += 1
            if self._take_change():
                return True
            try:
                self._source = reopen()
            except KwsLiveError as again:
                log.debug("not back yet: %s", again)
                continue
            lost_seconds = time.monotonic() - lost_at
            self.ring.skip(round(lost_seconds * SAMPLE_RATE_HZ))
            self._put(SourceReopened(lost_seconds=lost_seconds, position=self.ring.position, source=self._source.name))
            return True
        return False

    def _detect(self) -> None:
        while not self._stop.is_set():
            self.ring.wait(self._pipeline.next_position, POLL_SECONDS)
            all_there = self.ring.closed
            while not self._stop.is_set() and (step := self._pipeline.step(self.ring)) is not None:
                self._progress.set()
                for on_step in self._on_step:
                    on_step(step)
                for event in step.events:
                    self._put(event)
            if all_there:
                return

    def _put(self, event: Event | None) -> None:
        """Hand an event to the dispatcher without ever waiting; None ends it."""
        try:
            if event is not None and self._dropped_unannounced:
                notice = EventsDropped(n_events=self._dropped_unannounced, position=event.position, source=event.source)
                self._queue.put_nowait(notice)
                self._dropped_unannounced = 0
            self._queue.put_nowait(event)
        except queue.Full:
            if event is None:
                self._queue.get_nowait()  # the end must always fit
                self._queue.put_nowait(None)
            else:
                self._dropped_unannounced += 1
                self.events_dropped += 1

    def _dispatch(self) -> None:
        while (event := self._queue.get()) is not None:
            if isinstance(event, Detection) and event.word_end_position is not None:
                self._note_delay(event.word_end_position)
            self._deliver(event)

    def _note_delay(self, position: int) -> None:
        """Time since the program was handed the sample at ``position``."""
        for heard_position, heard_at in self._heard.copy():
            if heard_position >= position:
                self._delays.append(time.monotonic() - heard_at)
                return
