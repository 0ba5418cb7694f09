"""Near misses: words that came close to their threshold, or reached it and were refused, with the reason."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from kws_live.events import NearMiss
from kws_live.spotting.decision_settings import DecisionSettings
from kws_live.spotting.verdict import Reason, Ruling

NO_MISS: Final = (Reason.FIRED, Reason.HELD, Reason.SPENT, Reason.RESTING, Reason.SPACING)
"""The word, or another one, has just fired; a high score is its aftermath, not a near miss."""

UNRULED: Final = Ruling(Reason.BELOW)


@dataclass
class _Peak:
    """The highest score of a word since it was last low."""

    score: float = 0.0
    position: int = 0
    reason: Reason = Reason.BELOW


class NearMisses:
    """Tracks each word's peak until its score has fallen again.

    Parameters
    ----------
    keywords : in the order of the scores
    """

    def __init__(self, keywords: Sequence[str]) -> None:
        self._peaks = {word: _Peak() for word in keywords}

    def reset(self) -> None:
        """Discard the state before a gap."""
        self._peaks = {word: _Peak() for word in self._peaks}

    @property
    def pending(self) -> bool:
        """Whether a word's score is high, or was high and has not been reported yet."""
        return any(peak.score for peak in self._peaks.values())

    def step(
        self,
        position: int,
        scores: Mapping[str, float],
        settings: DecisionSettings,
        rulings: Mapping[str, Ruling],
        waiting: Collection[str],
    ) -> list[NearMiss]:
        """Process a hop's scores and rulings; returns the near misses that are complete.

        Parameters
        ----------
        position : of the hop
        rulings : of the words over their thresholds
        waiting : words that can still fire
        """
        missed = []
        for word, value in scores.items():
            peak, threshold = self._peaks[word], settings.thresholds[word]
            # A word that waited may be decided long after its score has fallen. The first reason is kept, because later
            # rulings while the score stays high concern its aftermath.
            ruling = rulings.get(word, UNRULED)
            first = peak.reason is Reason.BELOW and ruling.reason is not Reason.GATE_CLOSED
            if ruling.final and (first or ruling.reason is Reason.FIRED):
                peak.reason = ruling.reason
            if value >= settings.near_miss * threshold:
                if value > peak.score:
                    peak.score, peak.position = value, position
            elif peak.score > 0.0 and word not in waiting:
                if peak.reason not in NO_MISS:
                    missed.append(
                        NearMiss(
                            keyword=word,
                            score=peak.score,
                            threshold=threshold,
                            reason=peak.reason.value,
                            position=peak.position,
                        )
                    )
                self._peaks[word] = _Peak()
        return missed
