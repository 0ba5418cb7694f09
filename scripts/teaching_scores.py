"""Scores of taught words in recorded streams, equal to those of `kws_live.model.taught_words.TaughtScorer`."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache, cached_property
from itertools import accumulate

import numpy as np
from numpy.typing import NDArray
from teaching_streams import Stream

from kws_live.audio import SILENCE
from kws_live.enrolment.bank import Bank
from kws_live.evaluation.recorded_run import RecordedRun
from kws_live.model import Model
from kws_live.model.taught_words import Numbers, contest, logistic
from kws_live.spotting.decision_settings import DecisionSettings, Mode

THRESHOLDS = tuple(1 / (1 + np.exp(-np.linspace(-4, 12, 129))))


@dataclass(frozen=True, eq=False)
class Trial:
    """A word taught once.

    Attributes
    ----------
    word : its name
    kind : of takes, such as "5 takes"
    seed : of the draw
    takes : names of the files it was taught with
    strangers : names of the clips on which it is tried
    weights, bias : of its score
    longest_word_seconds : for the decision
    """

    word: str
    kind: str
    seed: int
    takes: tuple[str, ...]
    strangers: frozenset[str]
    weights: NDArray[np.float32]
    bias: float
    longest_word_seconds: float

    @property
    def label(self) -> str:
        """Its keyword, which differs from all words of the network."""
        return f"{self.word} (taught)"


@dataclass(frozen=True, eq=False)
class Network:
    """The network's words, which compete with a taught word.

    Attributes
    ----------
    thresholds : of the network's words
    outputs : indices of their outputs
    weights : float32 (n_words, VECTOR_SIZE), of these words
    """

    thresholds: Mapping[str, float]
    outputs: tuple[int, ...]
    weights: NDArray[np.float32]

    @classmethod
    def of(cls, model: Model, bank: Bank) -> "Network":
        """Return it for a model without taught words, and its bank."""
        outputs = tuple(model.network_words[word] for word in bank.words)
        return cls(model.card.thresholds, outputs, bank.word_weights)


@cache
def rivals(network: Network, stream: Stream) -> NDArray[np.float32]:
    """Return products of a stream's vectors and the network words' weights, shape (n_open_hops, n_words)."""
    return stream.vectors @ network.weights.T


@dataclass(frozen=True, eq=False)
class Heard:
    """One trial in one stream.

    Attributes
    ----------
    network : of the model
    trial : the word
    stream : on which it is tried
    """

    network: Network
    trial: Trial
    stream: Stream

    @cached_property
    def scores(self) -> NDArray[np.float32]:
        """Return the word's logits at each open hop."""
        return np.asarray(logistic(self._contested[0]), dtype=np.float32)

    @property
    def nearer(self) -> NDArray[np.bool_]:
        """Return which of the network's words are less similar than this one, shape (n_open_hops, n_words)."""
        return self._contested[1]

    @cached_property
    def _contested(self) -> tuple[Numbers, NDArray[np.bool_]]:
        """Return logits, and which of the network's words are less similar, held over consecutive hops."""
        run, products = self.stream.run, self.stream.vectors @ self.trial.weights
        silence = run.posteriors[:, run.labels.index(SILENCE)]
        parts = (products, rivals(self.network, self.stream), run.posteriors[:, self.network.outputs], silence)
        opens = np.flatnonzero(np.diff(np.flatnonzero(run.gate_open)) > 1) + 1
        stretches = zip(*(np.split(part, opens) for part in parts), strict=True)
        heard = [contest(own, self.trial.bias, *rest) for own, *rest in stretches]
        logits, nearer = (np.concatenate(part) for part in zip(*heard, strict=True))
        return logits, nearer

    @cached_property
    def run(self) -> RecordedRun:
        """Return the run as a model with the word would have given it."""
        return with_words(self.stream.run, [self])

    def told(self, mode: Mode, threshold: float) -> list[float]:
        """Return the seconds at which the word fires."""
        settings = DecisionSettings(
            thresholds={**self.network.thresholds, self.trial.label: float(threshold)},
            mode=mode,
            longest_word_seconds=self.trial.longest_word_seconds,
        )
        events = self.run.decide_near(self.trial.label, settings)
        return [event.seconds for event in events if event.keyword == self.trial.label]

    def false(self, mode: Mode, threshold: float) -> int:
        """Return the number of detections where the word is not said."""
        return sum(not self.stream.says(self.trial.word, at) for at in self.told(mode, threshold))

    def hits(self, mode: Mode, threshold: float, names: frozenset[str] | None = None) -> tuple[int, int]:
        """Return the number of clips with a detection, of those named or the strangers, and the number of clips."""
        return self.stream.hits(self.told(mode, threshold), self.trial.strangers if names is None else names)


def with_words(run: RecordedRun, words: Sequence[Heard]) -> RecordedRun:
    """Return a run of the network as a model with these user words would have given it."""
    posteriors = run.posteriors.copy()
    for word in words:
        gives_way = word.nearer & (word.scores > 0.5)[:, np.newaxis]
        posteriors[:, word.network.outputs] *= 1 - word.scores[:, np.newaxis] * gives_way
    labels = tuple(word.trial.label for word in words)
    return replace(
        run,
        labels=(*run.labels, *labels),
        keywords=(*run.keywords, *labels),
        posteriors=np.concatenate([posteriors, *(word.scores[:, np.newaxis] for word in words)], axis=1),
    )


def threshold_at(heard: Sequence[Heard], mode: Mode, per_hour: float) -> float:
    """Return the lowest threshold with at most ``per_hour`` false accepts per hour."""
    allowed = per_hour * sum(one.stream.run.seconds for one in heard) / 3600
    # There cannot be more detections than seconds with a score that high.
    peaks = np.sort(
        [part.max(initial=0) for one in heard for part in np.array_split(one.scores, len(one.scores) // 12 + 1)]
    )
    low, high = 0, min(int(np.searchsorted(THRESHOLDS, peaks[-1 - int(allowed)])) + 1, len(THRESHOLDS) - 1)
    while low < high:
        middle = (low + high) // 2
        if _within(heard, mode, THRESHOLDS[middle], allowed):
            high = middle
        else:
            low = middle + 1  # false accepts fall as it rises
    return float(THRESHOLDS[high])


def _within(heard: Sequence[Heard], mode: Mode, threshold: float, allowed: float) -> bool:
    """Whether there are at most this many false accepts at a threshold."""
    return all(n <= allowed for n in accumulate(one.false(mode, threshold) for one in heard))
