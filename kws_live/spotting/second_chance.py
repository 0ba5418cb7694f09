"""After a near miss the same word needs less for a few seconds, as people repeat what was not heard; pure."""

import sys
from collections.abc import Collection, Iterable
from dataclasses import replace

from kws_live.audio import SAMPLE_RATE_HZ
from kws_live.events import Detection, Event, NearMiss
from kws_live.spotting.decision_settings import DecisionSettings
from kws_live.spotting.verdict import Reason


class SecondChance:
    """Lowers the thresholds of words that were nearly spotted a moment ago; their evidence is counted from these."""

    def __init__(self) -> None:
        self._missed: dict[str, int] = {}

    def reset(self) -> None:
        """After a gap: forget what was heard before it."""
        self._missed.clear()

    def words(self, position: int, settings: DecisionSettings, waiting: Collection[str]) -> frozenset[str]:
        """The words with a second chance at a position; those that wait for their pause keep theirs."""
        if self._missed:
            first = position - settings.second_chance_seconds * SAMPLE_RATE_HZ
            self._missed = {word: at for word, at in self._missed.items() if at >= first or word in waiting}
        return frozenset(self._missed)

    def note(self, position: int, events: Iterable[Event]) -> None:
        """Take what a hop gave: a near miss gives its word a second chance, and a detection ends that."""
        for event in events:
            if isinstance(event, NearMiss) and event.reason != Reason.OWN_PLAYBACK.value:
                self._missed[event.keyword] = position
            elif isinstance(event, Detection):
                self._missed.pop(event.keyword, None)


def eased(settings: DecisionSettings, words: Iterable[str]) -> DecisionSettings:
    """Settings in which these words need less."""
    least = sys.float_info.min  # no threshold is 0
    lower = {word: max(least, settings.second_chance * settings.thresholds[word]) for word in words}
    return replace(settings, thresholds={**settings.thresholds, **lower}) if lower else settings
