"""Why did it fire, or not? One sentence for any word at any moment, from the verdict that was reached."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from kws_live.audio import HOP_SECONDS, SAMPLE_RATE_HZ
from kws_live.events import Detection, Event
from kws_live.panel.history import History
from kws_live.spotting.decision import LASTS_HOPS
from kws_live.spotting.verdict import Reason, Verdict

HELD_SECONDS: Final = 3.0
"""A score that is still up this long after a detection is not its echo."""


@dataclass(frozen=True)
class Explanation:
    """What is known of a word at a moment.

    Attributes
    ----------
    sentence : for people
    verdict : of that hop
    word : the word it is about
    score : its smoothed score
    reason : what became of it
    """

    sentence: str
    verdict: Verdict
    word: str
    score: float
    reason: Reason


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
    threshold = verdict.settings.thresholds[asked]
    reason = verdict.reason
    if asked != verdict.keyword and reason is not Reason.GATE_CLOSED:
        if score < threshold:
            reason = Reason.BELOW
        elif not verdict.settings.listens_to(asked):
            reason = Reason.MASKED
        else:
            said = f"“{asked}” scored {score:.2f}, but “{verdict.keyword}” was ahead of it."
            return Explanation(said, verdict, asked, score, reason)
    return Explanation(_sentence(history, verdict, asked, score, reason), verdict, asked, score, reason)


def _sentence(history: History, verdict: Verdict, word: str, score: float, reason: Reason) -> str:
    settings, position = verdict.settings, verdict.hop.position
    threshold = settings.thresholds[word]
    reached = f"“{word}” scored {score:.2f}, over its threshold of {threshold:.2f}"
    match reason:
        case Reason.FIRED:
            fired = _detection(history.events, word, position)
            best = fired.score if fired is not None else score
            alone = (
                "" if settings.mode == "spotting" else f", and {settings.pause_after_seconds:.2f} s of quiet came after"
            )
            return f"“{word}” fired: its score reached {best:.2f}, its threshold is {threshold:.2f}{alone}."
        case Reason.GATE_CLOSED:
            return "Nobody was speaking: the gate was closed, so nothing was scored."
        case Reason.BELOW:
            return f"“{word}” scored {score:.2f}, below its threshold of {threshold:.2f}."
        case Reason.MASKED:
            return f"{reached}, but the word is switched off."
        case Reason.REFRACTORY:
            before = _last(history.events, position)
            ago = HELD_SECONDS if before is None else (position - before.decided_position) / SAMPLE_RATE_HZ
            if before is None or ago >= max(HELD_SECONDS, settings.refractory_seconds):
                return f"{reached}, but this utterance had been judged already: a word counts once in it."
            named = "it" if before.keyword == word else f"“{before.keyword}”"
            return (
                f"{reached}, but {named} had fired {ago:.1f} s before: a word rests for "
                f"{settings.refractory_seconds:.1f} s and until its score has fallen."
            )
        case Reason.WAITING:
            return (
                f"{reached}, and waits for {settings.pause_after_seconds:.2f} s of quiet{_outcome(history, position)}."
            )
        case Reason.TALK_BEFORE:
            return (
                f"{reached}, but speech came right before it: in command mode a word needs "
                f"{settings.pause_before_seconds:.2f} s of quiet before."
            )
        case Reason.BRIEF:
            return (
                f"{reached}, but not for long: in command mode a word's score must last "
                f"{LASTS_HOPS * HOP_SECONDS:.2f} s, as that of a piece of a sentence does not."
            )
        case Reason.TALK_AFTER:
            return (
                f"{reached}, but speech went on after it: in command mode a word needs "
                f"{settings.pause_after_seconds:.2f} s of quiet after."
            )
        case Reason.TOO_LONG:
            return (
                f"{reached}, but the utterance was longer than {settings.longest_word_seconds:.1f} s: "
                "in command mode that is talk."
            )


def _outcome(history: History, position: int) -> str:
    """How the waiting ended."""
    for verdict in history.since(position):
        if verdict.reason is not Reason.WAITING:
            waited = (verdict.hop.position - position) / SAMPLE_RATE_HZ
            if verdict.reason is Reason.FIRED:
                return f"; “{verdict.keyword}” fired {waited:.2f} s later"
            return f"; {waited:.2f} s later: {verdict.reason.value}"
    return ""


def _detection(events: Iterable[Event], word: str, position: int) -> Detection | None:
    for event in events:
        if isinstance(event, Detection) and event.keyword == word and event.decided_position == position:
            return event
    return None


def _last(events: Iterable[Event], position: int) -> Detection | None:
    """The last detection before a position."""
    last = None
    for event in events:
        if isinstance(event, Detection) and event.decided_position < position:
            last = event
    return last
