"""From posteriors to events: smoothing, thresholds, pauses, refractory period.

Pure: no clock, no threads, no audio. The `Hop` values of a run are small; if they are kept, they can be decided again
with other settings by the same code. The rules are in `kws_live.spotting.judgement`; this module keeps
the state of earlier hops that they need.
"""

import math
from collections import deque
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from kws_live.audio import SAMPLE_RATE_HZ, SILENCE
from kws_live.events import Detection, Event
from kws_live.spotting.decision_settings import DecisionSettings
from kws_live.spotting.judgement import Claim, Evidence, judge, refuse
from kws_live.spotting.near_misses import NearMisses
from kws_live.spotting.odds import Odds
from kws_live.spotting.second_chance import SecondChance, eased
from kws_live.spotting.utterance import N_LEVELS, Utterance, find_utterance
from kws_live.spotting.verdict import Hop, Reason, Ruling, Verdict


@dataclass
class _Word:
    """State of one keyword."""

    fired_position: int | None = None
    fired_speech_end: int = 0
    held: bool = False


@dataclass
class _Candidate:
    """Words over their thresholds that wait for a decision."""

    since: int
    is_over: bool = True
    best: dict[str, tuple[float, int]] = field(default_factory=dict)


class Decider:
    """Turns hops into detections and near misses.

    Parameters
    ----------
    labels : the network's outputs, in order
    keywords : those that can fire
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
        self._odds = Odds(self.keywords)
        self._candidate: _Candidate | None = None
        self._near_misses = NearMisses(self.keywords)
        self._second_chance = SecondChance()

    def reset(self) -> None:
        """Discard the state before a gap; the refractory period continues."""
        self._recent.clear()
        self._levels.clear()
        self._odds.reset()
        self._candidate = None
        self._near_misses.reset()
        self._second_chance.reset()

    def step(self, hop: Hop, settings: DecisionSettings) -> Verdict:
        """Decide one hop; events are in the order of the stream."""
        second = self._second_chance.words(hop.position, settings, self._waiting())
        settings = eased(settings, second)
        self._levels.extend(hop.levels_db)
        if hop.posteriors is None:
            self._recent.clear()
            scores = posteriors = self._silent
            silence: float | None = 1.0
        else:
            posteriors = hop.posteriors[self._columns]
            silence = None if self._silence_column is None else float(hop.posteriors[self._silence_column])
            self._recent.append(posteriors)
            while len(self._recent) > settings.smoothing_hops:
                self._recent.popleft()
            # np.mean would take six times as long.
            scores = np.asarray(sum(self._recent, np.float32(0)) / np.float32(len(self._recent)))
        # Python numbers are faster to compare one by one.
        values = dict(zip(self.keywords, scores.tolist(), strict=True))
        self._odds.step(dict(zip(self.keywords, posteriors.tolist(), strict=True)), silence, settings)
        best, rulings, detection = self._judge(hop, values, settings)
        events: list[Event] = [] if detection is None else [detection]
        if hop.posteriors is not None or self._near_misses.pending:
            events += self._near_misses.step(hop.position, values, settings, rulings, self._waiting())
        self._second_chance.note(hop.position, events)
        return Verdict(hop, scores, best, rulings, settings, second, tuple(events))

    def _waiting(self) -> Collection[str]:
        """Return the words that wait for a decision."""
        return self._candidate.best if self._candidate is not None else ()

    def _judge(
        self, hop: Hop, scores: dict[str, float], settings: DecisionSettings
    ) -> tuple[str, dict[str, Ruling], Detection | None]:
        """Return the best word, the rulings on it and on other words over their thresholds, and the detection."""
        if hop.posteriors is None and self._candidate is None:
            for state in self._words.values():
                state.held = False
            return self.keywords[0], {self.keywords[0]: Ruling(Reason.GATE_CLOSED)}, None
        thresholds = settings.thresholds
        over = {word: score for word, score in scores.items() if score >= thresholds[word]}
        utterance = find_utterance(self._levels, settings) if over or self._candidate is not None else None
        self._release(hop, scores, utterance, settings)
        rulings = {}
        fresh: dict[str, float] = {}
        for word, score in over.items():
            refusal = refuse(self._claim(word, score, hop, utterance, settings), settings)
            if refusal is None:
                fresh[word] = score
            else:
                rulings[word] = refusal
        candidate = self._carry_on(hop, over, fresh, settings)
        if candidate is None:
            best = max(
                scores, key=lambda word: (word in over, scores[word] if over else scores[word] / thresholds[word])
            )
            return best, rulings or {best: Ruling(Reason.BELOW, thresholds[best], scores[best])}, None
        # Each word is compared with its own threshold first; only then does the highest score win.
        keyword = max(candidate.best, key=lambda word: candidate.best[word][0])
        ahead = candidate.best[keyword][0]
        rulings |= {word: Ruling(Reason.BEHIND, ahead, score) for word, score in fresh.items()}
        evidence = self._evidence(keyword, thresholds[keyword], candidate, hop, utterance)
        ruling = rulings[keyword] = judge(evidence, settings)
        if not ruling.final:
            return keyword, rulings, None
        self._candidate = None
        # Fired or refused, the utterance is not considered again, and its other words do not fire.
        for word in candidate.best:
            self._words[word].held = True
        if ruling.reason is not Reason.FIRED:
            return keyword, rulings, None
        return keyword, rulings, self._fire(keyword, thresholds[keyword], candidate, hop, utterance)

    def _release(
        self, hop: Hop, scores: dict[str, float], utterance: Utterance | None, settings: DecisionSettings
    ) -> None:
        """Release words whose score has fallen, or that are repeated."""
        for word, state in self._words.items():
            if scores[word] < settings.release * settings.thresholds[word] or _is_repeat(
                state, hop, utterance, settings
            ):
                state.held = False

    def _claim(
        self, word: str, score: float, hop: Hop, utterance: Utterance | None, settings: DecisionSettings
    ) -> Claim:
        return Claim(
            score=score,
            threshold=settings.thresholds[word],
            listened_to=settings.listens_to(word),
            held=self._words[word].held,
            spent=settings.mode == "command"
            and utterance is not None
            and _begin(hop, utterance) < self._last_speech_end,
            own_seconds=_since(self._words[word].fired_position, hop),
            any_seconds=_since(self._last_fired, hop),
        )

    def _carry_on(
        self, hop: Hop, over: dict[str, float], fresh: dict[str, float], settings: DecisionSettings
    ) -> _Candidate | None:
        """Return the candidate, if there is one, updated with this hop's scores."""
        if fresh and self._candidate is None:
            self._candidate = _Candidate(hop.position)
        if (candidate := self._candidate) is None:
            return None
        # A word that is masked while it waits is dropped.
        candidate.best = {word: best for word, best in candidate.best.items() if settings.listens_to(word)}
        if not candidate.best and not fresh:
            self._candidate = None
            return None
        candidate.is_over = bool(over)
        for word, value in fresh.items():
            if value > candidate.best.get(word, (0.0, 0))[0]:
                candidate.best[word] = (value, hop.position)
        return candidate

    def _evidence(
        self, keyword: str, threshold: float, candidate: _Candidate, hop: Hop, utterance: Utterance | None
    ) -> Evidence:
        gathered = self._odds.of(keyword)
        return Evidence(
            utterance=utterance,
            is_over=candidate.is_over,
            gathered=gathered.most,
            before=gathered.before,
            may_grow=gathered.now > 0.0,
            waited_seconds=(hop.position - candidate.since) / SAMPLE_RATE_HZ,
            threshold=threshold,
            played=hop.played.get(keyword, 0.0),
        )

    def _fire(
        self, keyword: str, threshold: float, candidate: _Candidate, hop: Hop, utterance: Utterance | None
    ) -> Detection:
        score, position = candidate.best[keyword]
        state = self._words[keyword]
        self._last_fired = state.fired_position = hop.position
        self._last_speech_end = state.fired_speech_end = hop.position if utterance is None else _end(hop, utterance)
        return Detection(
            keyword=keyword,
            score=score,
            position=position,
            decided_position=hop.position,
            margin=score - threshold,
            **({} if utterance is None else _sound(hop, utterance)),
        )


def _is_repeat(state: _Word, hop: Hop, utterance: Utterance | None, settings: DecisionSettings) -> bool:
    """Whether it is a deliberate repeat: speech that began after the fired word and now fills most of the window."""
    if utterance is None or not state.held:
        return False
    age = hop.position - state.fired_speech_end
    return _begin(hop, utterance) > state.fired_speech_end and age >= settings.repeat_seconds * SAMPLE_RATE_HZ


def _since(position: int | None, hop: Hop) -> float:
    return math.inf if position is None else (hop.position - position) / SAMPLE_RATE_HZ


def _begin(hop: Hop, utterance: Utterance) -> int:
    """Return the position at which an utterance began."""
    return hop.position - round((utterance.seconds + utterance.quiet_after_seconds) * SAMPLE_RATE_HZ)


def _end(hop: Hop, utterance: Utterance) -> int:
    """Return the position at which an utterance ended."""
    return hop.position - round(utterance.quiet_after_seconds * SAMPLE_RATE_HZ)


def _sound(hop: Hop, utterance: Utterance) -> dict[str, Any]:
    """Return the fields of a detection that describe its utterance."""
    return {
        "word_begin_position": _begin(hop, utterance),
        "word_end_position": _end(hop, utterance),
        "level_db": utterance.level_db,
        "snr_db": utterance.level_db - utterance.room_db,
    }
