"""Tools for testing programs that listen: no microphone, no sound, no waiting, reproducible results.

>>> from kws_live import listen
>>> from kws_live.testing import FakeMicrophone, silence, tone_model
>>> microphone = FakeMicrophone(["yes", silence(2), "no"])
>>> with listen(microphone, model=tone_model("yes", "no")) as spotter:
...     answers = [spotter.wait_for().keyword, spotter.wait_for().keyword]
>>> answers
['yes', 'no']

A `FakeMicrophone` has its own clock: audio advances only while the program waits for it, in `Spotter.wait_for`,
`Spotter.wait` or an iterator over events, or while the test waits in `FakeMicrophone.say`. Ten seconds of silence take
only as long as their computation. All that the program does after one word happens before the next word is played.

In pytest, the fixture ``microphone`` (`kws_live.pytest_plugin`, available once the package is installed) replaces
every ``mic:`` of the program under test, and its model recognises tones instead of speech, so that results do not
depend on a network::

    def test_the_lamp_goes_on(microphone):
        with kws_live.listen() as spotter:
            lamp = Lamp(spotter)
            microphone.say("on")              # returns when every callback has run
        assert lamp.is_on
"""

import csv
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable
from pathlib import Path
from threading import Condition
from typing import Final

import numpy as np
import soundfile
from numpy.typing import NDArray

from kws_live import sources
from kws_live.audio import SAMPLE_RATE_HZ, SILENCE, SPEECH_RATE_HZ, UNKNOWN, Block, Samples, to_mono
from kws_live.errors import AudioError, SessionError
from kws_live.live.stream_clock import StreamClock
from kws_live.model import DEFAULT_MODEL, Model, load_model
from kws_live.model.card import ModelCard
from kws_live.model.features import SPEECH
from kws_live.model.scorer import StreamScorer
from kws_live.spotting.verdict import Heard
from kws_live.stream.resampling import Resampler
from kws_live.stream.ring_buffer import RingBuffer

BLOCK_SAMPLES: Final = SAMPLE_RATE_HZ // 25
TONE_SECONDS: Final = 0.4
TONE_LEVEL: Final = 0.3
LOWEST_TONE_HZ, TONE_STEP_HZ = 300.0, 60.0
PAUSE_SECONDS: Final = 1.0
"""Silence before and after what is said, so that command mode accepts it."""

PATIENCE_SECONDS: Final = 30.0
"""Time limit for a program that does not listen: far longer than any clip takes."""

Item = str | Path | Samples
"""What a fake microphone can play: a word, a sound file, or audio at 22,050 Hz."""

Voice = Callable[[str], Samples]
"""Returns a word's audio at 22,050 Hz."""

_tones: dict[str, float] = {}


def silence(seconds: float) -> Samples:
    """Return a quiet room: reproducible noise at -80 dB; float32 array, shape (n_samples,) at 22,050 Hz."""
    return np.float32(1e-4) * np.random.default_rng(0).standard_normal(round(seconds * SAMPLE_RATE_HZ), np.float32)


def tone(word: str) -> Samples:
    """Return the tone that `tone_model` recognises as a word: 0.4 s of a sine at the word's pitch, at 22,050 Hz."""
    at = np.arange(round(TONE_SECONDS * SAMPLE_RATE_HZ)) / SAMPLE_RATE_HZ
    return (TONE_LEVEL * np.sin(2 * np.pi * _tone_hz(word) * at)).astype(np.float32)


def _tone_hz(word: str) -> float:
    return _tones.setdefault(word, LOWEST_TONE_HZ + TONE_STEP_HZ * len(_tones))


def recorded(word: str) -> Samples:
    """Return one of the ten words, spoken by a synthesiser, at 22,050 Hz, for tests with a real model.

    Raises
    ------
    AudioError
        If it is not one of the ten.
    """
    folder = Path(sources.__file__).parent
    with (folder / "demo.csv").open(encoding="utf-8", newline="") as table:
        spans = {row["word"]: (float(row["begin_seconds"]), float(row["end_seconds"])) for row in csv.DictReader(table)}
    if word not in spans:
        raise AudioError(f"there is no recording of {word!r}, only of: {', '.join(spans)}")
    begin, end = spans[word]
    samples, rate_hz = soundfile.read(folder / "demo.flac", dtype="float32")
    return _at_stream_rate(samples[round((begin - 0.1) * rate_hz) : round((end + 0.1) * rate_hz)], rate_hz)


def _at_stream_rate(samples: Samples, rate_hz: int) -> Samples:
    resampler = Resampler(rate_hz, SAMPLE_RATE_HZ)
    return np.concatenate((resampler.process(samples), resampler.finish()))


class ToneModel(Model):
    """A model without a network that recognises each word by the pitch of `tone`; created by `tone_model`."""

    def stream_scorer(self, step_seconds: float) -> StreamScorer:
        """Return a scorer that scores each window independently, so their distance does not matter."""
        n_window = self.card.features.window_samples
        return lambda stream, _follows: self._heard(stream[:n_window])

    def _heard(self, window: Samples) -> Heard:
        """The share of each word's tone that lies within the window."""
        at = np.arange(window.size) / SPEECH_RATE_HZ
        whole = TONE_LEVEL / 2 * TONE_SECONDS * SPEECH_RATE_HZ
        values: NDArray[np.float64] = np.array(
            [abs(np.sum(window * np.exp(-2j * np.pi * _tone_hz(word) * at))) / whole for word in self.card.keywords]
        )
        values = np.clip(values, 0.0, 0.98)
        values /= max(1.0, values.sum())
        return Heard(np.array([1.0 - values.sum(), 0.0, *values], np.float32))


def tone_model(*words: str) -> ToneModel:
    """Return a model that recognises these words (default: the default model's) by their tones; thresholds are 0.6."""
    keywords = words or load_model(DEFAULT_MODEL).card.keywords
    card = ModelCard(
        name="tones",
        description="recognises each word by the pitch of a tone, for tests",
        licence="Apache-2.0",
        labels=(SILENCE, UNKNOWN, *keywords),
        keywords=tuple(keywords),
        features=SPEECH,
        thresholds=dict.fromkeys(keywords, 0.6),
    )
    return ToneModel(Path("tones"), card)


class FakeMicrophone:
    """A source that plays what the test asks for, when the program is ready for it.

    Parameters
    ----------
    items : played in order, then the stream ends; none: it stays open, for `say`. Each is a word, a sound file, or
        a float array at 22,050 Hz, shape (n_samples,), such as `silence` returns
    voice : returns a word's audio: `tone`, for `tone_model`, or `recorded`, for a real model
    """

    name = "fake microphone"
    rate_hz = SAMPLE_RATE_HZ
    live = False
    n_overflows = 0

    def __init__(self, items: Iterable[Item] = (), voice: Voice = tone) -> None:
        self._voice = voice
        self._clock: StreamClock | None = None
        self._ring: RingBuffer | None = None
        self._thread = 0  # on which the program started listening: it cannot add a listener while it is in say()
        self._blocks: deque[Samples] = deque()
        self._n_saying = 0
        self._closed = False
        self._quiet = Condition()
        scripted = list(items)
        self._ends = bool(scripted)
        self._queue(scripted)

    def follow(self, clock: StreamClock, ring: RingBuffer) -> None:
        """Called by the spotter with the clock and the ring buffer to wait for."""
        self._clock, self._ring = clock, ring
        self._thread = threading.get_ident()

    def _queue(self, items: Iterable[Item]) -> None:
        parts: list[Samples] = []
        for item in items:
            parts += [item] if isinstance(item, np.ndarray) else [silence(PAUSE_SECONDS), self._sound(item)]
        parts.append(silence(PAUSE_SECONDS))
        audio = np.concatenate(parts)
        with self._quiet:
            self._blocks.extend(np.split(audio, range(BLOCK_SAMPLES, audio.size, BLOCK_SAMPLES)))

    def _sound(self, item: str | Path) -> Samples:
        if isinstance(item, str) and not Path(item).suffix:
            return self._voice(item)
        try:
            samples, rate_hz = soundfile.read(item, dtype="float32", always_2d=True)
        except (soundfile.LibsndfileError, OSError) as error:
            raise AudioError(f"cannot read {str(item)!r} as audio: {error}") from error
        return _at_stream_rate(to_mono(samples), rate_hz)

    def add(self, *items: Item) -> None:
        """Queue these, to be played when the program waits for audio; returns immediately."""
        self._queue(items)

    def end_with(self, *items: Item) -> None:
        """Queue these, to be played when the program waits for audio, then end the stream."""
        self._queue(items)
        self._ends = True

    def say(self, *items: Item) -> None:
        """Play these and a second of silence; returns when all of it is processed and every callback has run.

        Raises
        ------
        SessionError
            If the program has no callback, sink or iterator, is not listening, or a callback does not return.
        """
        if self._clock is not None and self._thread == threading.get_ident() and not self._clock.is_awaited:
            raise SessionError(
                "no callback, sink or iterator would receive what the fake microphone says: register one before say()"
            )
        self._queue(items)
        with self._quiet:
            self._n_saying += 1
            done = self._quiet.wait_for(lambda: self._n_saying == 0 or self._closed, PATIENCE_SECONDS)
            self._n_saying = 0
        if not done:
            raise SessionError(
                "nothing listens to the fake microphone: start listening before say(), and let callbacks return"
            )

    def read(self, timeout_seconds: float) -> Block | None:
        if self._clock is None or self._ring is None:  # used without a spotter: nothing to wait for
            return self._next() if self._blocks else None
        with self._quiet:
            saying = self._n_saying > 0
        end = time.monotonic() + timeout_seconds
        if not self._clock.wait_until_idle(self._ring, min(0.02, timeout_seconds), awaited=not saying):
            return np.zeros((0, 1), np.float32)
        if self._closed or self._clock.ended:
            return None
        if self._blocks:
            return self._next()
        with self._quiet:
            self._n_saying = 0
            self._quiet.notify_all()
            if self._ends:
                return None
            if not self._clock.has_timers:
                self._quiet.wait_for(lambda: bool(self._blocks), min(0.02, max(0.0, end - time.monotonic())))
                return np.zeros((0, 1), np.float32)
        return silence(BLOCK_SAMPLES / SAMPLE_RATE_HZ)[:, np.newaxis]

    def _next(self) -> Block:
        return self._blocks.popleft()[:, np.newaxis]

    def close(self) -> None:
        with self._quiet:
            self._closed = True
            self._quiet.notify_all()
