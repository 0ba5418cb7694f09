"""The rules of the decision, each on its own: from the evidence on a word to a ruling. Pure; nothing is remembered."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from kws_live.audio import HOP_SECONDS
from kws_live.spotting.decision_settings import DecisionSettings
from kws_live.spotting.utterance import Utterance
from kws_live.spotting.verdict import Reason, Ruling

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

SPACING_SECONDS: Final = 0.3
"""Least time between two detections of different words: nobody says two words faster."""


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
    if claim.any_seconds < SPACING_SECONDS:
        return Ruling(Reason.SPACING, SPACING_SECONDS, claim.any_seconds)
    return None


@dataclass(frozen=True)
class Evidence:
    """What a candidate has gathered on whether it stands alone.

    Attributes
    ----------
    utterance : what the levels show; None where the room is too noisy to tell
    is_over, over_hops : whether a score is over its threshold now, and for how many hops one was
    silence_before : the network's posterior of silence before the candidate
    waited_seconds : since the candidate began
    """

    utterance: Utterance | None
    is_over: bool
    over_hops: int
    silence_before: float
    waited_seconds: float


def judge(evidence: Evidence, settings: DecisionSettings) -> Ruling:
    """Whether a candidate fires, is refused, or waits."""
    if settings.mode == "spotting" or _lasts_in_silence(evidence):
        return Ruling(Reason.FIRED)
    refusal = next((found for rule in RULES if (found := rule(evidence, settings)) is not None), None)
    if refusal is None:
        return Ruling(Reason.FIRED)
    may_change = refusal.reason in (Reason.BRIEF, Reason.TALK_AFTER) or evidence.silence_before >= SILENCE_POSTERIOR
    final = not may_change or evidence.waited_seconds > LONGEST_WAIT_SECONDS
    return Ruling(refusal.reason, refusal.needed, refusal.had, final)


def _lasts_in_silence(evidence: Evidence) -> bool:
    """In noise, which levels take for speech, the network hears both pauses."""
    return (
        evidence.utterance is not None
        and evidence.over_hops >= LASTS_LONG_HOPS
        and evidence.silence_before >= SILENCE_POSTERIOR
    )


def _pause_before(evidence: Evidence, settings: DecisionSettings) -> Ruling | None:
    if (found := evidence.utterance) is None:
        return None
    needed = settings.pause_after_talk_seconds if found.talk_before > TALK_SHARE else settings.pause_before_seconds
    had = found.quiet_before_seconds
    return Ruling(Reason.TALK_BEFORE, needed, had) if had < needed else None


def _length(evidence: Evidence, settings: DecisionSettings) -> Ruling | None:
    if (found := evidence.utterance) is None or found.seconds <= settings.longest_word_seconds:
        return None
    return Ruling(Reason.TOO_LONG, settings.longest_word_seconds, found.seconds)


def _pause_after(evidence: Evidence, settings: DecisionSettings) -> Ruling | None:
    if (found := evidence.utterance) is None or found.quiet_after_seconds >= settings.pause_after_seconds:
        return None
    return Ruling(Reason.TALK_AFTER, settings.pause_after_seconds, found.quiet_after_seconds)


def _lasting(evidence: Evidence, _: DecisionSettings) -> Ruling | None:
    found = evidence.utterance
    if found is None and evidence.is_over:  # too noisy to tell a pause, so the score decides
        return None
    needed = LASTS_HOPS if found is None else lasts_hops(found.seconds)
    if evidence.over_hops >= needed:
        return None
    return Ruling(Reason.BRIEF, needed * HOP_SECONDS, evidence.over_hops * HOP_SECONDS)


RULES: Final[tuple[Callable[[Evidence, DecisionSettings], Ruling | None], ...]] = (
    _pause_before,
    _length,
    _pause_after,
    _lasting,
)
"""In the order in which they are asked: the first that refuses names the reason."""


def lasts_hops(seconds: float) -> int:
    """Least hops over threshold of a word of this duration: a long one leaves the window sooner."""
    return max(LASTS_LEAST_HOPS, min(LASTS_HOPS, round((LASTS_SECONDS - seconds) / HOP_SECONDS)))
