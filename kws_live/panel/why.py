"""Why did it fire, or not? One sentence for any word at any moment, from the ruling that was made."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from kws_live.audio import SAMPLE_RATE_HZ
from kws_live.events import Detection, Event
from kws_live.panel.history import History
from kws_live.spotting.verdict import Reason, Ruling, Verdict

LACKS: Final = {
    Reason.MASKED: "the word is switched off",
    Reason.HELD: "it had been decided already, and its score had not fallen below {needed:.2f} since",
    Reason.SPENT: "{before} had fired in the same utterance: a word counts once in it",
    Reason.RESTING: "it had fired {had:.2f} s before: a word rests for {needed:.2f} s",
    Reason.SPACING: "{before} had fired {had:.2f} s before: two words are {needed:.2f} s apart",
    Reason.BEHIND: "“{ahead}” was ahead of it with {needed:.2f}",
    Reason.TALK_BEFORE: "only {had:.2f} s of quiet came before: {after_talk}it takes {needed:.2f} s",
    Reason.BRIEF: "its score was gone at once: it takes evidence of {needed:.1f}, and it had {had:.1f}",
    Reason.SPEECH_BEFORE: "the network heard speech right before it: that left evidence of {had:.1f}, and it takes "
    "{needed:.1f}",
    Reason.TALK_AFTER: "only {had:.2f} s of quiet came after: it takes {needed:.2f} s",
    Reason.OWN_PLAYBACK: "this machine was playing the word itself (own_playback): it scored {had:.2f} there",
    Reason.TOO_LONG: "the utterance was {had:.2f} s long, and a single word is at most {needed:.2f} s",
}


@dataclass(frozen=True)
class Explanation:
    """What is known of a word at a moment.

    Attributes
    ----------
    sentence : for people
    verdict : of that hop
    word : the word it is about
    score : its smoothed score
    ruling : what became of it
    """

    sentence: str
    verdict: Verdict
    word: str
    score: float
    ruling: Ruling


def explain(history: History, keywords: tuple[str, ...], position: int, word: str | None = None) -> Explanation | None:
    """Say why a word fired or did not.

    Parameters
    ----------
    history : where to look
    keywords : in the order of the scores
    position : the moment, a sample in the hop that is meant
    word : None: the best word of that hop

    Returns
    -------
    None if the moment is not remembered.
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
        return "The gate was closed, as without speech, so nothing was scored."
    if ruling.reason is Reason.BELOW:
        return f"“{word}” scored {score:.2f}, below its threshold of {limit}."
    if ruling.reason is Reason.FIRED:
        fired = _detection(history.events, word, position)
        best = fired.score if fired is not None else score
        said = f"“{word}” fired: its score reached {best:.2f}, its threshold is {limit}"
        if ruling.needed == verdict.settings.evidence_beside_sound:
            return f"{said}. It had evidence of {ruling.had:.1f}; beside other sound it takes {ruling.needed:.1f}."
        return f"{said}."
    if score >= threshold:
        reached = f"“{word}” scored {score:.2f}, over its threshold of {limit}"
    else:
        reached = f"“{word}” had been over its threshold of {limit}"
    if not ruling.final:
        return f"{reached}, and waits: so far {_lacks(history, verdict, word, ruling)}{_outcome(history, position)}."
    return f"{reached}, but {_lacks(history, verdict, word, ruling)}."


def _lacks(history: History, verdict: Verdict, word: str, ruling: Ruling) -> str:
    """What kept a word from firing, in the numbers of its ruling."""
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
    """How the waiting ended."""
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
    """The last detection before a position, by its name."""
    last = None
    for event in history.events:
        if isinstance(event, Detection) and event.decided_position < position:
            last = event
    return "another word" if last is None else "it" if last.keyword == word else f"“{last.keyword}”"
