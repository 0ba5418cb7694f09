"""Every reason in one sentence, with the figures that decided."""

import pytest

from kws_live.panel.history import History
from kws_live.panel.why import Explanation, explain
from kws_live.spotting.pipeline import HOP_SAMPLES
from kws_live.spotting.verdict import Reason
from tests.fakes import KEYWORDS, Hops
from tests.panel.panel_fakes import remembered_hops


def why(history: History, position: int, word: str | None = None) -> Explanation:
    explanation = explain(history, KEYWORDS, position, word)
    assert explanation is not None
    return explanation


def moment(hops: Hops, history: History, reason: Reason) -> int:
    """The first hop that was judged so."""
    return next(verdict.hop.position for verdict in history.verdicts if verdict.reason is reason)


def test_fired() -> None:
    hops, history = remembered_hops()
    hops.say("yes", 0.9)
    said = why(history, moment(hops, history, Reason.FIRED)).sentence
    assert said == "“yes” fired: its score reached 0.90, its threshold is 0.60."


def test_fired_alone_in_command_mode() -> None:
    hops, history = remembered_hops(mode="command")
    hops.say("yes", 0.9)
    hops.feed(8)
    said = why(history, moment(hops, history, Reason.FIRED)).sentence
    assert said == "“yes” fired: its score reached 0.90, its threshold is 0.60, and 0.24 s of quiet came after."


def test_gate_closed() -> None:
    _, history = remembered_hops()
    explanation = why(history, HOP_SAMPLES, "no")
    assert explanation.reason is Reason.GATE_CLOSED
    assert "gate was closed" in explanation.sentence


def test_below() -> None:
    hops, history = remembered_hops()
    hops.feed(1, no=0.41)
    assert why(history, hops.position).sentence == "“no” scored 0.41, below its threshold of 0.60."


def test_masked() -> None:
    hops, history = remembered_hops(active=frozenset({"no"}))
    hops.feed(1, yes=0.8)
    explanation = why(history, hops.position)
    assert explanation.reason is Reason.MASKED
    assert explanation.sentence == "“yes” scored 0.80, over its threshold of 0.60, but the word is switched off."


def test_refractory_names_what_fired_before_and_when() -> None:
    hops, history = remembered_hops()
    hops.feed(1, yes=0.8)
    hops.feed(4, yes=0.0)
    hops.feed(1, yes=0.7)
    explanation = why(history, hops.position)
    assert explanation.reason is Reason.REFRACTORY
    assert "but it had fired 0.4 s before: a word rests for 0.8 s" in explanation.sentence


def test_refractory_after_another_word() -> None:
    hops, history = remembered_hops()
    hops.feed(1, yes=0.8)
    hops.feed(2, no=0.7)
    explanation = why(history, hops.position)
    assert explanation.reason is Reason.REFRACTORY
    assert "but “yes” had fired 0.2 s before" in explanation.sentence


def test_waiting_tells_how_it_ended() -> None:
    hops, history = remembered_hops(mode="command")
    hops.say("yes", 0.9)
    hops.feed(8)
    explanation = why(history, moment(hops, history, Reason.WAITING))
    assert explanation.reason is Reason.WAITING
    assert "waits for 0.24 s of quiet; “yes” fired" in explanation.sentence


def test_talk_before() -> None:
    hops, history = remembered_hops(mode="command", pause_before_seconds=0.8)
    hops.feed(4, loud=True)
    hops.feed(6)  # 0.48 s of quiet: more than within a word, less than is wanted
    hops.feed(4, loud=True, yes=0.9)
    position = moment(hops, history, Reason.TALK_BEFORE)
    assert (
        "speech came right before it: in command mode a word needs 0.80 s of quiet before"
        in why(history, position).sentence
    )


def test_brief() -> None:
    hops, history = remembered_hops(mode="command")
    hops.feed(3, loud=True)
    hops.feed(2, loud=True, yes=0.9)
    hops.feed(30)
    position = moment(hops, history, Reason.BRIEF)
    assert "must last 0.48 s" in why(history, position).sentence


def test_talk_after() -> None:
    hops, history = remembered_hops(mode="command", longest_word_seconds=3.0)
    hops.feed(3, loud=True)
    hops.feed(2, loud=True, yes=0.9)
    hops.feed(20, loud=True)
    position = moment(hops, history, Reason.TALK_AFTER)
    assert "speech went on after it" in why(history, position).sentence


def test_too_long() -> None:
    hops, history = remembered_hops(mode="command")
    hops.feed(16, loud=True)
    hops.feed(2, loud=True, yes=0.9)
    position = moment(hops, history, Reason.TOO_LONG)
    assert "longer than 1.1 s" in why(history, position).sentence


def test_every_reason_has_its_test_here() -> None:
    names = {name.removeprefix("test_") for name in globals() if name.startswith("test_")}
    tested = [reason for reason in Reason if any(name.startswith(reason.name.lower()) for name in names)]
    assert tested == list(Reason)


def test_another_word_at_the_same_moment_has_its_own_reason() -> None:
    hops, history = remembered_hops()
    hops.feed(1, yes=0.9, no=0.2)
    assert why(history, hops.position, "no").sentence == "“no” scored 0.20, below its threshold of 0.60."


def test_a_word_that_another_was_ahead_of() -> None:
    hops, history = remembered_hops()
    hops.feed(1, yes=0.9, no=0.7)
    assert why(history, hops.position, "no").sentence == "“no” scored 0.70, but “yes” was ahead of it."


@pytest.mark.twin("test_fired")
@pytest.mark.parametrize("position", [0, 10**9])
def test_a_moment_that_is_not_remembered_is_not_explained(position: int) -> None:
    _, history = remembered_hops()
    assert explain(history, KEYWORDS, position) is None
