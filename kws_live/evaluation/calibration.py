"""Thresholds for a room: the fewest misses within a budget of false accepts per hour.

The recording of the room, which contains no commands, is run once. Each word's false accepts at a threshold are
counted with the same decision as live; beyond the scores that occurred, they are extrapolated from the tail of
the word's peaks. The budget is shared by a common limit for all words; words
that stay below it leave their share to the others.

A short recording proves little: without a single false accept in T hours the rate is below 3.7/T with 95 %
confidence (Garwood's interval), so the calibration says what the recording supports. Where it does not support the
budget, no threshold goes below the model's default, which was chosen on hours of other recordings.

References
----------
J. Pickands, "Statistical Inference Using Extreme Order Statistics", Annals of Statistics 3(1), 1975: the excess over
a high level is nearly exponential or Pareto; here exponential, on the scale of log odds.
"""

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from kws_live.audio import SAMPLE_RATE_HZ, WINDOW_SECONDS
from kws_live.errors import ConfigError, DatasetError
from kws_live.evaluation.intervals import Rate, Share
from kws_live.evaluation.recorded_run import RecordedRun
from kws_live.evaluation.streaming import LabelledRun
from kws_live.spotting.decision_settings import DecisionSettings
from kws_live.spotting.pipeline import HOP_SAMPLES

THRESHOLDS: Final = tuple(round(1 / (1 + math.exp(-x)), 4) for x in np.arange(-2.2, 6.1, 0.2))
"""0.1 to 0.9975 in equal steps of log odds."""

TAIL_PEAKS: Final = 20
"""The exponential tail is fitted to this many of the highest peaks, or to the highest tenth if that is fewer."""

HOURS_PER: Final = {"h": 1.0, "hour": 1.0, "d": 24.0, "day": 24.0, "week": 168.0}


def parse_budget(text: str) -> float:
    """Parse false accepts per hour from a text such as 0.5/h or 2/day.

    Raises
    ------
    ConfigError
        If it is not a rate above 0.
    """
    match = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*/\s*([a-z]+)\s*", text)
    if not match or match[2] not in HOURS_PER:
        raise ConfigError(
            f"budget {text!r} is not a rate; write false accepts per hour, day or week, such as 0.5/h or 2/day"
        )
    per_hour = float(match[1]) / HOURS_PER[match[2]]
    if per_hour <= 0:
        raise ConfigError(
            f"budget {text!r} is impossible: no threshold guarantees zero; write one such as 0.5/h or 1/week"
        )
    return per_hour


@dataclass(frozen=True)
class FalseRates:
    """How often each word fires in the room, at each threshold.

    Attributes
    ----------
    thresholds : in increasing order
    counted : word -> detections at each threshold
    expected : word -> rate per hour at each threshold, non-increasing; counted, or extrapolated where the count is 0
    hours : of the recording
    """

    thresholds: tuple[float, ...]
    counted: Mapping[str, tuple[int, ...]]
    expected: Mapping[str, tuple[float, ...]]
    hours: float


def false_rates(run: RecordedRun, settings: DecisionSettings, thresholds: Sequence[float] = THRESHOLDS) -> FalseRates:
    """Count and extrapolate the false accepts in a recording without keywords.

    Raises
    ------
    DatasetError
        If it is shorter than 10 s.
    """
    if run.seconds < 10:
        raise DatasetError(
            f"{run.seconds:.1f} s of the room are not enough; record at least a minute, an hour if you can"
        )
    hours = run.seconds / 3600
    counted: dict[str, list[int]] = {word: [] for word in run.keywords}
    for threshold in thresholds:
        now = replace(settings, thresholds=dict.fromkeys(settings.thresholds, threshold))
        found = [event.keyword for event in run.decide(now)]
        for word, counts in counted.items():
            counts.append(found.count(word))
    peaks = {word: _peaks(run, word, settings.smoothing_hops) for word in run.keywords}
    # Not every peak is a detection: it may belong to the previous one, or not stand alone. One is added to both counts,
    # so that no recording implies a rate of zero.
    lowest = math.log(thresholds[0] / (1 - thresholds[0]))
    n_peaks = sum(int((values >= lowest).sum()) for values in peaks.values())
    fires = min(1.0, (1 + sum(counts[0] for counts in counted.values())) / (1 + n_peaks))
    expected = {}
    for word, counts in counted.items():
        tail = _tail(peaks[word], hours, thresholds)
        rates = [count / hours if count else fires * beyond for count, beyond in zip(counts, tail, strict=True)]
        # A higher threshold cannot fire more often; counts may fluctuate where one detection hides another.
        expected[word] = tuple(np.maximum.accumulate(rates[::-1])[::-1].tolist())
    return FalseRates(tuple(thresholds), {word: tuple(counts) for word, counts in counted.items()}, expected, hours)


def _peaks(run: RecordedRun, word: str, smoothing_hops: int) -> NDArray[np.float64]:
    """Return the highest smoothed log odds of a word in each second in which the gate was open."""
    scores = np.zeros(run.positions.size)
    scores[run.gate_open] = run.posteriors[:, run.labels.index(word)]
    smoothed = np.convolve(scores, np.ones(smoothing_hops) / smoothing_hops)[: scores.size]
    seconds = np.arange(scores.size)[run.gate_open] * HOP_SAMPLES // round(WINDOW_SECONDS * SAMPLE_RATE_HZ)
    peaks = np.zeros(int(seconds[-1]) + 1 if seconds.size else 0)
    np.maximum.at(peaks, seconds, smoothed[run.gate_open])
    return _log_odds(peaks[np.unique(seconds)])


def _log_odds(score: NDArray[np.float64]) -> NDArray[np.float64]:
    clipped = np.clip(score, 1e-6, 1 - 1e-6)
    odds: NDArray[np.float64] = np.log(clipped / (1 - clipped))
    return odds


def _tail(peaks: NDArray[np.float64], hours: float, thresholds: Sequence[float]) -> list[float]:
    """Return the peaks per hour above each threshold, from an exponential fitted to the highest peaks."""
    if not peaks.size:
        return [0.0] * len(thresholds)
    ordered = np.sort(peaks)[::-1]
    n = int(np.clip(ordered.size // 10, 1, TAIL_PEAKS))
    level = float(ordered[n]) if ordered.size > n else float(ordered[-1])
    # The mean excess is the exponential's scale; at least 0.5, because equal peaks would give a scale of 0.
    scale = max(float(np.mean(ordered[:n] - level)), 0.5)
    beyond = _log_odds(np.array(thresholds)) - level
    return [n / hours * math.exp(-max(0.0, distance) / scale) for distance in beyond.tolist()]


@dataclass(frozen=True)
class Plan:
    """Thresholds for a budget, and their expected accuracy.

    Attributes
    ----------
    budget_per_hour : the budget
    thresholds : of each word
    expected_per_hour : expected false accepts per hour, all words together
    observed : false accepts in the recording at these thresholds
    missed : word -> share of its takes missed; empty without takes
    """

    budget_per_hour: float
    thresholds: Mapping[str, float]
    expected_per_hour: float
    observed: Rate
    missed: Mapping[str, Share]

    @property
    def all_missed(self) -> Share:
        """Share of all takes missed."""
        return Share(sum(share.count for share in self.missed.values()), sum(share.n for share in self.missed.values()))

    @property
    def supported(self) -> bool:
        """Whether the recording alone shows, with 95 % confidence, that the budget is met."""
        return self.observed.interval[1] <= self.budget_per_hour

    def hours_needed(self) -> float:
        """Return the hours without a false accept needed to show it: Garwood's upper limit of 0 over the budget."""
        return Rate(0, 1.0).interval[1] / self.budget_per_hour

    def claim(self) -> str:
        """Say what the recording shows, in a sentence or two."""
        low, high = self.observed.interval
        heard = f"{self.observed.count} false accepts in {_hours(self.observed.hours)} of your room"
        if self.expected_per_hour > self.budget_per_hour:
            return (
                f"{heard}. No thresholds meet {self.budget_per_hour:.3g}/h here: the strictest allow about "
                f"{self.expected_per_hour:.2g}/h; use --mode command, or a larger budget"
            )
        if self.supported:
            return f"{heard}: {low:.2f} to {high:.2f} per hour, so {self.budget_per_hour:.3g}/h is met"
        return (
            f"{heard} mean {low:.1f} to {high:.1f} per hour: too little audio to claim {self.budget_per_hour:.3g}/h, "
            f"which takes {_hours(self.hours_needed())} without one. The thresholds follow the tail of the scores, "
            "and none is below the model's own"
        )

    def to_dict(self) -> dict[str, Any]:
        """Return plain values for JSON."""
        return {
            "budget_per_hour": round(self.budget_per_hour, 6),
            "expected_per_hour": round(self.expected_per_hour, 6),
            "observed": self.observed.to_dict(),
            "supported": self.supported,
            "thresholds": dict(self.thresholds),
            "missed": {word: share.to_dict() for word, share in self.missed.items()},
        }


def _hours(hours: float) -> str:
    return f"{60 * hours:.1f} minutes" if hours < 1 else f"{hours:.1f} hours"


def plan(
    room: RecordedRun,
    rates: FalseRates,
    settings: DecisionSettings,
    budget_per_hour: float,
    takes: LabelledRun | None = None,
) -> Plan:
    """Choose thresholds for a budget.

    Parameters
    ----------
    room : the recording behind ``rates``
    rates : from `false_rates`
    settings : all settings, with the model's default thresholds
    budget_per_hour : of all words together, above 0
    takes : words recorded in this room, to count misses
    """
    # If the recording is too short to support the budget, the model's defaults are the lower limit.
    enough = Rate(0, rates.hours).interval[1] <= budget_per_hour
    floors = {word: 0.0 if enough else settings.thresholds[word] for word in rates.expected}
    chosen = _thresholds(rates, budget_per_hour, floors)
    now = replace(settings, thresholds={**settings.thresholds, **chosen})
    expected = sum(_rate_at(rates, word, threshold) for word, threshold in chosen.items())
    observed = Rate(len(room.decide(now)), rates.hours)
    missed = {} if takes is None else {w: Share(s.n - s.count, s.n) for w, s in takes.score(now).per_word().items()}
    return Plan(budget_per_hour, chosen, expected, observed, missed)


def _thresholds(rates: FalseRates, budget_per_hour: float, floors: Mapping[str, float]) -> dict[str, float]:
    """Return the lowest thresholds with no word above a limit, for the highest limit that meets the budget."""
    limits = sorted({rate for expected in rates.expected.values() for rate in expected if rate <= budget_per_hour})
    for limit in [*reversed(limits), 0.0]:
        chosen = {word: max(floors[word], _lowest(rates, word, limit)) for word in rates.expected}
        if sum(_rate_at(rates, word, threshold) for word, threshold in chosen.items()) <= budget_per_hour:
            return chosen
    return chosen  # nothing meets the budget: the strictest


def _lowest(rates: FalseRates, word: str, limit: float) -> float:
    within = (t for t, rate in zip(rates.thresholds, rates.expected[word], strict=True) if rate <= limit)
    return next(within, rates.thresholds[-1])


def _rate_at(rates: FalseRates, word: str, threshold: float) -> float:
    """Return the expected rate at the highest threshold tried that is not above this one."""
    at = np.searchsorted(rates.thresholds, threshold + 1e-9) - 1
    return rates.expected[word][max(0, int(at))]
