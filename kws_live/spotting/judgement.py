"""The rules of the decision: from the evidence on a word to a ruling. Pure and stateless.

In command mode a word fires only if it stands alone. In a quiet room the levels show whether it does; in noise they
cannot, and then the network's evidence has to be stronger than that of any part of a sentence.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Final

from kws_live.spotting.decision_settings import DecisionSettings
from kws_live.spotting.utterance import Utterance
from kws_live.spotting.verdict import Reason, Ruling


@dataclass(frozen=True)
class Claim:
    """State of one word at one hop.

    Attributes
    ----------
    score, threshold : its smoothed score and its threshold
    listened_to : whether it is active
    held : whether it was decided and its score has not fallen since
    spent : whether the utterance has already fired
    own_seconds, any_seconds : time since this word, and since any word, last fired; infinite if never
    """

    score: float
    threshold: float
    listened_to: bool
    held: bool
    spent: bool
    own_seconds: float
    any_seconds: float


def refuse(claim: Claim, settings: DecisionSettings) -> Ruling | None:
    """Return why a word cannot fire at this hop regardless of its surroundings; None if it can."""
    if claim.score < claim.threshold:
        return Ruling(Reason.BELOW, claim.threshold, claim.score)
    if not claim.listened_to:
        return Ruling(Reason.MASKED)
    if claim.held:
        return Ruling(Reason.HELD, settings.release * claim.threshold, claim.score)
    if claim.spent:
        return Ruling(Reason.SPENT)
    if claim.own_seconds < settings.refractory_seconds:
        return Ruling(Reason.RESTING, settings.refractory_seconds, claim.own_seconds)
    if claim.any_seconds < settings.spacing_seconds:
        return Ruling(Reason.SPACING, settings.spacing_seconds, claim.any_seconds)
    return None


@dataclass(frozen=True)
class Evidence:
    """Evidence that a candidate stands alone, and that it was spoken.

    Attributes
    ----------
    utterance : from the levels; None if the room is too noisy
    is_over : whether a score is over its threshold now
    gathered : sum of the log odds of its posteriors minus those of its threshold
    before : reduction for speech before it, at most 0
    may_grow : whether the evidence can still grow, because its posterior has not fallen yet
    waited_seconds : since the candidate began
    threshold, played : the word's threshold, and its score in this machine's own playback around this moment
    """

    utterance: Utterance | None
    is_over: bool
    gathered: float
    before: float
    may_grow: bool
    waited_seconds: float
    threshold: float = 1.0
    played: float = 0.0


def judge(evidence: Evidence, settings: DecisionSettings) -> Ruling:
    """Decide whether a candidate fires, is refused, or waits."""
    if evidence.played >= evidence.threshold:
        return Ruling(Reason.OWN_PLAYBACK, evidence.threshold, evidence.played)
    if settings.mode == "spotting" or (evidence.utterance is None and evidence.is_over):
        return Ruling(Reason.FIRED)  # too noisy to find pauses, so the score decides
    refusal = None
    if evidence.utterance is not None:
        found = (rule(evidence.utterance, settings) for rule in RULES)
        refusal = next((one for one in found if one is not None), None)
    needed = settings.evidence if refusal is None else settings.evidence_beside_sound
    had = evidence.gathered + evidence.before
    if had >= needed:
        return Ruling(Reason.FIRED, needed, had)
    lacking = Reason.BRIEF if evidence.gathered < needed else Reason.SPEECH_BEFORE
    refusal = refusal or Ruling(lacking, needed, had)
    may_change = evidence.may_grow or refusal.reason is Reason.TALK_AFTER
    final = not may_change or evidence.waited_seconds > settings.longest_wait_seconds
    return replace(refusal, final=final)


def _pause_before(found: Utterance, settings: DecisionSettings) -> Ruling | None:
    after_talk = found.talk_before > settings.talk_share
    needed = settings.pause_after_talk_seconds if after_talk else settings.pause_before_seconds
    had = found.quiet_before_seconds
    return Ruling(Reason.TALK_BEFORE, needed, had) if had < needed else None


def _length(found: Utterance, settings: DecisionSettings) -> Ruling | None:
    needed, had = settings.longest_word_seconds, found.seconds
    return Ruling(Reason.TOO_LONG, needed, had) if had > needed else None


def _pause_after(found: Utterance, settings: DecisionSettings) -> Ruling | None:
    needed, had = settings.pause_after_seconds, found.quiet_after_seconds
    return Ruling(Reason.TALK_AFTER, needed, had) if had < needed else None


RULES: Final[tuple[Callable[[Utterance, DecisionSettings], Ruling | None], ...]] = (
    _pause_before,
    _length,
    _pause_after,
)
"""In order of evaluation; the first rule that refuses gives the reason."""
