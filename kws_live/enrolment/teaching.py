"""From takes to a word: fit it against the bank, choose its bias on held-out talk, say what to expect.

A word that the network knows is taught the same way, and becomes a personal one: see `kws_live.model.taught_words`.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from kws_live.audio import HOP_SECONDS, SILENCE
from kws_live.enrolment.augmentation import TakeFeatures, to_mfcc, windows_of
from kws_live.enrolment.bank import Bank
from kws_live.enrolment.classifier import fit
from kws_live.enrolment.expectation import (
    SMOOTHING,
    THRESHOLD,
    Before,
    Expectation,
    bias_for,
    false_events,
    logit,
    smoothed,
)
from kws_live.errors import DatasetError, ModelError
from kws_live.model import Model
from kws_live.model.features import Features, FeatureSettings
from kws_live.model.scorer import Scorer
from kws_live.model.taught_words import BANK_NAME, contest, logistic

WINDOWS_PER_WORD: Final = 400
"""Of all takes together, so that a word of ten takes costs no more than one of three."""

RECORDED_SHARE: Final = 0.7
"""Of the windows, where recorded and synthetic takes mix; chosen on words held out of the embedding's training, where
more synthetic ones made a word heard less often."""

LEAST_TAKES: Final = 2
SURE: Final = 0.9
"""Posterior of a word of the network's own in a clip of it, taken low."""

LEAST_ALIKE: Final = 0.45
"""Cosine of a take and the mean of two others or more; below it they are not the same word: 87 % of takes of another
word are, and 6 % of one's own."""

LEAST_ALIKE_PAIR: Final = 0.25
"""Cosine of two takes, which varies more: 46 % and 2 %."""


def least_alike(n_others: int) -> float:
    """The least cosine of a take and the mean of so many others."""
    return LEAST_ALIKE if n_others > 1 else LEAST_ALIKE_PAIR


@dataclass(frozen=True, eq=False)
class TaughtWord:
    """A word as it goes into a model folder.

    Attributes
    ----------
    name : the word
    weights, bias : of its score
    takes : what it was taught with
    expectation : what was measured
    personal : whether it is a word of the network's own
    """

    name: str
    weights: NDArray[np.float32]
    bias: float
    takes: tuple[TakeFeatures, ...]
    expectation: Expectation
    personal: bool = False


@dataclass(frozen=True, eq=False)
class Hops:
    """What the networks make of windows: embeddings (n, size), and posteriors of the own words and silence.

    The posteriors are (n, n_words) and (n,).
    """

    embeddings: NDArray[np.float32]
    words: NDArray[np.float32]
    silence: NDArray[np.float32]


class Teacher:
    """Teaches words to a model.

    Parameters
    ----------
    model : one with an embedding and a bank

    Raises
    ------
    ModelError
        If it has none, or another's.
    """

    def __init__(self, model: Model) -> None:
        self.settings: FeatureSettings = model.card.features
        self._embedding: Scorer = model.embedding()
        self._base = model.base_scorer()
        self._labels: tuple[str, ...] = model.card.labels
        self._thresholds: Mapping[str, float] = model.card.thresholds
        self.bank = Bank.load(model.folder / BANK_NAME)
        if set(self.bank.words) != set(model.own_words):
            raise ModelError(f"model {model.card.name!r}: {BANK_NAME} is another model's; take the model folder again")
        self._outputs = [model.own_words[word] for word in self.bank.words]
        self._silence = self._labels.index(SILENCE)
        said = self.bank.word_scores
        n_hops = len(self.bank.stream)
        # Where the gate is shut nothing is scored.
        nothing = np.zeros((n_hops, len(self._outputs)), np.float32)
        of_words = nothing if said is None else said * self.bank.gate_open[:, np.newaxis]
        self._talk = Hops(self.bank.stream, of_words, self.bank.silence)

    def embed(self, mfcc: Features) -> NDArray[np.float32]:
        """Embeddings of windows, shape (n, size)."""
        return np.array([self._embedding.score(window) for window in mfcc], dtype=np.float32)

    def teach(
        self,
        name: str,
        takes: Sequence[TakeFeatures],
        others: Sequence[TaughtWord] = (),
        on_progress: Callable[[int, int], None] = lambda *_: None,
    ) -> TaughtWord:
        """Fit one word.

        Parameters
        ----------
        name : the word; if it is one of the network's own it becomes a personal one
        takes : of it
        others : words that are taught already; their takes are negatives
        on_progress : called with fits done and the whole

        Raises
        ------
        DatasetError
            If there are too few takes.
        """
        if len(takes) < LEAST_TAKES:
            raise DatasetError(
                f"{len(takes)} take of {name!r} is too few to tell it from others; give 3 to 10, {LEAST_TAKES} at least"
            )
        positives, negative = self._positives(takes), self._negatives(others)
        weights, bias = self._fit(name, np.concatenate(positives), negative)
        # Where somebody has recorded takes, it is they who tell how well people are heard.
        n_spoken = sum(take.spoken for take in takes)
        tries = [i for i, take in enumerate(takes) if not take.spoken or n_spoken == len(takes)]
        slid = [self._slide(take) for take in takes]
        hits = 0
        on_progress(1, len(tries) + 1)
        for done, left_out in enumerate(tries, 2):
            rest = np.concatenate([part for i, part in enumerate(positives) if i != left_out])
            hits += self._passes(name, slid[left_out], *self._fit(name, rest, negative))
            on_progress(done, len(tries) + 1)
        seconds = float(np.median([take.offset - take.onset for take in takes]))
        seconds *= self.settings.hop_samples / self.settings.sample_rate_hz
        personal = name in self.bank.words
        command, spotting = self._false_events(name, seconds, weights, bias)
        expectation = Expectation(
            n_takes=len(takes),
            hits=hits,
            n_tries=len(tries),
            hours=self.bank.hours,
            false_command=command,
            false_spotting=spotting,
            alike=self._alike(name, slid, others, weights, bias),
            word_seconds=seconds,
            n_spoken=n_spoken,
            before=self._before(name, [slid[i] for i in tries], seconds) if personal else None,
        )
        return TaughtWord(name, weights, bias, tuple(takes), expectation, personal)

    def _before(self, name: str, slid: Sequence[Hops], seconds: float) -> Before:
        """How the network alone does on a word of its own."""
        nothing = np.zeros(self.bank.stream.shape[1], np.float32)
        hits = sum(self._passes(name, hops, nothing, -np.inf) for hops in slid)
        return Before(hits, *self._false_events(name, seconds, nothing, -np.inf))

    def _alike(
        self,
        name: str,
        slid: Sequence[Hops],
        others: Sequence[TaughtWord],
        weights: NDArray[np.float32],
        bias: float,
    ) -> dict[str, float]:
        """Other word -> share of its recordings taken for this one, or of this one's for it, whichever is more."""
        level = logit(self._threshold(name))
        shares = {}
        for i, (word, clips) in enumerate(zip(self.bank.words, self.bank.word_clips, strict=True)):
            if word != name:
                # The network is sure of nearly every clip of its own words.
                said = np.zeros((len(clips), len(self.bank.words)), np.float32)
                said[:, i] = SURE
                silence = np.zeros(len(clips), np.float32)
                fired = np.mean(self._logits(name, Hops(clips, said, silence), weights, bias) >= level)
                # By the network alone: who says both will be misheard, whatever the embedding makes of others' clips.
                taken = np.mean([(smoothed(hops.words[:, i]) >= self._thresholds[word]).any() for hops in slid])
                shares[word] = max(float(fired), float(taken))
        for other in others:
            fired = np.mean([self._passes(name, self._slide(take), weights, bias) for take in other.takes])
            taken = np.mean([self._passes(other.name, hops, other.weights, other.bias) for hops in slid])
            shares[other.name] = max(float(fired), float(taken), shares.get(other.name, 0.0))
        return {word: share for word, share in shares.items() if share > 0}

    def weights_of(self, takes: Sequence[TakeFeatures], name: str = "") -> tuple[NDArray[np.float32], float]:
        """Weights and bias alone, without looking at what to expect of them."""
        return self._fit(name, np.concatenate(self._positives(takes)), self.bank.negatives)

    def _positives(self, takes: Sequence[TakeFeatures]) -> list[NDArray[np.float32]]:
        n_spoken = sum(take.spoken for take in takes)
        n_recorded = len(takes) - n_spoken
        if n_spoken and n_recorded:
            n = round(RECORDED_SHARE * WINDOWS_PER_WORD)
            n_windows = (n // n_recorded, max(1, (WINDOWS_PER_WORD - n) // n_spoken))
        else:
            n_windows = (WINDOWS_PER_WORD // len(takes),) * 2
        return [self._augmented(take, n_windows[take.spoken], i) for i, take in enumerate(takes)]

    def _negatives(self, others: Sequence[TaughtWord]) -> NDArray[np.float32]:
        takes = [take for other in others for take in other.takes]
        return np.concatenate([self.bank.negatives, *(self._augmented(take, 30, i) for i, take in enumerate(takes))])

    def _augmented(self, take: TakeFeatures, n: int, number: int) -> NDArray[np.float32]:
        rng = np.random.default_rng([number, take.log_mel.shape[0]])
        return self.embed(windows_of(take, self.settings, self.bank.noise, n, rng))

    def _fit(
        self, name: str, positive: NDArray[np.float32], negative: NDArray[np.float32]
    ) -> tuple[NDArray[np.float32], float]:
        """Weights, and the bias that the held-out talk asks for."""
        weights = fit(positive, negative)
        logits = np.where(self.bank.gate_open, self._logits(name, self._talk, weights, 0.0), -np.inf)
        # A personal word keeps the threshold that the network's own has.
        return weights, bias_for(logits, self.bank.hours) + logit(self._threshold(name)) - logit(THRESHOLD)

    def _threshold(self, name: str) -> float:
        return self._thresholds[name] if name in self.bank.words else THRESHOLD

    def _logits(self, name: str, hops: Hops, weights: NDArray[np.float32], bias: float) -> NDArray[np.floating]:
        """`contest` at each hop with the network's words; a personal word is none against itself."""
        itself = np.array([word == name for word in self.bank.words])
        products = np.where(itself, np.inf, hops.embeddings @ self.bank.word_weights.T)
        said = np.where(itself, 0, hops.words)
        return contest(hops.embeddings @ weights, bias, products, said, hops.silence)[0]

    def _scores(self, name: str, hops: Hops, weights: NDArray[np.float32], bias: float) -> NDArray[np.floating]:
        """As `kws_live.model.taught_words.TaughtScorer` scores a word."""
        scores = logistic(self._logits(name, hops, weights, bias))
        return np.maximum(scores, hops.words[:, self.bank.words.index(name)]) if name in self.bank.words else scores

    def passes(self, take: TakeFeatures, weights: NDArray[np.float32], bias: float, name: str = "") -> bool:
        """Whether a take fires as it slides through the window, hop by hop."""
        return self._passes(name, self._slide(take), weights, bias)

    def _passes(self, name: str, hops: Hops, weights: NDArray[np.float32], bias: float) -> bool:
        return bool((smoothed(self._scores(name, hops, weights, bias)) >= self._threshold(name)).any())

    def _false_events(self, name: str, seconds: float, weights: NDArray[np.float32], bias: float) -> tuple[int, int]:
        scores = self._scores(name, self._talk, weights, bias).astype(np.float32)
        return false_events(self.bank, name, scores, seconds, self._threshold(name))

    def _slide(self, take: TakeFeatures) -> Hops:
        windows = self.sliding(take)
        posteriors = np.array([self._base.score(window) for window in windows])
        return Hops(self.embed(windows), posteriors[:, self._outputs], posteriors[:, self._silence])

    def sliding(self, take: TakeFeatures) -> Features:
        """MFCC of the windows at each hop, from when the word comes in until it leaves; the room goes on around it."""
        n_frames, step = (
            self.settings.n_frames,
            round(HOP_SECONDS * self.settings.sample_rate_hz / self.settings.hop_samples),
        )
        room = take.log_mel[np.argsort(take.log_mel.mean(axis=1))[: max(3, len(take.log_mel) // 10)]]
        beside = np.resize(room, (n_frames, room.shape[1]))
        padded = np.concatenate([beside, take.log_mel, beside])
        length = take.offset - take.onset
        first, last = n_frames + take.onset + length // 2, n_frames + take.onset + max(n_frames, length)
        starts = [end - n_frames for end in range(first, last + SMOOTHING * step, step)]
        return to_mfcc(
            np.stack([padded[start : start + n_frames] for start in starts if start + n_frames <= len(padded)]),
            self.settings,
        )

    def likeness(self, takes: Sequence[TakeFeatures]) -> list[float]:
        """How alike each take is to the others: cosine with the mean of their embeddings; 1 for a single take."""
        if len(takes) < 2:
            return [1.0] * len(takes)
        means = np.array([self._augmented(take, 12, 0).mean(axis=0) for take in takes])
        found = []
        for i, own in enumerate(means):
            rest = means[np.arange(len(means)) != i].mean(axis=0)
            found.append(float(own @ rest / np.linalg.norm(own) / np.linalg.norm(rest)))
        return found

    def heard(self, take: TakeFeatures) -> str:
        """The label that the network gives the take, over the windows that hold it whole."""
        windows = windows_of(take, self.settings, np.zeros((0, 1, 1), np.float32), 8, np.random.default_rng(0))
        return self._labels[int(np.mean([self._base.score(window) for window in windows], axis=0).argmax())]
