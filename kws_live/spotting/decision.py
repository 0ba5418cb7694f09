"""From posteriors to events: smooth, compare each word with its own threshold, wait for the pause, do not repeat.

Pure: no clock, no threads, no audio. A run's `Hop` values are small; kept, they can be decided anew with other
settings, and the same code says what would have happened.
"""

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

import numpy as np
from numpy.typing import NDArray

from kws_live.audio import HOP_SECONDS, SAMPLE_RATE_HZ, SILENCE
from kws_live.events import Detection, Event
from kws_live.spotting.decision_settings import DecisionSettings
from kws_live.spotting.near_misses import NearMisses
from kws_live.spotting.utterance import N_LEVELS, Utterance, find_utterance
from kws_live.spotting.verdict import Hop, Reason, Verdict


@dataclass
class _Word:
    """What is remembered of one keyword."""

    fired_position: int | None = None
    fired_speech_end: int = 0
    held: bool = False


@dataclass
class _Candidate:
    """A word over its threshold that waits for the pause after it."""

    since: int
    is_over: bool = True
    n_over: int = 0
    best: dict[str, tuple[float, int]] = field(default_factory=dict)


SILENCE_BEFORE_SECONDS: Final = (0.3, 0.7)
"""A window that ended this long before a word's score passed its threshold lay mostly before the word."""

TALK_SHARE: Final = 0.4
"""Three seconds of which more than this is speech are talk: single words fill less of them."""

SILENCE_POSTERIOR: Final = 0.5
"""From here on the network says that nobody spoke in it."""

LASTS_HOPS: Final = 6
"""A word that stands alone stays over its threshold for half a second while it moves through the window; a piece of a
sentence that sounds like it does not, because the next word pushes it out."""

LASTS_LEAST_HOPS: Final = 3
LASTS_SECONDS: Final = 1.15
"""A word of 0.7 s and more is seen whole for less than that: word and score together take about so long."""

LASTS_LONG_HOPS: Final = 9
"""So long it lasts only if nothing follows, whatever the levels say."""

LONGEST_WAIT_SECONDS: Final = 1.3
"""A pause that has not come by then will not come for this word."""

FRESH_SECONDS: Final = 0.9
"""Once the last word's end is this old, nearly all of the window is what came after it."""

SPACING_SECONDS: Final = 0.3
"""Least time between two detections of different words: nobody says two words faster."""


class Decider:
    """Turns hops into detections and near misses.

    Parameters
    ----------
    labels : the network's outputs, in order
    keywords : those that may fire
    """

    def __init__(self, labels: Sequence[str], keywords: Sequence[str]) -> None:
        self.keywords = tuple(keywords)
        self._columns = np.array([list(labels).index(word) for word in keywords])
        self._words = {word: _Word() for word in keywords}
        self._last_fired: int | None = None
        self._last_speech_end = 0
        self._silent = np.zeros(len(keywords), np.float32)
        self._recent: deque[NDArray[np.float32]] = deque()
        self._levels: deque[float] = deque(maxlen=N_LEVELS)
        self._silence_column = list(labels).index(SILENCE) if SILENCE in labels else None
        self._silence: deque[tuple[int, float]] = deque(maxlen=20)
        self._candidate: _Candidate | None = None
        self._near_misses = NearMisses(self.keywords)

    def reset(self) -> None:
        """After a gap: forget what was heard before it; the refractory time goes on."""
        self._recent.clear()
        self._levels.clear()
        self._silence.clear()
        self._candidate = None
        self._near_misses.reset()

    def step(self, hop: Hop, settings: DecisionSettings) -> Verdict:
        """Decide one hop. Events come in the order of the stream."""
        self._levels.extend(hop.levels_db)
        if hop.posteriors is None:
            self._recent.clear()
            scores = self._silent
            self._silence.append((hop.position, 1.0))
        else:
            if self._silence_column is not None:
                self._silence.append((hop.position, float(hop.posteriors[self._silence_column])))
            self._recent.append(hop.posteriors[self._columns])
            while len(self._recent) > settings.smoothing_hops:
                self._recent.popleft()
            # np.mean takes six times as long.
            scores = np.asarray(sum(self._recent, np.float32(0)) / np.float32(len(self._recent)))
        events: list[Event] = []
        values = scores.tolist()  # Python's own numbers are quicker to compare, one by one
        best, reason = self._judge(hop, values, settings, events)
        waiting = self._candidate.best if self._candidate is not None else ()
        if hop.posteriors is not None or self._near_misses.pending:
            events += self._near_misses.step(hop.position, values, settings, best, reason, waiting)
        return Verdict(hop, scores, best, reason, settings, tuple(events))

    def _judge(
        self, hop: Hop, scores: Sequence[float], settings: DecisionSettings, events: list[Event]
    ) -> tuple[str, Reason]:
        """Find the best word and what becomes of it; appends a detection if it fires."""
        if hop.posteriors is None and self._candidate is None:
            for state in self._words.values():
                state.held = False
            return self.keywords[0], Reason.GATE_CLOSED
        thresholds = settings.thresholds
        over = {word: score for word, score in zip(self.keywords, scores, strict=True) if score >= thresholds[word]}
        if not over and self._candidate is None:
            for word, score in zip(self.keywords, scores, strict=True):
                if score < settings.release * thresholds[word]:
                    self._words[word].held = False
            best = max(zip(self.keywords, scores, strict=True), key=lambda item: item[1] / thresholds[item[0]])[0]
            return best, Reason.BELOW

        utterance = find_utterance(self._levels)
        spent = settings.mode == "command" and self._is_spent(hop, utterance)
        reason = Reason.BELOW
        fresh: dict[str, float] = {}
        for word, score in zip(self.keywords, scores, strict=True):
            state = self._words[word]
            if score < settings.release * thresholds[word] or self._is_new_utterance(state, hop, utterance):
                state.held = False
            if word not in over:
                continue
            if not settings.listens_to(word):
                reason = Reason.MASKED
            elif state.held or spent or self._too_soon(word, hop.position, settings):
                reason = Reason.REFRACTORY
            else:
                fresh[word] = over[word]
        if fresh and self._candidate is None:
            self._candidate = _Candidate(hop.position)
        if self._candidate is not None:  # a word that is masked while it waits has no claim any more
            self._candidate.best = {w: best for w, best in self._candidate.best.items() if settings.listens_to(w)}
            if not self._candidate.best and not fresh:
                self._candidate = None
        if self._candidate is None:
            return max(over or self.keywords, key=lambda word: over.get(word, 0.0)), reason
        self._candidate.is_over = bool(over)
        self._candidate.n_over += self._candidate.is_over
        best_so_far = self._candidate.best
        for word, value in fresh.items():
            if value > best_so_far.get(word, (0.0, 0))[0]:
                best_so_far[word] = (value, hop.position)
        # Each word was compared with its own threshold first; only then does the highest score win.
        keyword = max(best_so_far, key=lambda word: best_so_far[word][0])
        reason = self._pause(hop, utterance, settings)
        if reason is Reason.WAITING:
            return keyword, reason
        score, position = best_so_far[keyword]
        self._candidate = None
        state = self._words[keyword]
        if reason is Reason.FIRED:
            self._last_fired = hop.position
            state.fired_position = hop.position
            word_end = None
            if utterance is not None:
                word_end = hop.position - round(utterance.quiet_after_seconds * SAMPLE_RATE_HZ)
            state.fired_speech_end = hop.position if word_end is None else word_end
            self._last_speech_end = state.fired_speech_end
            events.append(
                Detection(
                    keyword=keyword,
                    score=score,
                    position=position,
                    decided_position=hop.position,
                    word_end_position=word_end,
                )
            )
        # Fired or refused, the same utterance is not looked at again; nor do its other words fire.
        for word in best_so_far:
            self._words[word].held = True
        return keyword, reason

    def _pause(self, hop: Hop, utterance: Utterance | None, settings: DecisionSettings) -> Reason:
        """Whether the candidate stands alone, or it is too early to say."""
        assert self._candidate is not None
        if settings.mode == "spotting":
            return Reason.FIRED
        n_over = self._candidate.n_over
        if utterance is None:  # too noisy to tell a pause, so the score decides
            reason = Reason.FIRED if self._candidate.is_over or n_over >= LASTS_HOPS else Reason.BRIEF
        else:
            reason = _stands_alone(utterance, settings)
            if reason is Reason.FIRED and n_over < lasts_hops(utterance.seconds):
                reason = Reason.BRIEF
            # In noise, which levels take for speech, the network tells both pauses.
            if n_over >= LASTS_LONG_HOPS and self._silence_before():
                reason = Reason.FIRED
        may_change = reason in (Reason.BRIEF, Reason.TALK_AFTER) or self._silence_before()
        expired = hop.position - self._candidate.since > LONGEST_WAIT_SECONDS * SAMPLE_RATE_HZ
        return Reason.WAITING if reason is not Reason.FIRED and may_change and not expired else reason

    def _silence_before(self) -> bool:
        """Whether the network heard nobody in the second before the candidate."""
        assert self._candidate is not None
        least, most = (self._candidate.since - round(s * SAMPLE_RATE_HZ) for s in reversed(SILENCE_BEFORE_SECONDS))
        return any(least <= position <= most and value >= SILENCE_POSTERIOR for position, value in self._silence)

    def _too_soon(self, word: str, position: int, settings: DecisionSettings) -> bool:
        own = self._words[word].fired_position
        if own is not None and position - own < settings.refractory_seconds * SAMPLE_RATE_HZ:
            return True
        return self._last_fired is not None and position - self._last_fired < SPACING_SECONDS * SAMPLE_RATE_HZ

    def _is_spent(self, hop: Hop, utterance: Utterance | None) -> bool:
        """Whether the last utterance has fired: a word that stands alone is one word."""
        return utterance is not None and _begin(hop, utterance) < self._last_speech_end

    def _is_new_utterance(self, state: _Word, hop: Hop, utterance: Utterance | None) -> bool:
        """A deliberate repeat: speech that began after the fired word's end, and fills most of the window by now."""
        if utterance is None or not state.held:
            return False
        age = hop.position - state.fired_speech_end
        return _begin(hop, utterance) > state.fired_speech_end and age >= FRESH_SECONDS * SAMPLE_RATE_HZ


def lasts_hops(seconds: float) -> int:
    """For how many hops a word of so many seconds stays over its threshold: a long one leaves the window sooner."""
    return max(LASTS_LEAST_HOPS, min(LASTS_HOPS, round((LASTS_SECONDS - seconds) / HOP_SECONDS)))


def _begin(hop: Hop, utterance: Utterance) -> int:
    """Position at which an utterance began."""
    return hop.position - round((utterance.seconds + utterance.quiet_after_seconds) * SAMPLE_RATE_HZ)


def _stands_alone(utterance: Utterance, settings: DecisionSettings) -> Reason:
    """What the levels say: fired if it does."""
    after_talk = utterance.talk_before > TALK_SHARE
    if utterance.quiet_before_seconds < (
        settings.pause_after_talk_seconds if after_talk else settings.pause_before_seconds
    ):
        return Reason.TALK_BEFORE
    if utterance.seconds > settings.longest_word_seconds:
        return Reason.TOO_LONG
    return Reason.FIRED if utterance.quiet_after_seconds >= settings.pause_after_seconds else Reason.TALK_AFTER
