"""The rules of the decision, each on its own: from the evidence on a word to a ruling. Pure; nothing is remembered.

In command mode a word counts when it stands alone. The levels say whether it does where the room is quiet; in noise
they take sound for speech, and then the network's own evidence has to be so strong that no piece of a sentence has it.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Final

from kws_live.spotting.decision_settings import DecisionSettings
from kws_live.spotting.utterance import Utterance
from kws_live.spotting.verdict import Reason, Ruling


@dataclass(frozen=True)
class Claim:
    """What is known of one word at one hop.

    Attributes
    ----------
    score, threshold : its smoothed score, and what it is compared with
    listened_to : whether it may fire at present
    held : whether it was decided, and its score has not fallen since
    spent : whether the utterance has fired already
    own_seconds, any_seconds : since this word, and since any word, fired last; infinite if none has
    """

    score: float
    threshold: float
    listened_to: bool
    held: bool
    spent: bool
    own_seconds: float
    any_seconds: float


def refuse(claim: Claim, settings: DecisionSettings) -> Ruling | None:
    """Why a word cannot fire at this hop, whatever is around it; None if it may."""
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
    """What a candidate has gathered on whether it stands alone, and whether a person said it.

    Attributes
    ----------
    utterance : what the levels show; None where the room is too noisy to tell
    is_over : whether a score is over its threshold now
    gathered : log odds of its posteriors over those of its threshold
    before : what speech before it takes away from that, at most 0
    may_grow : whether more may be gathered, as its posterior has not fallen yet
    waited_seconds : since the candidate began
    threshold, played : the word's, and its score in what the machine itself played around this moment
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
    """Whether a candidate fires, is refused, or waits."""
    if evidence.played >= evidence.threshold:
        return Ruling(Reason.OWN_PLAYBACK, evidence.threshold, evidence.played)
    if settings.mode == "spotting" or (evidence.utterance is None and evidence.is_over):
        return Ruling(Reason.FIRED)  # where it is too noisy to tell a pause, the score decides
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
"""In the order in which they are asked: the first that refuses names the reason."""
