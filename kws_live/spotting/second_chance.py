"""Lower thresholds for a few seconds after a near miss, because people repeat a word that was missed; pure."""

import sys
from collections.abc import Collection, Iterable
from dataclasses import replace

from kws_live.audio import SAMPLE_RATE_HZ
from kws_live.events import Detection, Event, NearMiss
from kws_live.spotting.decision_settings import DecisionSettings
from kws_live.spotting.verdict import Reason


class SecondChance:
    """Lowers the thresholds of words with a recent near miss; their evidence is relative to these thresholds."""

    def __init__(self) -> None:
        self._missed: dict[str, int] = {}

    def reset(self) -> None:
        """Discard the state before a gap."""
        self._missed.clear()

    def words(self, position: int, settings: DecisionSettings, waiting: Collection[str]) -> frozenset[str]:
        """Return the words with a second chance at a position; those that wait for a decision keep theirs."""
        if self._missed:
            first = position - settings.second_chance_seconds * SAMPLE_RATE_HZ
            self._missed = {word: at for word, at in self._missed.items() if at >= first or word in waiting}
        return frozenset(self._missed)

    def note(self, position: int, events: Iterable[Event]) -> None:
        """Process a hop's events: a near miss starts a second chance for its word, a detection ends it."""
        for event in events:
            if isinstance(event, NearMiss) and event.reason != Reason.OWN_PLAYBACK.value:
                self._missed[event.keyword] = position
            elif isinstance(event, Detection):
                self._missed.pop(event.keyword, None)


def eased(settings: DecisionSettings, words: Iterable[str]) -> DecisionSettings:
    """Return settings with lower thresholds for these words."""
    least = sys.float_info.min  # thresholds must be above 0
    lower = {word: max(least, settings.second_chance * settings.thresholds[word]) for word in words}
    return replace(settings, thresholds={**settings.thresholds, **lower}) if lower else settings
