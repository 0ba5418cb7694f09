"""Evidence for a word from its posteriors, accumulated over hops; pure.

References
----------
J. R. Rohlicek et al., "Continuous Hidden Markov Modeling for Speaker-Independent Word Spotting", ICASSP 1989: keyword
against filler. E. S. Page, "Continuous Inspection Schemes", Biometrika 41, 1954: the sum that restarts at zero.
"""

import math
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from kws_live.audio import HOP_SECONDS
from kws_live.spotting.decision_settings import RANGES, DecisionSettings

LEAST: Final = 1e-6
"""Posteriors are limited to this distance from 0 and 1, where log odds are infinite."""


@dataclass
class Gathered:
    """Evidence for one word, in log odds.

    Attributes
    ----------
    now, most : the current sum, and the largest since it was 0; ``most`` is kept after the word
    before : reduction for sound before it, at most 0
    """

    now: float = 0.0
    most: float = 0.0
    before: float = 0.0


class Odds:
    """Sums each word's log odds minus those of its threshold; a sum that would fall below 0 restarts.

    Parameters
    ----------
    words : the keywords
    """

    def __init__(self, words: Sequence[str]) -> None:
        self._words = {word: Gathered() for word in words}
        self._silence: deque[float] = deque(maxlen=int(RANGES["silence_before_seconds"][1] / HOP_SECONDS))

    def reset(self) -> None:
        """Discard the state before a gap."""
        self._words = {word: Gathered() for word in self._words}
        self._silence.clear()

    def of(self, word: str) -> Gathered:
        """Return a word's evidence up to the last hop."""
        return self._words[word]

    def step(self, posteriors: Mapping[str, float], silence: float | None, settings: DecisionSettings) -> None:
        """Add a hop.

        Parameters
        ----------
        posteriors : of the words
        silence : the network's posterior of silence; None if it has no such label
        settings : thresholds and weights
        """
        for word, posterior in posteriors.items():
            gathered = self._words[word]
            if gathered.now <= 0.0 and posterior <= settings.thresholds[word]:
                continue
            over = log_odds(posterior) - log_odds(settings.thresholds[word])
            if gathered.now <= 0.0:
                gathered = self._words[word] = Gathered(before=self._before(settings))
            gathered.now = max(0.0, gathered.now + min(settings.hop_evidence, over))
            gathered.most = max(gathered.most, gathered.now)
        if silence is not None:
            self._silence.append(log_odds(silence))

    def _before(self, settings: DecisionSettings) -> float:
        n_hops = max(1, int(settings.silence_before_seconds / HOP_SECONDS))
        quietest = max(list(self._silence)[-n_hops:], default=0.0)
        return settings.silence_weight * min(0.0, quietest)


def log_odds(share: float) -> float:
    """Return the log odds (natural logarithm) of a share, limited by `LEAST`."""
    inside = min(max(share, LEAST), 1.0 - LEAST)
    return math.log(inside / (1.0 - inside))
