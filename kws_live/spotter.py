"""``listen()``: a source, a model and your functions, running together."""

import asyncio
import logging
import math
import queue
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import AbstractContextManager, ExitStack, contextmanager, suppress
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TypeVar

from kws_live.audience import Answer, Audience, Wait
from kws_live.audio import SAMPLE_RATE_HZ
from kws_live.capture import POLL_SECONDS
from kws_live.detection import make_pipeline, settings_for
from kws_live.errors import ConfigError, SessionError
from kws_live.event_stream import EventStream
from kws_live.events import Detection, Event
from kws_live.live_settings import LiveSettings, SettingsFile
from kws_live.model import DEFAULT_MODEL, Model, Runtime, load_model
from kws_live.pipeline import Pipeline, Step
from kws_live.ring_buffer import RingBuffer
from kws_live.session import Session
from kws_live.sinks import EventSink, open_sink
from kws_live.sources import AudioSource, open_source, reopen_source
from kws_live.statistics import Statistics
from kws_live.stream_clock import FollowsClock, StreamClock

log = logging.getLogger(__name__)

Callback = TypeVar("Callback", bound=Callable[[Any], object])


def listen(
    source: str | AudioSource = "mic:",
    *,
    model: str | Path | Model = DEFAULT_MODEL,
    settings: str | Path | LiveSettings | None = None,
    thresholds: Mapping[str, float] | None = None,
    sinks: Iterable[str | EventSink] = (),
    runtime: Runtime = "litert",
    on_step: Callable[[Step], None] | None = None,
) -> "Spotter":
    """Open a source and a model, ready to listen: ``with kws_live.listen() as spotter: ...``.

    Parameters
    ----------
    source : a string as in `kws_live.sources`, or any `AudioSource`
    model : name or folder
    settings : a TOML settings file, watched while listening; or live settings
    thresholds : word -> threshold, over the settings
    sinks : strings as in `kws_live.sinks`, or any `EventSink`
    runtime : "litert", or "tensorflow" to compare
    on_step : called on the detector thread with every hop's verdict; must be quick

    Raises
    ------
    KwsLiveError
        If one of them cannot be used; nothing is left open.
    """
    loaded = model if isinstance(model, Model) else load_model(model)
    path = settings if isinstance(settings, (str, Path)) else None
    live = settings_for(loaded, None if path is not None else settings, thresholds)
    watched = None if path is None else SettingsFile(live, path)  # reads it, once: it may be a pipe
    with ExitStack() as cleanup:
        opened_sinks = []
        for sink in sinks:
            opened_sinks.append(open_sink(sink, loaded.card.keywords) if isinstance(sink, str) else sink)
            cleanup.callback(opened_sinks[-1].close)
        opened = open_source(source) if isinstance(source, str) else source
        cleanup.callback(opened.close)
        pipeline = make_pipeline(loaded, live, opened.name, runtime)
        reopen = (lambda: reopen_source(source, opened.name)) if isinstance(source, str) and opened.live else None
        spotter = Spotter(loaded, live, opened, pipeline, opened_sinks, reopen, watched, on_step)
        cleanup.pop_all()
        return spotter


class Spotter:
    """Listens, and calls your functions; made by `listen`.

    It starts with ``with``, `start`, `wait` or `events`, and holds events back until the first callback, sink or
    iterator is there. Register everything before the start where no event may be missed.

    Attributes
    ----------
    model : the model that listens
    settings : thresholds and more, to be changed at any time
    """

    def __init__(
        self,
        model: Model,
        settings: LiveSettings,
        source: AudioSource,
        pipeline: Pipeline,
        sinks: Iterable[EventSink] = (),
        reopen: Callable[[], AudioSource] | None = None,
        settings_file: SettingsFile | None = None,
        on_step: Callable[[Step], None] | None = None,
    ) -> None:
        self.model = model
        self.settings = settings
        self._clock = StreamClock(pipeline.next_position)
        self._audience = Audience(self._clock, sinks, lambda error: self._session.break_off(error))
        self._session = Session(
            source,
            pipeline,
            self._audience.deliver,
            reopen,
            on_step,
            hold=self._audience.hold,
            drain=self._audience.drain,
            runs_here=self._audience.runs_here,
        )
        self._session.watch(lambda step: self._clock.stepped(step, pipeline.next_position))
        if isinstance(source, FollowsClock):
            source.follow(self._clock, self._session.ring)
        self._lock = threading.Lock()
        self._settings_file = settings_file
        self._watcher: threading.Thread | None = None
        self._stopped = threading.Event()

    @property
    def source(self) -> AudioSource:
        """Where the audio comes from."""
        return self._session.source

    @property
    def ring(self) -> RingBuffer:
        """The newest seconds of audio at 22,050 Hz."""
        return self._session.ring

    def on(self, *keywords: str, event: type[Event] = Detection) -> Callable[[Callback], Callback]:
        """Decorate a function to be called with each detection of these words (none given: every word).

        Each callback runs on a thread of its own, in the order of the events; a coroutine function on the event loop
        that runs now.

        Parameters
        ----------
        keywords : words of the model
        event : another type of event than `Detection`; ``Event`` is all of them

        Raises
        ------
        ConfigError
            If the model does not know a word.
        """
        self.settings.snapshot().require_known(*keywords)

        def register(function: Callback) -> Callback:
            self._audience.add_callback(event, keywords, function)
            return function

        return register

    def send_to(self, sink: str | EventSink) -> None:
        """Send every event to a sink from now on; the spotter closes it."""
        self._audience.add_sink(open_sink(sink, self.model.card.keywords) if isinstance(sink, str) else sink)

    def events(self) -> EventStream:
        """Every event from now on, to be iterated with ``for`` or ``async for``; starts listening."""
        stream = self._audience.add_stream()
        self.start()
        return stream

    def wait_for(self, *keywords: str, timeout_seconds: float | None = None) -> Detection | None:
        """Listen until one of these words (none given: any) is spotted; None at the time-out or the end.

        The time-out counts seconds of audio; while a microphone gives none, a second more than that by the clock.

        Raises
        ------
        ConfigError
            If the model does not know a word.
        SessionError
            If it is called from a callback, which would wait for itself.
        KwsLiveError
            What ended the listening, if it broke.
        """
        if threading.current_thread() in self._session.threads or self._audience.runs_here():
            raise SessionError("wait_for cannot be called from a callback; call it where the program itself runs")
        answers: queue.SimpleQueue[Detection | None] = queue.SimpleQueue()
        wait = self._wait_for(keywords, timeout_seconds, answers.put)
        try:
            limit = self._patience(timeout_seconds)
            end = time.monotonic() + limit
            while True:  # in slices, because a wait without end cannot be interrupted by Ctrl-C on Windows
                with suppress(queue.Empty):
                    return self._answer(answers.get(timeout=max(0.0, min(POLL_SECONDS, end - time.monotonic()))))
                if time.monotonic() >= end:
                    return None
        finally:
            wait.end()

    async def wait_for_async(self, *keywords: str, timeout_seconds: float | None = None) -> Detection | None:
        """`wait_for` without blocking the event loop."""
        loop = asyncio.get_running_loop()
        future: asyncio.Future[Detection | None] = loop.create_future()

        def resolve(detection: Detection | None) -> None:
            if not future.done():
                future.set_result(detection)

        def answer(detection: Detection | None) -> None:
            if not loop.is_closed():
                loop.call_soon_threadsafe(resolve, detection)

        wait = self._wait_for(keywords, timeout_seconds, answer)
        try:
            limit = self._patience(timeout_seconds)
            return self._answer(await asyncio.wait_for(future, None if limit == math.inf else limit))
        except TimeoutError:
            return None
        finally:
            wait.end()

    def _wait_for(self, keywords: Iterable[str], timeout_seconds: float | None, answer: Answer) -> Wait:
        words = tuple(keywords)
        self.settings.snapshot().require_known(*words)
        until = None if timeout_seconds is None else self.ring.position + round(timeout_seconds * SAMPLE_RATE_HZ)
        wait = self._audience.add_wait(words, until, answer)
        self.start()
        return wait

    def _patience(self, timeout_seconds: float | None) -> float:
        """Longest wait by the clock: for ever where the source itself waits for the program."""
        if timeout_seconds is None or isinstance(self.source, FollowsClock):
            return math.inf
        return timeout_seconds + 1.0

    def _answer(self, detection: Detection | None) -> Detection | None:
        """The answer itself; what broke is raised instead."""
        if detection is None and self._session.ended.is_set():
            self._session.wait(0.0)
        return detection

    @contextmanager
    def muted(self, hold_off_seconds: float = 0.5) -> Iterator[None]:
        """Hear no words while the ``with`` block runs, and so long after it: for while the program itself speaks.

        Words that end meanwhile reach nobody, neither callbacks nor sinks; ``hold_off_seconds`` of audio after the
        block are for the room's echo and the sound still on its way.
        """
        unmute = self._audience.mute(self.ring.position)
        try:
            yield
        finally:
            unmute(self.ring.position + round(hold_off_seconds * SAMPLE_RATE_HZ))

    def only(self, *keywords: str) -> AbstractContextManager[None]:
        """Listen to these words alone while the ``with`` block runs.

        Of blocks that are open at the same time, in several threads or tasks, the one begun last decides; when it
        ends, the one begun last of those still open.
        """
        return self.settings.only(*keywords)

    def watch(self, on_step: Callable[[Step], None]) -> Callable[[], None]:
        """Call a function with every hop's verdict from now on, on the detector thread: it must be quick.

        Returns
        -------
        a function that ends it
        """
        return self._session.watch(on_step)

    def change_source(self, source: str) -> None:
        """Go on listening to another source, with the same model, settings, callbacks and sinks.

        Raises
        ------
        KwsLiveError
            If it cannot be opened, or listening has ended; otherwise nothing changes.
        """
        opened = open_source(source)
        self._session.change_source(opened, (lambda: reopen_source(source, opened.name)) if opened.live else None)

    def start(self) -> None:
        """Start listening, if not yet."""
        with self._lock:
            if self._watcher is not None or self._stopped.is_set():
                return
            self._watcher = threading.Thread(target=self._watch, name="kws-live settings", daemon=True)
            self._session.start()
            self._watcher.start()

    def stop(self) -> None:
        """Stop listening and release everything; may be called twice and from inside a callback."""
        self._stopped.set()
        self._audience.let_go()
        self._audience.hurry()
        self._session.stop()
        watcher = self._watcher
        if watcher is None or not watcher.is_alive():
            self._audience.close()
        elif threading.current_thread() not in (watcher, *self._session.threads) and not self._audience.runs_here():
            watcher.join()

    def wait(self, timeout_seconds: float | None = None) -> bool:
        """Listen until the source ends, `stop` is called, or Ctrl-C; False at the time-out.

        Raises
        ------
        KwsLiveError
            What ended the listening, if it broke.
        """
        self.start()
        self._audience.let_go()
        with self._clock.waiting():
            return self._session.wait(timeout_seconds)

    def statistics(self) -> Statistics:
        """The figures so far."""
        return self._audience.figures(self._session.statistics())

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    async def __aenter__(self) -> Self:
        self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await asyncio.to_thread(self.stop)

    def _watch(self) -> None:
        """The spotter's own thread: watches the settings file, and ends everything once the session has ended."""
        while self._session.running:
            if self._settings_file is not None:
                try:
                    if self._settings_file.poll():
                        log.info("settings taken from %s", self._settings_file.path)
                except ConfigError as error:
                    log.warning("%s; the old values stay", error)
            self._session.ended.wait(POLL_SECONDS if self._settings_file is not None else None)
        self._audience.close()
