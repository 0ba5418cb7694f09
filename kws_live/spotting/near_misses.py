"""Words that came near their threshold, or passed it and were refused: told once each, with the reason."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from kws_live.events import NearMiss
from kws_live.spotting.decision_settings import DecisionSettings
from kws_live.spotting.verdict import Reason, Ruling

NO_MISS: Final = (Reason.FIRED, Reason.HELD, Reason.SPENT, Reason.RESTING, Reason.SPACING)
"""The word, or another one, has just been told: what follows is its echo."""

UNRULED: Final = Ruling(Reason.BELOW)


@dataclass
class _Peak:
    """The highest score of one word since it was low."""

    score: float = 0.0
    position: int = 0
    reason: Reason = Reason.BELOW


class NearMisses:
    """Remembers each word's peak until its score has fallen again.

    Parameters
    ----------
    keywords : in the order of the scores
    """

    def __init__(self, keywords: Sequence[str]) -> None:
        self._peaks = {word: _Peak() for word in keywords}

    def reset(self) -> None:
        """After a gap: forget what was heard before it."""
        self._peaks = {word: _Peak() for word in self._peaks}

    @property
    def pending(self) -> bool:
        """Whether a word's score is high, or was and is not told yet."""
        return any(peak.score for peak in self._peaks.values())

    def step(
        self,
        position: int,
        scores: Mapping[str, float],
        settings: DecisionSettings,
        rulings: Mapping[str, Ruling],
        waiting: Collection[str],
    ) -> list[NearMiss]:
        """Take a hop's scores and what became of the words over their thresholds; the words whose chance is over.

        Parameters
        ----------
        position : of the hop
        rulings : of the words over their thresholds
        waiting : words that may still fire
        """
        missed = []
        for word, value in scores.items():
            peak, threshold = self._peaks[word], settings.thresholds[word]
            # A word that waited fires or is refused when its score may have fallen long ago. The first reason stays:
            # what is ruled later, while the score stays up, is of its echo.
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
