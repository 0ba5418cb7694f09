"""Explain in one sentence why a word fired or did not, from its ruling."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from kws_live.audio import SAMPLE_RATE_HZ
from kws_live.events import Detection, Event
from kws_live.panel.history import History
from kws_live.spotting.verdict import Reason, Ruling, Verdict

LACKS: Final = {
    Reason.MASKED: "the word is switched off",
    Reason.HELD: "it had already been decided, and its score had not fallen below {needed:.2f} since",
    Reason.SPENT: "{before} had fired in the same utterance; only one word fires per utterance",
    Reason.RESTING: "it had fired {had:.2f} s before, within the refractory time of {needed:.2f} s",
    Reason.SPACING: "{before} had fired {had:.2f} s before; two words must be {needed:.2f} s apart",
    Reason.BEHIND: "“{ahead}” scored higher: {needed:.2f}",
    Reason.TALK_BEFORE: "only {had:.2f} s of quiet came before it; {after_talk}{needed:.2f} s are required",
    Reason.BRIEF: "its score fell too soon: evidence {had:.1f} of the required {needed:.1f}",
    Reason.SPEECH_BEFORE: "speech right before it left evidence {had:.1f} of the required {needed:.1f}",
    Reason.TALK_AFTER: "only {had:.2f} s of quiet came after it; {needed:.2f} s are required",
    Reason.OWN_PLAYBACK: "this machine was playing the word itself (own_playback), with a score of {had:.2f}",
    Reason.TOO_LONG: "the utterance was {had:.2f} s long; a single word is at most {needed:.2f} s",
}


@dataclass(frozen=True)
class Explanation:
    """The explanation for a word at a moment.

    Attributes
    ----------
    sentence : one or two sentences for the user
    verdict : of that hop
    word : the word explained
    score : its smoothed score
    ruling : its ruling
    """

    sentence: str
    verdict: Verdict
    word: str
    score: float
    ruling: Ruling


def explain(history: History, keywords: tuple[str, ...], position: int, word: str | None = None) -> Explanation | None:
    """Explain why a word fired or did not.

    Parameters
    ----------
    history : of the last ten minutes
    keywords : in the order of the scores
    position : the moment, a sample within the hop
    word : None: the best word of that hop

    Returns
    -------
    None if the history does not include the moment.
    """
    verdict = history.at(position)
    if verdict is None:
        return None
    asked = word or verdict.keyword
    score = float(verdict.scores[keywords.index(asked)])
    ruling = verdict.rulings.get(asked, Ruling(Reason.BELOW, verdict.settings.thresholds[asked], score))
    if verdict.ruling.reason is Reason.GATE_CLOSED:
        ruling = verdict.ruling
    return Explanation(_sentence(history, verdict, asked, score, ruling), verdict, asked, score, ruling)


def _sentence(history: History, verdict: Verdict, word: str, score: float, ruling: Ruling) -> str:
    position, threshold = verdict.hop.position, verdict.settings.thresholds[word]
    limit = f"{threshold:.2f}"
    if word in verdict.eased:
        limit += ", lowered for a second chance after a near miss"
    if ruling.reason is Reason.GATE_CLOSED:
        return "The gate was closed because there was no speech, so nothing was scored."
    if ruling.reason is Reason.BELOW:
        return f"“{word}” scored {score:.2f}, below its threshold of {limit}."
    if ruling.reason is Reason.FIRED:
        fired = _detection(history.events, word, position)
        best = fired.score if fired is not None else score
        said = f"“{word}” fired: its score reached {best:.2f}, its threshold is {limit}"
        if ruling.needed == verdict.settings.evidence_beside_sound:
            return f"{said}. It had evidence of {ruling.had:.1f}; beside other sound {ruling.needed:.1f} are required."
        return f"{said}."
    if score >= threshold:
        reached = f"“{word}” scored {score:.2f}, over its threshold of {limit}"
    else:
        reached = f"“{word}” had been over its threshold of {limit}"
    if not ruling.final:
        return (
            f"{reached}, and is waiting: so far {_lacks(history, verdict, word, ruling)}{_outcome(history, position)}."
        )
    return f"{reached}, but {_lacks(history, verdict, word, ruling)}."


def _lacks(history: History, verdict: Verdict, word: str, ruling: Ruling) -> str:
    """Return what kept a word from firing, with the numbers of its ruling."""
    settings = verdict.settings
    after_talk = ruling.needed == settings.pause_after_talk_seconds != settings.pause_before_seconds
    return LACKS.get(ruling.reason, ruling.reason.value).format(
        needed=ruling.needed or 0.0,
        had=ruling.had or 0.0,
        ahead=verdict.keyword,
        before=_before(history, verdict.hop.position, word),
        after_talk="after talk, " if after_talk else "",
    )


def _outcome(history: History, position: int) -> str:
    """Return how the wait ended."""
    for verdict in history.since(position):
        if verdict.ruling.final:
            waited = (verdict.hop.position - position) / SAMPLE_RATE_HZ
            if verdict.ruling.reason is Reason.FIRED:
                return f"; “{verdict.keyword}” fired {waited:.2f} s later"
            return f"; {waited:.2f} s later: {verdict.ruling.reason.value}"
    return ""


def _detection(events: Iterable[Event], word: str, position: int) -> Detection | None:
    for event in events:
        if isinstance(event, Detection) and event.keyword == word and event.decided_position == position:
            return event
    return None


def _before(history: History, position: int, word: str) -> str:
    """Return the name of the last word detected before a position."""
    last = None
    for event in history.events:
        if isinstance(event, Detection) and event.decided_position < position:
            last = event
    return "another word" if last is None else "it" if last.keyword == word else f"“{last.keyword}”"
