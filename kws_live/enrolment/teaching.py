"""Teach a word from takes: fit it against the bank, choose its bias on the bank's speech, measure what to expect.

A word that the network knows is taught the same way, and becomes an adapted one: see `kws_live.model.taught_words`.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from kws_live.audio import SILENCE
from kws_live.enrolment.bank import Bank
from kws_live.enrolment.classifier import fit
from kws_live.enrolment.expectation import (
    THRESHOLD,
    Before,
    Expectation,
    bias_for,
    false_events,
    logit,
    smoothed,
)
from kws_live.enrolment.likeness import cosines, part_that_differs
from kws_live.enrolment.sliding import Hops, Slider
from kws_live.enrolment.takes import TakeFeatures
from kws_live.errors import DatasetError, ModelError
from kws_live.model import Model
from kws_live.model.features import Features
from kws_live.model.taught_words import BANK_NAME, Numbers, contest, logistic, vectors_of

RECORDED_SHARE: Final = 0.7
"""Weight of the recorded takes in a word's mean if recorded and synthetic takes are mixed."""

ALARM_MARGIN: Final = 1.0
"""Margin added to a false alarm's logit, because it will not recur exactly."""

ALARM_SHARES: Final = (0.1, 0.2, 0.3, 0.4, 0.5)
"""Shares of the false alarms in the negative mean; what still passes at half is the word itself."""

LEAST_TAKES: Final = 2
SURE: Final = 0.9
"""A low estimate of the network's posterior of a word in a clip of it."""

LEAST_ALIKE: Final = 0.3
"""Cosine of a take and the mean of two others or more, all by different people; below it they are not the same word:
79 % of takes of another word are, and 5 % of the word's own."""

LEAST_ALIKE_PAIR: Final = 0.15
"""Cosine of two takes, which varies more: 50 % and 5 %."""


def least_alike(n_others: int) -> float:
    """Return the lowest accepted cosine of a take and the mean of ``n_others`` others."""
    return LEAST_ALIKE if n_others > 1 else LEAST_ALIKE_PAIR


@dataclass(frozen=True, eq=False)
class TaughtWord:
    """A taught word as stored in a model folder.

    Attributes
    ----------
    name : the word
    weights, bias : of its score
    takes : the takes used for teaching
    expectation : measured performance
    adapted : whether it is a word of the network
    false_alarms : rows of recordings in which it must not fire, as `kws_live.model.Model.rows` gives them
    """

    name: str
    weights: NDArray[np.float32]
    bias: float
    takes: tuple[TakeFeatures, ...]
    expectation: Expectation
    adapted: bool = False
    false_alarms: tuple[Features, ...] = ()


class Teacher:
    """Teaches words to a model.

    Parameters
    ----------
    model : one with an embedding and a bank

    Raises
    ------
    ModelError
        If it has none, or that of another model.
    """

    def __init__(self, model: Model) -> None:
        self._slider = Slider(model)
        self._features = model.card.features
        self._labels = model.network_labels
        self._thresholds: Mapping[str, float] = model.card.thresholds
        self.bank = Bank.load(model.folder / BANK_NAME)
        if self.bank.labels != self._labels or set(self.bank.words) != set(model.network_words):
            raise ModelError(f"model {model.card.name!r}: {BANK_NAME} belongs to another model; copy the folder again")

    def teach(
        self,
        name: str,
        takes: Sequence[TakeFeatures],
        others: Sequence[TaughtWord] = (),
        on_progress: Callable[[int, int], None] = lambda *_: None,
        false_alarms: Sequence[Features] = (),
    ) -> TaughtWord:
        """Fit one word.

        Parameters
        ----------
        name : the word; a word of the network becomes an adapted one
        takes : of it
        others : words taught already, to find similar ones
        on_progress : called with the number of fits done and the total
        false_alarms : rows of recordings in which it must not fire

        Raises
        ------
        DatasetError
            If there are too few takes, or it cannot be told from a false alarm.
        """
        if len(takes) < LEAST_TAKES:
            raise DatasetError(f"{len(takes)} take of {name!r} is not enough; give 3 to 10, at least {LEAST_TAKES}")
        means = [self._slider.mean(take) for take in takes]
        alarms = [self._slider.hops(rows, 0, len(rows)) for rows in false_alarms]
        weights, bias = self._fit(name, takes, means, alarms)
        if any(self._passes(name, hops, weights, bias) for hops in alarms):
            raise DatasetError(
                f"{name!r} cannot be distinguished from this recording; does it contain the word itself?"
            )
        # If there are recorded takes, only they show how well people are detected.
        n_spoken = sum(take.spoken for take in takes)
        tries = [i for i, take in enumerate(takes) if not take.spoken or n_spoken == len(takes)]
        slid = [self.slide(take) for take in takes]
        hits = 0
        on_progress(1, len(tries) + 1)
        for done, left_out in enumerate(tries, 2):
            rest = [i for i in range(len(takes)) if i != left_out]
            fitted = self._fit(name, [takes[i] for i in rest], [means[i] for i in rest], alarms)
            hits += self._passes(name, slid[left_out], *fitted)
            on_progress(done, len(tries) + 1)
        seconds = float(np.median([take.offset - take.onset for take in takes]))
        seconds *= self._features.hop_samples / self._features.sample_rate_hz
        adapted = name in self.bank.words
        command, spotting = self._false_events(name, seconds, weights, bias)
        shares = self._alike(name, slid, others, (weights, bias))
        vectors = np.array(means)
        expectation = Expectation(
            n_takes=len(takes),
            hits=hits,
            n_tries=len(tries),
            hours=self.bank.hours,
            false_command=command,
            false_spotting=spotting,
            alike={word: max(both) for word, both in shares.items()},
            word_seconds=seconds,
            n_spoken=n_spoken,
            before=self._before(name, [slid[i] for i in tries], seconds) if adapted else None,
            taken_for={word: both[1] for word, both in shares.items() if both[1] > 0},
            differ=self._differ(list(shares), vectors, others),
            likeness=float(np.mean(cosines(vectors, self.bank.mean))),
        )
        return TaughtWord(name, weights, bias, tuple(takes), expectation, adapted, tuple(false_alarms))

    def _before(self, name: str, slid: Sequence[Hops], seconds: float) -> Before:
        """How the network alone does on a word of its own."""
        nothing = np.zeros_like(self.bank.mean)
        hits = sum(self._passes(name, hops, nothing, -np.inf) for hops in slid)
        return Before(hits, *self._false_events(name, seconds, nothing, -np.inf))

    def _alike(
        self, name: str, slid: Sequence[Hops], others: Sequence[TaughtWord], fitted: tuple[NDArray[np.float32], float]
    ) -> dict[str, tuple[float, float]]:
        """Other word -> share of its recordings taken for this one, and of this one's for it."""
        level = logit(self._threshold(name))
        shares = {}
        for word, embeddings in zip(self.bank.words, self.bank.word_clips, strict=True):
            if word != name:
                clips = [vectors_of(clip) for clip in embeddings]
                place = self._labels.index(word)
                # The network is sure of nearly every clip of its own words.
                said = SURE * np.eye(len(self._labels), dtype=np.float32)[[place]]
                fired = np.mean([(self._logits(name, Hops(v, said), *fitted) >= level).any() for v in clips])
                heard = [smoothed(hops.posteriors[:, place]) for hops in slid]
                taken = np.mean([(scores >= self._thresholds[word]).any() for scores in heard])
                shares[word] = float(fired), float(taken)
        for other in others:
            fired = np.mean([self._passes(name, self.slide(take), *fitted) for take in other.takes])
            taken = np.mean([self._passes(other.name, hops, other.weights, other.bias) for hops in slid])
            before = shares.get(other.name, (0.0, 0.0))
            shares[other.name] = max(float(fired), before[0]), max(float(taken), before[1])
        return {word: share for word, share in shares.items() if max(share) > 0}

    def _differ(self, words: Sequence[str], means: NDArray[np.float32], others: Sequence[TaughtWord]) -> dict[str, str]:
        """Other word -> the part of the word in which the two differ, where it is one part."""
        theirs = {
            word: np.array([vectors_of(clip).mean(axis=0) for clip in clips])
            for word, clips in zip(self.bank.words, self.bank.word_clips, strict=True)
        }
        theirs |= {one.name: np.array([self._slider.mean(take) for take in one.takes]) for one in others}
        parts = {word: part_that_differs(means, theirs[word]) for word in words}
        return {word: part for word, part in parts.items() if part}

    def weights_of(self, takes: Sequence[TakeFeatures], name: str = "") -> tuple[NDArray[np.float32], float]:
        """Weights and bias alone, without looking at what to expect of them."""
        return self._fit(name, takes, [self._slider.mean(take) for take in takes])

    def _fit(
        self,
        name: str,
        takes: Sequence[TakeFeatures],
        means: Sequence[NDArray[np.float32]],
        alarms: Sequence[Hops] = (),
    ) -> tuple[NDArray[np.float32], float]:
        """Weights, and the bias that the bank's talk asks for.

        What it is told from is `Bank.others`, or as much of the false alarms as it takes until none of them passes.
        """
        spoken = np.array([take.spoken for take in takes])
        shares = np.ones(len(takes))
        if spoken.any() and not spoken.all():
            shares = np.where(spoken, (1 - RECORDED_SHARE) / spoken.sum(), RECORDED_SHARE / (~spoken).sum())
        word = np.average(means, axis=0, weights=shares).astype(np.float32)
        fitted = self._with_bias(name, fit(word, self.bank.others))
        worst = [hops.vectors[(hops.vectors @ fitted[0]).argmax()] for hops in alarms]
        for share in ALARM_SHARES:
            if not any(self._passes(name, hops, fitted[0], fitted[1] + ALARM_MARGIN) for hops in alarms):
                break
            fitted = self._with_bias(name, fit(word, (1 - share) * self.bank.others + share * np.mean(worst, axis=0)))
        return fitted

    def _with_bias(self, name: str, weights: NDArray[np.float32]) -> tuple[NDArray[np.float32], float]:
        logits = np.where(self.bank.gate_open, self._talk_logits(name, weights, 0.0), -np.inf)
        # An adapted word keeps its threshold.
        return weights, bias_for(logits, self.bank.hours) + logit(self._threshold(name)) - logit(THRESHOLD)

    def _threshold(self, name: str) -> float:
        return self._thresholds[name] if name in self.bank.words else THRESHOLD

    def _rivals(self, name: str) -> list[int]:
        """Return the indices of the network's words that compete with a word; an adapted one not with itself."""
        return [i for i, word in enumerate(self.bank.words) if word != name]

    def _logits(self, name: str, hops: Hops, weights: NDArray[np.float32], bias: float) -> Numbers:
        """Return the logits of a word's score in consecutive hops."""
        rivals = self._rivals(name)
        said = hops.posteriors[:, [self._labels.index(self.bank.words[i]) for i in rivals]]
        products = hops.vectors @ self.bank.word_weights[rivals].T
        silence = hops.posteriors[:, self._labels.index(SILENCE)]
        return contest(hops.vectors @ weights, bias, products, said, silence)[0]

    def _talk_logits(self, name: str, weights: NDArray[np.float32], bias: float) -> Numbers:
        """Return the same for the bank's speech."""
        rivals = self._rivals(name)
        products = self.bank.word_products[:, rivals]
        silence = self.bank.posteriors[:, self._labels.index(SILENCE)]
        return contest(self.bank.products(weights), bias, products, self.bank.said[:, rivals], silence)[0]

    def _scores(self, name: str, logits: Numbers, posteriors: NDArray[np.float32]) -> Numbers:
        """Return the scores as in `kws_live.model.taught_words.TaughtScorer`."""
        scores = logistic(logits)
        return np.maximum(scores, posteriors[:, self._labels.index(name)]) if name in self.bank.words else scores

    def best(self, word: TaughtWord, rows: Features) -> float:
        """Return the highest score of a taught word in a recording."""
        return self.peak(self._slider.hops(rows, 0, len(rows)), word.weights, word.bias, word.name)

    def slide(self, take: TakeFeatures) -> Hops:
        """Return the outputs as a take slides through the window."""
        return self._slider.slide(take)

    def scores(self, word: TaughtWord, hops: Hops) -> Numbers:
        """Return the scores of a taught word in consecutive hops."""
        return self._scores(word.name, self._logits(word.name, hops, word.weights, word.bias), hops.posteriors)

    def peak(self, hops: Hops, weights: NDArray[np.float32], bias: float, name: str = "") -> float:
        """Return the highest score in consecutive hops."""
        return float(smoothed(self._scores(name, self._logits(name, hops, weights, bias), hops.posteriors)).max())

    def _passes(self, name: str, hops: Hops, weights: NDArray[np.float32], bias: float) -> bool:
        return self.peak(hops, weights, bias, name) >= self._threshold(name)

    def _false_events(self, name: str, seconds: float, weights: NDArray[np.float32], bias: float) -> tuple[int, int]:
        scores = self._scores(name, self._talk_logits(name, weights, bias), self.bank.posteriors)
        return false_events(self.bank, name, scores, seconds, self._threshold(name))

    def likeness(self, takes: Sequence[TakeFeatures]) -> list[float]:
        """Return the similarity of each take to the others: see `kws_live.enrolment.likeness.cosines`."""
        return cosines(np.array([self._slider.mean(take) for take in takes]), self.bank.mean)

    def heard(self, take: TakeFeatures) -> str:
        """Return the network's label for the take as it slides through the window."""
        return self._labels[int(self.slide(take).posteriors.mean(axis=0).argmax())]
