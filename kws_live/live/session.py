"""The threads around a pipeline: capture, detector, dispatcher, and a watchdog."""

import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from functools import partial
from typing import Final

from kws_live.audio import SAMPLE_RATE_HZ
from kws_live.errors import KwsLiveError, SessionError
from kws_live.events import Detection, Event, NearMiss, word_end
from kws_live.live.audience import HANGING_CALLBACK_SECONDS
from kws_live.live.capture import Capture
from kws_live.live.changing_pipeline import ChangingPipeline
from kws_live.live.claims import claim, release
from kws_live.live.event_queue import EventQueue
from kws_live.live.listeners import Direct, Listeners
from kws_live.live.liveness import STILL_SECONDS, Liveness, as_event
from kws_live.live.overload import Overload
from kws_live.live.session_statistics import Delays, Statistics
from kws_live.live.watchers import Watchers
from kws_live.sources import AudioSource
from kws_live.spotting.pipeline import Pipeline, Step
from kws_live.stream.findings import Finding
from kws_live.stream.ring_buffer import RingBuffer
from kws_live.system.backlog import LARGEST_BACKLOG
from kws_live.system.clock import wall_seconds
from kws_live.system.interrupts import Latch

RING_SECONDS: Final = 10.0
"""Length of the ring buffer."""

LOOK_SECONDS: Final = 1.0
"""Maximum wait of the detector, in case a source stops in the middle of a hop."""

MOST_HANGING: Final = 3
"""Maximum number of threads hanging in a source; after that, none is replaced."""

DETECTOR_SECONDS: Final = 10.0
"""Time limit for the detector at the end; it checks at each hop whether to stop."""


class Session:
    """Runs a source through a pipeline on its own threads.

    The capture thread waits for the source and writes the ring buffer; the detector thread runs the pipeline;
    the dispatcher thread calls ``deliver``. A thread that dies ends the session, and `wait` raises its error.

    Parameters
    ----------
    source : already open; the session closes it
    pipeline : used only by the detector thread
    deliver : called for each event on the dispatcher thread
    reopen : reopens a lost source; None: a lost source ends the session
    on_step : called on the detector thread for each hop; must return quickly
    audience : the receivers of events
    still_seconds : time without activity or audio that is reported; more than `LOOK_SECONDS`

    Attributes
    ----------
    capture, liveness : state of the source, and of hanging parts
    """

    def __init__(
        self,
        source: AudioSource,
        pipeline: Pipeline | ChangingPipeline,
        deliver: Callable[[Event], None],
        reopen: Callable[[], AudioSource] | None = None,
        on_step: Callable[[Step], None] | None = None,
        ring_seconds: float = RING_SECONDS,
        audience: Listeners | None = None,
        still_seconds: float = STILL_SECONDS,
    ) -> None:
        self.ring = RingBuffer(round(ring_seconds * SAMPLE_RATE_HZ))
        self._pipeline = pipeline
        self._deliver = deliver
        self._audience = Direct() if audience is None else audience
        self._queue = EventQueue(LARGEST_BACKLOG)
        self._first_source = source
        self.capture = Capture(self.ring, source, reopen, self._tell, still_seconds)
        self._watchers = Watchers(on_step)
        self._stop = threading.Event()
        self._ended = Latch()
        self._error: BaseException | None = None
        self._overload = Overload(self.tell_finding)
        self._detector_at = time.monotonic()
        self._delivering_since: float | None = None
        self.liveness = Liveness(self.tell_finding, still_seconds)
        self._delays = Delays()
        self._cpu_begin = time.process_time()
        self._detector = self._thread("detector", self._detect)
        self._dispatcher = self._thread("dispatcher", self._dispatch)
        self._threads = [
            self._thread("capture", self.capture.run),
            self._detector,
            self._dispatcher,
            self._thread("watch", self._watch_threads),
        ]

    def _thread(self, name: str, run: Callable[[], None]) -> threading.Thread:
        return threading.Thread(target=self._guard, args=(name, run), name=f"kws-live {name}", daemon=True)

    @property
    def source(self) -> AudioSource:
        """The current source; a different object after it was reopened."""
        return self.capture.source

    @property
    def threads(self) -> tuple[threading.Thread, ...]:
        """Capture, detector, dispatcher, watchdog; several captures if a source hung."""
        return tuple(self._threads)

    @property
    def ended(self) -> Latch:
        """Set when no more events will come."""
        return self._ended

    @property
    def running(self) -> bool:
        """Whether more events may come."""
        return self._detector.ident is not None and not self._ended.is_set()

    def start(self) -> None:
        """Start the threads, once."""
        if self._detector.ident is not None:
            raise SessionError("this session was already started; create a new one")
        claim(self._first_source)
        self._detector_at = time.monotonic()
        for thread in self.threads:
            thread.start()

    def watch(self, on_step: Callable[[Step], None]) -> Callable[[], None]:
        """Call a function on the detector thread for each hop; returns a function that unregisters it."""
        return self._watchers.add(on_step)

    def change_source(self, source: AudioSource, reopen: Callable[[], AudioSource] | None = None) -> None:
        """Switch to another source, already open; the session closes it and the previous one.

        Raises
        ------
        SessionError
            If listening has ended.
        """
        self.capture.change_source(source, reopen)

    def stop(self) -> None:
        """End and wait for the threads; can be called repeatedly and from a callback."""
        self._stop.set()
        self.capture.stop()
        self.ring.close()
        if self._detector.ident is None:
            self.capture.source.close()
            self._ended.set()
            return
        end = time.monotonic() + HANGING_CALLBACK_SECONDS
        in_callback = self._audience.runs_here()
        for thread in self.threads:
            if thread is not threading.current_thread() and not (in_callback and thread is self._dispatcher):
                # A thread that hangs in foreign code must not hang stop(): it is a daemon and is abandoned.
                ours = thread is self._detector
                with suppress(RuntimeError):  # a signal may have come between the starts of the threads
                    thread.join(DETECTOR_SECONDS if ours else max(0.0, end - time.monotonic()))
        if threading.current_thread() is not self._dispatcher and not in_callback:
            self._ended.set()

    def break_off(self, error: BaseException) -> None:
        """End because of an error, which `wait` will raise; does not block."""
        if self._error is None:
            self._error = error
        self._stop.set()
        self.capture.stop()
        self.ring.close()

    def wait(self, timeout_seconds: float | None = None) -> bool:
        """Wait until the session ends; False at the time-out. Raises the error that ended it."""
        if not self._ended.wait(timeout_seconds):
            return False
        self.raise_what_broke()
        return True

    def raise_what_broke(self) -> None:
        """Raise the error that ended the session, if any; takes no lock."""
        if self._error is not None:
            if isinstance(self._error, KwsLiveError):
                raise self._error
            raise SessionError(f"listening broke: {type(self._error).__name__}: {self._error}") from self._error

    def statistics(self) -> Statistics:
        """Return the statistics so far."""
        counts = self._pipeline.counts
        audio_seconds = self.ring.position / SAMPLE_RATE_HZ
        delay_median_ms, delay_95_ms = self._delays.figures_ms()
        return Statistics(
            audio_seconds=audio_seconds,
            samples_skipped=counts.samples_skipped,
            n_overflows=self.capture.n_overflows,
            n_lost=self.capture.n_lost,
            lost_seconds=self.capture.lost_seconds,
            hops=counts.hops,
            hops_scored=counts.hops_scored,
            hops_scored_twice=counts.hops_scored_twice,
            cpu_ms_per_second=1000 * (time.process_time() - self._cpu_begin) / audio_seconds if audio_seconds else 0.0,
            delay_median_ms=delay_median_ms,
            delay_95_ms=delay_95_ms,
            events_dropped=self._queue.n_dropped,
        )

    # The threads' functions.

    def _guard(self, name: str, run: Callable[[], None]) -> None:
        try:
            run()
        except BaseException as error:
            if self._error is None:
                self._error = error
            if name != "capture":  # audio from before the error is still processed
                self._stop.set()
                self.capture.stop()
        finally:
            if name == "detector":
                self._stop.set()
                self.capture.stop()
                self._queue.end()
            elif name == "dispatcher":
                self._ended.set()
            elif name == "capture":
                release(self._first_source)

    def _tell(self, event: Event) -> None:
        self._queue.put(self._stamped(event))

    def _stamped(self, event: Event) -> Event:
        """Return the event with the arrival time of its audio or, without a word, the current time."""
        heard_at = self.ring.heard_at(word_end(event))
        if heard_at is not None and not isinstance(event, (Detection, NearMiss)):
            heard_at = wall_seconds()
        return replace(event, heard_at=heard_at)

    def _detect(self) -> None:
        while not self._stop.is_set():
            self.ring.wait(self._pipeline.next_position, LOOK_SECONDS)  # `stop` closes the ring buffer
            all_there = self.ring.closed
            self._detector_at = time.monotonic()
            while not self._stop.is_set() and (step := self._next_step()) is not None:
                if step.events:
                    step = replace(step, events=tuple(map(self._stamped, step.of(self.capture.source.name).events)))
                self._watchers.call(step)
                for event in step.events:
                    self._queue.put(event)
                self._detector_at = time.monotonic()
            if all_there:
                return

    def _next_step(self) -> Step | None:
        """Run the pipeline's next hop, or skip to the newest sample of a live stream that is too fast for it."""
        position = self.ring.position
        n_unread = self.ring.n_unread if self.capture.source.live else 0
        if self._overload.must_skip(n_unread, self._pipeline.counts.hops, position):
            return self._pipeline.skip_to(position)
        return self._pipeline.step(self.ring)

    def tell_finding(self, finding: Finding, over: bool = False) -> None:
        """Deliver a finding as an event."""
        self._tell(as_event(finding, self.ring.position, self.capture.source.name, over))

    def _dispatch(self) -> None:
        while (event := self._queue.get()) is not None:
            self._audience.hold()
            if self._ended.is_set():  # stop() has given up waiting for a callback
                return
            if isinstance(event, Detection) and event.word_end_position is not None and event.heard_at is not None:
                self._delays.add(event.age_seconds)
            self._delivering_since = time.monotonic()
            self._deliver(event)
            self._delivering_since = None
        self._audience.drain()

    def _watch_threads(self) -> None:
        liveness = self.liveness
        while not self._stop.wait(liveness.look_seconds):
            liveness.is_still("detector", self._detector_at)
            liveness.is_still("dispatcher", self._delivering_since)
            liveness.is_still("callback", self._audience.busy_since())
            if liveness.is_still("source", self.capture.turned_at, opens=not self.capture.is_open):
                self._replace_capture()

    def _replace_capture(self) -> None:
        """Continue with the source on another thread, if it can be reopened."""
        captures = [thread for thread in self._threads if thread.name == "kws-live capture" and thread.is_alive()]
        if self.capture.can_reopen and len(captures) <= MOST_HANGING:
            thread = self._thread("capture", partial(self.capture.run, after_hang=True))
            self._threads = [*(one for one in self._threads if one.is_alive()), thread]
            thread.start()
