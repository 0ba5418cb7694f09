"""Fakes of a dozen lines: words that are tones, a network that knows them, sources and callbacks that misbehave."""

import threading
from collections.abc import Callable, Iterable, Sequence
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from kws_live.audio import SAMPLE_RATE_HZ, SPEECH_RATE_HZ, Block, Samples
from kws_live.events import Event
from kws_live.live.live_settings import LiveSettings
from kws_live.spotting.decision import Decider
from kws_live.spotting.decision_settings import DecisionSettings
from kws_live.spotting.pipeline import HOP_SAMPLES, Pipeline
from kws_live.spotting.speech_gate import OpenGate, WebrtcGate
from kws_live.spotting.verdict import Heard, Hop
from kws_live.stream.ring_buffer import RingBuffer

LABELS = ("_silence_", "_unknown_", "yes", "no", "stop")
KEYWORDS = ("yes", "no", "stop")
TONES_HZ = {"_unknown_": 400.0, "yes": 700.0, "no": 1100.0, "stop": 1700.0}
TONE_SECONDS = 0.4
TONE_LEVEL = 0.3
QUIET_DB, LOUD_DB = -70.0, -20.0


def decision_settings(**values: Any) -> DecisionSettings:
    """Settings of the tests' own, so that tuning the defaults changes no test."""
    own: dict[str, Any] = {
        "thresholds": {"yes": 0.6, "no": 0.6, "stop": 0.6},
        "mode": "spotting",
        "pause_before_seconds": 0.3,
        "pause_after_seconds": 0.24,
        "longest_word_seconds": 1.1,
        "smoothing_hops": 1,
        "release": 0.5,
        "refractory_seconds": 0.8,
        "near_miss": 0.5,
        "hop_evidence": 1.0,
    }
    return DecisionSettings(**{**own, **values})


def tone_words(
    words: Iterable[tuple[str, float]], seconds: float, rate_hz: int = SAMPLE_RATE_HZ, seed: int = 0
) -> Samples:
    """A quiet room in which each word is a tone of 0.4 s that begins at its time."""
    audio = np.random.default_rng(seed).normal(0.0, 1e-4, round(seconds * rate_hz))
    time = np.arange(round(TONE_SECONDS * rate_hz)) / rate_hz
    for word, at in words:
        start = round(at * rate_hz)
        tone = TONE_LEVEL * np.sin(2 * np.pi * TONES_HZ[word] * time)
        audio[start : start + time.size] += tone[: audio.size - start]
    return audio.astype(np.float32)


def tone_posteriors(window: Samples) -> NDArray[np.float32]:
    """A network that knows the tones: each word's share that lies within the window, at 16 kHz; the rest is silence."""
    whole = TONE_LEVEL / 2 * TONE_SECONDS * SPEECH_RATE_HZ
    heard = np.abs((window * _waves(window.size)).sum(axis=1)) / whole
    values = np.clip([max(0.02, 1.0 - heard.sum()), *heard], 0.0, 0.99)
    return np.asarray(values / max(1.0, float(values.sum())), dtype=np.float32)


@cache
def _waves(n_samples: int) -> NDArray[np.complex128]:
    """What correlates with each tone, shape (n_tones, n_samples): kept, because making it takes longer than its use."""
    time = np.arange(n_samples) / SPEECH_RATE_HZ
    return np.exp(-2j * np.pi * np.array(list(TONES_HZ.values()))[:, np.newaxis] * time)


def tone_pipeline(
    settings: LiveSettings | None = None,
    score: Callable[[Samples], NDArray[np.float32]] = tone_posteriors,
    open_gate: bool = True,
    position: int = 0,
) -> Pipeline:
    """A pipeline that spots tones."""
    return Pipeline(
        score=lambda stream, follows: Heard(score(stream[:SPEECH_RATE_HZ])),
        window_rate_hz=SPEECH_RATE_HZ,
        labels=LABELS,
        keywords=KEYWORDS,
        make_gate=lambda mode: OpenGate() if open_gate or mode is None else WebrtcGate(mode),
        settings=(settings or LiveSettings(decision_settings())).snapshot,
        position=position,
    )


def run_blocks(pipeline: Pipeline, blocks: Iterable[Samples], ring_seconds: float = 10.0) -> list[Event]:
    """Events of a stream that comes at 22,050 Hz in these blocks."""
    ring = RingBuffer(round(ring_seconds * SAMPLE_RATE_HZ))
    events: list[Event] = []
    for block in blocks:
        ring.write(block)
        for step in pipeline.steps(ring):
            events += step.of("test").events
    return events


class Hops:
    """Feeds hand-made hops to a `Decider`: one score per word and a loudness (or a level in dB), 0.08 s each.

    Where it is quiet, what no word scores is silence's. ``play`` says what the machine itself plays from then on.
    """

    def __init__(self, settings: DecisionSettings | None = None) -> None:
        self.settings = settings or decision_settings()
        self.decider = Decider(LABELS, KEYWORDS)
        self.position = 0
        self.events: list[Event] = []
        self.reasons: list[str] = []
        self.played: dict[str, float] = {}

    def feed(self, n_hops: int, loud: bool | float = False, gate_open: bool = True, **scores: float) -> list[Event]:
        """Feed equal hops; the events they gave."""
        new: list[Event] = []
        for _ in range(n_hops):
            self.position += HOP_SAMPLES
            if not loud:
                scores.setdefault("silence", 1.0 - sum(scores.values()))
            posteriors = np.array([scores.get(label.strip("_"), 0.0) for label in LABELS], np.float32)
            level = loud if isinstance(loud, float) else LOUD_DB if loud else QUIET_DB
            levels = (level,) * 4
            hop = Hop(self.position, gate_open, levels, posteriors if gate_open else None, {**self.played})
            verdict = self.decider.step(hop, self.settings)
            self.reasons.append(verdict.ruling.reason.name if verdict.ruling.final else "WAITING")
            new += verdict.events
        self.events += new
        return new

    def play(self, **scores: float) -> None:
        """Let the machine itself play words; none given: nothing."""
        self.played = scores

    def say(self, word: str, score: float = 0.9, n_hops: int = 5) -> list[Event]:
        """A word: loud for some hops, its score high from the third on and for a window's rest; then quiet."""
        heard: dict[str, Any] = {word: score}
        return [
            *self.feed(2, loud=True),
            *self.feed(n_hops - 2, loud=True, **heard),
            *self.feed(4, **heard),
        ]


def n_in_order(found: Sequence[str], expected: Sequence[str]) -> int:
    """How many of the expected words were found in their order (longest common subsequence)."""
    best = [0] * (len(expected) + 1)
    for word in found:
        before = best.copy()
        for i, other in enumerate(expected):
            best[i + 1] = before[i] + 1 if word == other else max(before[i + 1], best[i])
    return best[-1]


class ScriptedSource:
    """A source that hands over what it is told to: blocks, or exceptions to raise; then its end."""

    name = "scripted"
    n_overflows = 0

    def __init__(self, script: Sequence[Block | Exception], rate_hz: int = SAMPLE_RATE_HZ, live: bool = False) -> None:
        self.rate_hz = rate_hz
        self.live = live
        self.n_closed = 0
        self._script = list(script)

    def read(self, timeout_seconds: float) -> Block | None:
        if not self._script:
            return None
        item = self._script.pop(0)
        if isinstance(item, Exception):
            raise item
        return item

    def close(self) -> None:
        self.n_closed += 1


class EndlessSource:
    """A live source of silence that never ends, in blocks of 0.05 s whenever it is asked."""

    name = "endless"
    rate_hz = SAMPLE_RATE_HZ
    live = True
    n_overflows = 0

    def __init__(self) -> None:
        self.closed = threading.Event()

    def read(self, timeout_seconds: float) -> Block | None:
        self.closed.wait(0.005)
        return np.zeros((round(0.05 * SAMPLE_RATE_HZ), 1), np.float32)

    def close(self) -> None:
        self.closed.set()


def blocks_of(audio: Samples, n_samples: int = 1024) -> list[Block]:
    """Cut mono audio as a source would."""
    return [audio[start : start + n_samples, np.newaxis] for start in range(0, audio.size, n_samples)]
