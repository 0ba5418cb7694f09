"""The object that ``listen()`` returns: runs a source and a model and calls your functions."""

import asyncio
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path
from typing import Any, Self, TypeVar, overload

from kws_live.audio import SAMPLE_RATE_HZ
from kws_live.detection import successor
from kws_live.errors import ConfigError
from kws_live.events import Detection, Event
from kws_live.live.audience import Audience
from kws_live.live.changing_pipeline import ChangingPipeline
from kws_live.live.companion import Companion
from kws_live.live.condition import Condition, condition_of
from kws_live.live.event_stream import EventStream
from kws_live.live.lifetime import Lifetime
from kws_live.live.live_settings import LiveSettings
from kws_live.live.session import Session
from kws_live.live.session_statistics import Statistics
from kws_live.live.stream_clock import FollowsClock, StreamClock
from kws_live.live.word_wait import Begin, Words, checked_timeout, flat, prepared, wait_in_thread, wait_on_loop
from kws_live.model import Model, load_model
from kws_live.sinks import EventSink, open_sink
from kws_live.sinks.optional import introduce
from kws_live.sources import AudioSource, open_source, reopen_source
from kws_live.spotting.audio_after import AudioAfter
from kws_live.spotting.pipeline import Pipeline, Step
from kws_live.stream.ring_buffer import RingBuffer
from kws_live.system.interrupts import shielded

Callback = TypeVar("Callback", bound=Callable[[Any], object])


class Spotter:
    """Listens and calls your functions; created by `listen`.

    It starts with ``with``, `start`, `wait` or `events`, and holds events back until the first callback, sink or
    iterator is registered. To miss no event, register everything before the start. It runs once, in the process
    that created it, and ends with the ``with`` block, `stop` or the program.

    Attributes
    ----------
    model : the current model
    settings : thresholds and other settings; can be changed at any time
    address : the string or path of the source; None if an open source was given
    """

    def __init__(
        self,
        model: Model,
        settings: LiveSettings,
        source: AudioSource,
        pipeline: ChangingPipeline,
        sinks: Iterable[EventSink] = (),
        reopen: Callable[[], AudioSource] | None = None,
        beside: Sequence[Companion] = (),
        address: str | Path | None = None,
    ) -> None:
        self.model = model
        self.settings = settings
        self.address = address
        self._pipeline = pipeline
        self._clock = StreamClock(pipeline.next_position)
        self._audience = Audience(self._clock, (), lambda error: self._session.break_off(error))
        self._session = Session(source, self._pipeline, self._audience.deliver, reopen, audience=self._audience)
        self._session.watch(lambda step: self._clock.stepped(step, self._pipeline.next_position))
        if isinstance(source, FollowsClock):
            source.follow(self._clock, self._session.ring)
        self._lifetime = Lifetime(self._session, self._audience, beside)
        self._let_go = False
        for sink in sinks:
            self.send_to(sink)

    @property
    def source(self) -> AudioSource:
        """The current audio source."""
        return self._session.source

    def condition(self) -> Condition:
        """Return whether audio, detector and callbacks are working at this moment."""
        return condition_of(self._session, self._audience)

    @property
    def ring(self) -> RingBuffer:
        """The newest seconds of audio at 22,050 Hz."""
        return self._session.ring

    @overload
    def on(self, function: Callback, /) -> Callback: ...

    @overload
    def on(self, *keywords: Words, event: type[Event] = Detection) -> Callable[[Callback], Callback]: ...

    def on(self, *keywords: Any, event: type[Event] = Detection) -> Any:
        """Decorate a function to be called with each detection of these words (default: every word).

        Each callback runs on its own thread, in the order of the events; a coroutine function runs on the event loop
        that is running now.

        Parameters
        ----------
        keywords : words of the model
        event : the type of event; ``Event`` for all types

        Raises
        ------
        ConfigError
            If the model does not know a word, or ``event`` is not an event type.
        """
        self._lifetime.require_own_process()
        if not (isinstance(event, type) and issubclass(event, Event)):
            raise ConfigError(
                f"event={event!r} is not an event type; give one such as kws_live.NearMiss, or kws_live.Event"
            )
        bare = len(keywords) == 1 and callable(keywords[0])  # @spotter.on without brackets
        words = self._known(() if bare else keywords)

        def register(function: Callback) -> Callback:
            self._audience.add_callback(event, words, function)
            return function

        return register(keywords[0]) if bare else register

    def _known(self, keywords: Iterable[Words]) -> tuple[str, ...]:
        self.settings.snapshot().require_known(*(words := flat(keywords)))
        return words

    def send_to(self, sink: str | Path | EventSink) -> None:
        """Send every event to a sink from now on; the spotter closes it."""
        self._lifetime.require_own_process()
        opened = open_sink(sink, self.model.card.keywords) if isinstance(sink, (str, Path)) else sink
        introduce(opened, self.ring, self.settings)
        self._audience.add_sink(opened)

    @property
    def sinks(self) -> tuple[EventSink, ...]:
        """What every event is sent to."""
        return self._audience.sinks

    def events(self) -> EventStream:
        """Return an iterator over every event from now on; starts listening. A callback cannot call it."""
        self._lifetime.refuse_in_callback("events", coroutines=False)

        def begin() -> EventStream:
            stream = self._audience.add_stream()
            self._lifetime.go_on()
            return stream

        return shielded(begin)

    def wait_for(self, *keywords: Words, timeout_seconds: float | None = None) -> Detection | None:
        """Listen until one of these words (default: any) is detected; None at the time-out or the end of the source.

        The time-out is in seconds of audio. If a microphone delivers no audio, it ends by the clock a second later.

        Raises
        ------
        ConfigError
            If the model does not know a word, or the time-out is not 0 or more.
        SessionError
            If it is called from a callback, which would wait for itself.
        KwsLiveError
            The error that ended the session, if there was one.
        """
        self._lifetime.refuse_in_callback("wait_for")
        return self._answer(wait_in_thread(*self._wait_for(keywords, timeout_seconds)))

    async def wait_for_async(self, *keywords: Words, timeout_seconds: float | None = None) -> Detection | None:
        """`wait_for` without blocking the event loop."""
        self._lifetime.refuse_in_callback("wait_for_async", coroutines=False)
        return self._answer(await wait_on_loop(*self._wait_for(keywords, timeout_seconds)))

    def _wait_for(self, keywords: Iterable[Words], timeout: float | None) -> tuple[Begin, float]:
        return prepared(self._known(keywords), timeout, self.source, self.ring, self._audience, self._lifetime.go_on)

    def _answer(self, detection: Detection | None) -> Detection | None:
        """Return the detection, or raise the error that ended the session."""
        if detection is None and self._lifetime.over.is_set():
            self._session.raise_what_broke()
        return detection

    @contextmanager
    def muted(self, hold_off_seconds: float = 0.5) -> Iterator[None]:
        """Ignore words during the ``with`` block and ``hold_off_seconds`` after it, while the program itself speaks.

        Words that end in this time reach neither callbacks nor sinks. The hold-off, in seconds of audio, covers the
        echo of the room and audio still in buffers.
        """
        unmute = shielded(lambda: self._audience.mute(self.ring.position))
        try:
            yield
        finally:
            shielded(lambda: unmute(self.ring.position + round(hold_off_seconds * SAMPLE_RATE_HZ)))

    def audio_after(self, detection: Detection, **options: Any) -> AudioAfter:
        """Iterate over the audio after a word, up to a pause, in blocks; ``options`` are those of `AudioAfter`."""
        return AudioAfter(self.ring, detection, **options)

    def only(self, *keywords: Words) -> AbstractContextManager[None]:
        """Listen for these words only during the ``with`` block; for nested blocks see `LiveSettings.only`."""
        return self.settings.only(*self._known(keywords))

    def watch(self, on_step: Callable[[Step], None]) -> Callable[[], None]:
        """Call a function with every hop's verdict, on the detector thread; returns a function that unregisters it."""
        return self._session.watch(on_step)

    def stay(self) -> None:
        """At the end of the source, wait for `change_source` or `stop` instead of ending."""
        self._session.capture.stay()

    def change_source(self, source: str | Path) -> None:
        """Switch to another source; model, settings, callbacks and sinks stay.

        Raises
        ------
        KwsLiveError
            If it cannot be opened, or listening has ended; then nothing changes.
        """
        self._lifetime.require_own_process()
        opened = open_source(source)
        reopen = (lambda: reopen_source(source, opened.name)) if isinstance(source, str) and opened.live else None
        self._session.change_source(opened, reopen)
        self.address = source

    def change_model(self, model: str | Path | Model) -> None:
        """Switch to another model; settings of words that both models know stay.

        Raises
        ------
        KwsLiveError
            If it cannot be loaded, or listening has ended.
        """
        self._lifetime.refuse_in_callback("change_model")
        loaded = model if isinstance(model, Model) else load_model(model)
        follow = successor(loaded, self.settings)

        def begin(position: int) -> Pipeline:
            following = follow(position)
            self.model = loaded
            return following

        self._pipeline.change(begin, lambda: self._session.running)
        self._lifetime.change_model(loaded)

    def start(self) -> None:
        """Start listening, if not yet started; a stopped spotter cannot be restarted."""
        self._lifetime.start()

    def stop(self) -> None:
        """Stop listening and release everything; can be called repeatedly and from a callback."""
        self._lifetime.stop()

    def wait(self, timeout_seconds: float | None = None) -> bool:
        """Listen until the source ends, `stop` is called, or Ctrl-C; False at the time-out.

        Raises
        ------
        ConfigError
            If the time-out is not 0 or more.
        SessionError
            If it is called from a callback, which would wait for itself.
        KwsLiveError
            The error that ended the session, if there was one.
        """
        self._lifetime.refuse_in_callback("wait")
        timeout = checked_timeout(timeout_seconds)
        if not self._let_go:
            shielded(self._lifetime.go_on)
            shielded(self._audience.let_go)
            self._let_go = True
        with self._clock.waiting() if isinstance(self.source, FollowsClock) else nullcontext():
            over = self._lifetime.over.wait(timeout)
        if over:
            self._session.raise_what_broke()
        return over

    def statistics(self) -> Statistics:
        """Return the statistics so far."""
        self._lifetime.require_own_process()
        return shielded(lambda: self._audience.figures(self._session.statistics()))

    def __enter__(self) -> Self:
        try:
            self.start()
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    async def __aenter__(self) -> Self:
        return self.__enter__()

    async def __aexit__(self, *_: object) -> None:
        await asyncio.to_thread(self.stop)
