"""The expected performance of a taught word, measured while teaching on data held out from it."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from kws_live.enrolment.bank import Bank
from kws_live.enrolment.likeness import takes_enough
from kws_live.evaluation.intervals import Share
from kws_live.model.taught_words import logistic
from kws_live.spotting.decision_settings import DecisionSettings

THRESHOLD: Final = 0.8
"""Threshold of every taught word: its bias is chosen to fit, so that thresholds are comparable between words."""

SPOTTED_PER_HOUR: Final = 10.0
"""Target rate of the word in the bank's speech if pauses are ignored; requiring pauses removes nine tenths of these.
Rarer events could not be counted in half an hour of speech."""

SMOOTHING: Final = DecisionSettings.smoothing_hops
ALIKE: Final = 0.1
"""A word is reported as too similar to the taught one if more than this share of its clips fire."""

MOST_TAKES: Final = 10
"""Largest number of takes to ask of a person."""

ONE_VOICE: Final = 0.8
"""Similarity of takes reached by 76 % of three takes by one person, and by 22 % of those by three people."""


@dataclass(frozen=True)
class Before:
    """Measurements of a word before it was adapted: see `Expectation`."""

    hits: int
    false_command: int
    false_spotting: int


@dataclass(frozen=True)
class Expectation:
    """Measured performance of a taught word.

    Attributes
    ----------
    n_takes : takes used for teaching
    hits, n_tries : takes that passed the threshold when held out in turn, and takes tried
    hours : duration of the bank's speech and noise
    false_command, false_spotting : false accepts of the decision on it, with and without required pauses
    alike : other word -> share of its recordings that pass the threshold, or of the takes recognised as it, whichever
        is larger; words with none are left out
    word_seconds : median length of the takes
    n_spoken : synthesised takes among them; if there are others, only those are held out
    before : for an adapted word, the network's own performance
    taken_for : other word -> share of the takes recognised as it; words with none are left out
    differ : similar word -> the part in which it differs most, "end" or "beginning", if it is only one
    likeness : mean cosine of a take and the mean of the others, both minus the mean of speech
    """

    n_takes: int
    hits: int
    n_tries: int
    hours: float
    false_command: int
    false_spotting: int
    alike: Mapping[str, float] = field(default_factory=dict)
    word_seconds: float = 0.0
    n_spoken: int = 0
    before: Before | None = None
    taken_for: Mapping[str, float] = field(default_factory=dict)
    differ: Mapping[str, str] = field(default_factory=dict)
    likeness: float = 0.0

    def to_dict(self) -> dict[str, Any]:
        """Return plain values for the card."""
        return asdict(self)

    @property
    def confused(self) -> list[str]:
        """Words that are too similar, the worst first."""
        worst = sorted(self.alike, key=lambda word: -self.alike[word])
        return [word for word in worst if self.alike[word] >= ALIKE]

    @classmethod
    def from_dict(cls, raw: Mapping[str, Any]) -> "Expectation":
        """Create from the result of `to_dict`; raise a TypeError if it is something else."""
        before = raw.get("before")
        return cls(**{**raw, "before": None if before is None else Before(**before)})

    def lines(self, word: str) -> list[str]:
        """Return the text for people, one fact per line."""
        kind = "recorded takes" if self.n_spoken else "takes"
        low, high = likely(self.hits, self.n_tries)
        minutes = f"{60 * self.hours:.0f} minutes of speech and noise"
        false = (
            f"false accepts in {minutes}: {self.false_command} in command mode, {self.false_spotting} in spotting mode"
        )
        if self.n_spoken == self.n_takes:
            lines = [
                f'"{word}": {self.hits} of {self.n_tries} synthetic takes were recognised, each when left out of the '
                "learning; this says little about people",
                false,
            ]
        elif self.before is None:
            lines = [
                f'"{word}": {self.hits} of {self.n_tries} {kind} were recognised, each when left out of the '
                f"learning; 95 % interval: {100 * low:.0f} to {100 * high:.0f} %",
                false,
                self._what_helps(),
            ]
        else:
            lines = [
                f'"{word}": {self.before.hits} of {self.n_tries} {kind} were recognised before, {self.hits} now, '
                "each when left out of the learning",
                f"false accepts in {minutes}: in command mode {self.before.false_command} before, "
                f"{self.false_command} now; in spotting mode {self.before.false_spotting} before, "
                f"{self.false_spotting} now",
            ]
        lines += [self._confusion(other) for other in self.confused]
        if self.n_takes < 3:
            lines.append(f"{self.n_takes} takes are few; with 5 it will be recognised more often")
        return lines

    def _what_helps(self) -> str:
        if self.likeness >= ONE_VOICE:
            return (
                "the takes are very similar, as from one voice in one room; a take from across the room, and one by "
                "each person who will say it, would help more than others like these"
            )
        others = "other voices, rooms and distances will be recognised less often; a few takes of each help"
        if self.likeness <= 0:  # a card from before it was measured
            return others
        more = min(MOST_TAKES, takes_enough(self.likeness, self.n_takes)) - self.n_takes
        if more > 0:
            return f"the takes vary, so {more} more would help; {others}"
        return f"more takes like these add little; {others}"

    def _confusion(self, other: str) -> str:
        where = {"end": "only the last 0.3 s differ", "beginning": "only the beginning differs"}.get(
            self.differ.get(other, ""), "the words are too similar"
        )
        share = f"expect confusions with {other!r} (in {100 * self.alike[other]:.0f} % of recordings): {where}"
        taken = self.taken_for.get(other, 0.0)
        return f"{share}; {100 * taken:.0f} % of the takes are recognised as it" if taken >= ALIKE else share

    def beside(self, before: "Expectation") -> str:
        """Return the change since ``before``, in one line."""
        return (
            f"takes recognised when left out of the learning: {before.hits} of {before.n_tries} before, "
            f"{self.hits} after; false accepts in {60 * self.hours:.0f} min of speech and noise: "
            f"{before.false_command} before, {self.false_command} after"
        )

    def line(self) -> str:
        """Return one line for lists of words."""
        heard = f"{self.hits} of {self.n_tries} recognised"
        if self.before is not None:
            heard += f" ({self.before.hits} before)"
        false = f"{self.false_command} false accepts in {60 * self.hours:.0f} min of speech and noise"
        kind = "synthetic takes" if self.n_spoken == self.n_takes else "takes"
        return f"{self.n_takes} {kind}, {heard}; {false}" + (
            f"; too similar to {', '.join(self.confused)}" if self.confused else ""
        )


def likely(hits: int, n: int) -> tuple[float, float]:
    """Return the 95 % confidence interval of a share, given its hits."""
    return Share(hits, n).interval


def smoothed(scores: NDArray[np.floating]) -> NDArray[np.floating]:
    """Return the moving mean over as many hops as the decision smooths."""
    return np.convolve(scores, np.ones(SMOOTHING) / SMOOTHING, mode="valid")


def n_events(scores: NDArray[np.floating], level: float) -> int:
    """Count how often the smoothed score reaches a level, with a refractory period of one second."""
    over = np.flatnonzero(smoothed(scores) >= level)
    return int(1 + np.count_nonzero(np.diff(over) > 12)) if over.size else 0


def logit(score: float) -> float:
    """Return the inverse of `logistic` for a threshold, which may be 1."""
    score = min(score, 0.999)
    return float(np.log(score / (1 - score)))


def bias_for(logits: NDArray[np.floating], hours: float) -> float:
    """What to add to a word's logits so that `THRESHOLD` is passed `SPOTTED_PER_HOUR` times an hour in the bank's talk.

    Parameters
    ----------
    logits : float (n_hops,), of the bank's stream without a bias; -inf where the gate was closed
    hours : of the stream
    """
    allowed = int(SPOTTED_PER_HOUR * hours)
    low, high = -60.0, 60.0
    for _ in range(40):
        middle = (low + high) / 2
        if n_events(logistic(logits + middle), THRESHOLD) > allowed:
            high = middle
        else:
            low = middle
    return low


def false_events(
    bank: Bank, word: str, scores: NDArray[np.float32], word_seconds: float, threshold: float = THRESHOLD
) -> tuple[int, int]:
    """Detections on the bank's stream by the decision itself: in command mode, and in spotting mode."""
    run = bank.recorded(word, scores)
    settings = DecisionSettings(thresholds={word: threshold}, gate_mode=bank.gate_mode)
    settings = replace(settings, longest_word_seconds=longest_word(word_seconds))
    modes = (settings, replace(settings, mode="spotting"))
    command, spotting = (len(run.decide_near(word, one)) for one in modes)
    return command, spotting


def longest_word(word_seconds: float) -> float:
    """The longest utterance that command mode should take for one word, given the median take's length."""
    usual = DecisionSettings.longest_word_seconds
    return max(usual, round(1.5 * word_seconds, 2))
