"""From takes to a word: fit it against the bank, choose its bias on held-out talk, say what to expect."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from kws_live.enrolment.augmentation import TakeFeatures, to_mfcc, windows_of
from kws_live.enrolment.bank import Bank
from kws_live.enrolment.classifier import fit
from kws_live.enrolment.expectation import (
    SMOOTHING,
    THRESHOLD,
    Expectation,
    bias_for,
    false_events,
    logistic,
    smoothed,
)
from kws_live.errors import DatasetError
from kws_live.features import Features, FeatureSettings
from kws_live.model import Model, Scorer
from kws_live.pipeline import HOP_SECONDS
from kws_live.taught_words import BANK_NAME, KNOWN_WEIGHT

WINDOWS_PER_WORD: Final = 400
"""Of all takes together, so that a word of ten takes costs no more than one of three."""

RECORDED_SHARE: Final = 0.7
"""Of the windows, where recorded and synthetic takes mix; chosen on words held out of the embedding's training, where
more synthetic ones made a word heard less often."""

LEAST_TAKES: Final = 2
SURE: Final = 0.9
"""Posterior of a word of the network's own in a clip of it, taken low."""

LEAST_ALIKE: Final = 0.45
"""Cosine of a take and the mean of the others; below it they are not the same word."""


@dataclass(frozen=True, eq=False)
class TaughtWord:
    """A word as it goes into a model folder.

    Attributes
    ----------
    name : the word
    weights, bias : of its score
    takes : what it was taught with
    expectation : what was measured
    """

    name: str
    weights: NDArray[np.float32]
    bias: float
    takes: tuple[TakeFeatures, ...]
    expectation: Expectation


class Teacher:
    """Teaches words to a model.

    Parameters
    ----------
    model : one with an embedding and a bank

    Raises
    ------
    ModelError
        If it has none.
    """

    def __init__(self, model: Model) -> None:
        self.settings: FeatureSettings = model.card.features
        self._embedding: Scorer = model.embedding()
        self._base = model.base_scorer()
        self._labels, self._own = model.card.labels, model.own_words
        self.bank = Bank.load(model.folder / BANK_NAME)

    def embed(self, mfcc: Features) -> NDArray[np.float32]:
        """Embeddings of windows, shape (n, size)."""
        return np.array([self._embedding.score(window) for window in mfcc], dtype=np.float32)

    def teach(
        self,
        name: str,
        takes: Sequence[TakeFeatures],
        others: Sequence[TakeFeatures] = (),
        on_progress: Callable[[int, int], None] = lambda *_: None,
    ) -> TaughtWord:
        """Fit one word.

        Parameters
        ----------
        name : the word; it decides nothing but its name
        takes : of it
        others : takes of words that are taught already, as negatives
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
        weights, bias = self._fit(np.concatenate(positives), negative)
        hits = 0
        # Where somebody has recorded takes, it is they who tell how well people are heard.
        n_spoken = sum(take.spoken for take in takes)
        tries = [i for i, take in enumerate(takes) if not take.spoken or n_spoken == len(takes)]
        on_progress(1, len(tries) + 1)
        for done, left_out in enumerate(tries, 2):
            rest = np.concatenate([part for i, part in enumerate(positives) if i != left_out])
            hits += self.passes(takes[left_out], *self._fit(rest, negative))
            on_progress(done, len(tries) + 1)
        seconds = float(np.median([take.offset - take.onset for take in takes]))
        seconds *= self.settings.hop_samples / self.settings.sample_rate_hz
        command, spotting = false_events(self.bank, name, self._stream_scores(weights, bias), seconds)
        expectation = Expectation(
            n_takes=len(takes),
            hits=hits,
            n_tries=len(tries),
            hours=self.bank.hours,
            false_command=command,
            false_spotting=spotting,
            alike=self._alike(takes, weights, bias),
            word_seconds=seconds,
            n_spoken=n_spoken,
        )
        return TaughtWord(name, weights, bias, tuple(takes), expectation)

    def _alike(self, takes: Sequence[TakeFeatures], weights: NDArray[np.float32], bias: float) -> dict[str, float]:
        """Known word -> share of its clips taken for the new word, or of the takes for it, whichever is more."""
        # The network is sure of nearly every clip of its own words.
        fired = logistic(self.bank.word_clips @ weights + bias - KNOWN_WEIGHT * SURE) >= THRESHOLD
        shares = dict(zip(self.bank.words, fired.mean(axis=1).tolist(), strict=True))
        heard = [self.heard(take) for take in takes]
        both = {word: max(share, heard.count(word) / len(takes)) for word, share in shares.items()}
        return {word: share for word, share in both.items() if share > 0}

    def weights_of(self, takes: Sequence[TakeFeatures]) -> tuple[NDArray[np.float32], float]:
        """Weights and bias alone, without looking at what to expect of them."""
        return self._fit(np.concatenate(self._positives(takes)), self.bank.negatives)

    def _positives(self, takes: Sequence[TakeFeatures]) -> list[NDArray[np.float32]]:
        n_spoken = sum(take.spoken for take in takes)
        n_recorded = len(takes) - n_spoken
        if n_spoken and n_recorded:
            n = round(RECORDED_SHARE * WINDOWS_PER_WORD)
            n_windows = (n // n_recorded, max(1, (WINDOWS_PER_WORD - n) // n_spoken))
        else:
            n_windows = (WINDOWS_PER_WORD // len(takes),) * 2
        return [self._augmented(take, n_windows[take.spoken], i) for i, take in enumerate(takes)]

    def _negatives(self, others: Sequence[TakeFeatures]) -> NDArray[np.float32]:
        return np.concatenate([self.bank.negatives, *(self._augmented(take, 30, i) for i, take in enumerate(others))])

    def _augmented(self, take: TakeFeatures, n: int, number: int) -> NDArray[np.float32]:
        rng = np.random.default_rng([number, take.log_mel.shape[0]])
        return self.embed(windows_of(take, self.settings, self.bank.noise, n, rng))

    def _fit(self, positive: NDArray[np.float32], negative: NDArray[np.float32]) -> tuple[NDArray[np.float32], float]:
        """Weights, and the bias that the held-out talk asks for."""
        weights, _ = fit(positive, negative)
        logits = np.where(self.bank.gate_open, self.bank.stream @ weights - self._known_in_stream(), -np.inf)
        return weights, bias_for(logits, self.bank.hours)

    def _stream_scores(self, weights: NDArray[np.float32], bias: float) -> NDArray[np.float32]:
        return logistic(self.bank.stream @ weights + bias - self._known_in_stream()).astype(np.float32)

    def _known_in_stream(self) -> NDArray[np.float32]:
        """What the network's own words take off in the held-out stream, shape (n_hops,)."""
        said = self.bank.word_scores
        return np.zeros(len(self.bank.stream), np.float32) if said is None else KNOWN_WEIGHT * said.max(axis=1)

    def passes(self, take: TakeFeatures, weights: NDArray[np.float32], bias: float) -> bool:
        """Whether a take fires as it slides through the window, hop by hop."""
        windows = self.sliding(take)
        known = [self._base.score(window)[self._own].max() for window in windows]
        scores = logistic(self.embed(windows) @ weights + bias - KNOWN_WEIGHT * np.array(known))
        return bool((smoothed(scores) >= THRESHOLD).any())

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
