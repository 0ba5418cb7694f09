"""Operating points: the result of many thresholds on recorded runs, without running the model again.

References
----------
A. Martin et al., "The DET Curve in Assessment of Detection Task Performance", Eurospeech 1997. R. Barlow et al.,
"Statistical Inference under Order Restrictions", Wiley 1972 (isotonic regression).
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np

from kws_live.audio import SAMPLE_RATE_HZ
from kws_live.evaluation.intervals import PairedDifference, PairedRateDifference, Rate, Share
from kws_live.evaluation.streaming import LabelledRun, StreamScore
from kws_live.events import Detection
from kws_live.spotting.decision_settings import DecisionSettings

THRESHOLDS: Final = (
    0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.75, 0.8, 0.85, 0.9, 0.93, 0.95, 0.97, 0.98, 0.99, 0.995, 0.999,
)  # fmt: skip
"""Denser towards 1, where most scores of networks are."""

SAME_EVENT_SECONDS: Final = 1.0
"""Detections of a word by two settings, no further apart than a window, are the same event."""


@dataclass(frozen=True)
class OperatingPoint:
    """Result of one threshold.

    Attributes
    ----------
    threshold : of the word, or of all
    missed : share of the occurrences missed
    false : detections when it was not said
    """

    threshold: float
    missed: Share
    false: Rate

    def to_dict(self) -> dict[str, Any]:
        """Return plain values for JSON."""
        return {"threshold": self.threshold, "missed": self.missed.to_dict(), "false_accepts": self.false.to_dict()}


@dataclass(frozen=True)
class Sweep:
    """Operating points from the lowest threshold to the highest.

    Attributes
    ----------
    scores : threshold -> result
    keywords : of the model
    """

    scores: dict[float, StreamScore]
    keywords: tuple[str, ...]

    def all_words(self) -> tuple[OperatingPoint, ...]:
        """Return the points of all words together."""
        return self._points(self.keywords)

    def of(self, word: str) -> tuple[OperatingPoint, ...]:
        """Return one word's detection error trade-off."""
        return self._points((word,))

    def _points(self, words: Sequence[str]) -> tuple[OperatingPoint, ...]:
        points = []
        for threshold, score in sorted(self.scores.items()):
            missed = [not outcome.hit for outcome in score.words if outcome.label.word in words]
            n_false = sum(event.keyword in words for event in score.false)
            points.append(
                OperatingPoint(threshold, Share(sum(missed), len(missed)), Rate(n_false, score.seconds / 3600))
            )
        return tuple(points)

    def to_dict(self) -> dict[str, Any]:
        """Return plain values for JSON."""
        return {
            "all": [point.to_dict() for point in self.all_words()],
            "words": {word: [point.to_dict() for point in self.of(word)] for word in self.keywords},
        }


def sweep(
    runs: Sequence[LabelledRun],
    settings: DecisionSettings,
    thresholds: Iterable[float] = THRESHOLDS,
    progress: Callable[[float], None] | None = None,
) -> Sweep:
    """Score the runs with each threshold, the same for all words; all other settings stay."""
    scores = {}
    for threshold in thresholds:
        now = replace(settings, thresholds=dict.fromkeys(settings.thresholds, threshold))
        scores[threshold] = sum((run.score(now) for run in runs), StreamScore())
        if progress is not None:
            progress(1)
    return Sweep(scores, tuple(settings.thresholds))


def threshold_for(points: Sequence[OperatingPoint], per_hour: float) -> OperatingPoint | None:
    """Return the lowest threshold with at most ``per_hour`` false accepts; None if there is none.

    More false accepts at a higher threshold are chance, so neighbours are averaged until the curve never rises.

    Parameters
    ----------
    points : of one word or all, by increasing threshold
    per_hour : above 0
    """
    rates = np.array([point.false.per_hour for point in points])
    for i, point in enumerate(points):
        falling = min(max(rates[j : k + 1].mean() for k in range(i, len(rates))) for j in range(i + 1))
        if falling <= per_hour:
            return point
    return None


def hours_to_tell(per_hour: float) -> float:
    """Return the minimum hours of audio to measure a rate: in less, a single event already exceeds it."""
    return 1 / per_hour


@dataclass(frozen=True)
class Comparison:
    """A second model or setting compared with a first, on the same recordings.

    Attributes
    ----------
    hits : paired difference of the share of words detected
    false : paired difference of false accepts per hour; detections of both cancel out
    """

    hits: PairedDifference
    false: PairedRateDifference

    def to_dict(self) -> dict[str, Any]:
        """Return plain values for JSON."""
        return {"hits": self.hits.to_dict(), "false_accepts_per_hour": self.false.to_dict()}


def compare(first: Sequence[StreamScore], second: Sequence[StreamScore]) -> Comparison:
    """Compare the scores of two models or settings on the same recordings, given in the same order.

    Raises
    ------
    ValueError
        If the recordings differ.
    """
    lost = gained = only_first = only_second = n_words = 0
    for one, two in zip(first, second, strict=True):
        if [outcome.label for outcome in one.words] != [outcome.label for outcome in two.words]:
            raise ValueError("the scores are of different recordings")
        pairs = [(a.hit, b.hit) for a, b in zip(one.words, two.words, strict=True)]
        n_words += len(pairs)
        lost += pairs.count((True, False))
        gained += pairs.count((False, True))
        shared = _shared(one.false, two.false)
        only_first += len(one.false) - shared
        only_second += len(two.false) - shared
    hours = sum(score.seconds for score in first) / 3600
    return Comparison(PairedDifference(lost, gained, n_words), PairedRateDifference(only_first, only_second, hours))


def _shared(first: Sequence[Detection], second: Sequence[Detection]) -> int:
    """Count the detections of the first that match one of the second: same word, at most a second apart."""
    left = list(second)
    shared = 0
    for event in first:
        for other in left:
            apart = abs(event.decided_position - other.decided_position)
            if other.keyword == event.keyword and apart <= SAME_EVENT_SECONDS * SAMPLE_RATE_HZ:
                left.remove(other)
                shared += 1
                break
    return shared
