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
    """The first hop at which that was the last word."""
    return next(v.hop.position for v in history.verdicts if v.ruling.reason is reason and v.ruling.final)


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
    assert said == "“yes” fired: its score reached 0.90, its threshold is 0.60."


def test_gate_closed() -> None:
    _, history = remembered_hops()
    explanation = why(history, HOP_SAMPLES, "no")
    assert explanation.ruling.reason is Reason.GATE_CLOSED
    assert "gate was closed" in explanation.sentence


def test_below() -> None:
    hops, history = remembered_hops()
    hops.feed(1, no=0.41)
    assert why(history, hops.position).sentence == "“no” scored 0.41, below its threshold of 0.60."


def test_a_threshold_lowered_for_a_second_chance_is_named_as_such() -> None:
    hops, history = remembered_hops(second_chance_seconds=4.0, second_chance=0.8)
    hops.feed(1, yes=0.5)
    hops.feed(1)
    hops.feed(1, yes=0.45)
    lowered = "its threshold of 0.48, lowered for a second chance after a near miss."
    assert why(history, hops.position).sentence == f"“yes” scored 0.45, below {lowered}"
    assert why(history, hops.position, "no").sentence == "“no” scored 0.00, below its threshold of 0.60."
    hops.feed(1, yes=0.5)
    fired = why(history, hops.position).sentence
    assert fired == f"“yes” fired: its score reached 0.50, {lowered.replace('threshold of', 'threshold is')}"


def test_masked() -> None:
    hops, history = remembered_hops(active=frozenset({"no"}))
    hops.feed(1, yes=0.8)
    explanation = why(history, hops.position)
    assert explanation.ruling.reason is Reason.MASKED
    assert explanation.sentence == "“yes” scored 0.80, over its threshold of 0.60, but the word is switched off."


def test_held_names_the_score_it_must_fall_below() -> None:
    hops, history = remembered_hops(release=0.5)
    hops.feed(12, yes=0.8)  # the refractory time is over
    assert why(history, hops.position).sentence == (
        "“yes” scored 0.80, over its threshold of 0.60, but it had already been decided, and its score had not fallen "
        "below 0.30 since."
    )


def test_spent_names_what_fired_in_the_utterance() -> None:
    hops, history = remembered_hops(mode="command")
    hops.say("no", 0.9)
    hops.feed(2)
    hops.feed(4, stop=0.7)
    explanation = why(history, hops.position, "stop")
    assert explanation.ruling.reason is Reason.SPENT
    assert "but “no” had fired in the same utterance" in explanation.sentence


def test_resting_names_when_it_fired_and_the_refractory_time() -> None:
    hops, history = remembered_hops(refractory_seconds=0.8)
    hops.feed(1, yes=0.8)
    hops.feed(4, yes=0.0)
    hops.feed(1, yes=0.7)
    explanation = why(history, hops.position)
    assert explanation.ruling.reason is Reason.RESTING
    assert "but it had fired 0.40 s before, within the refractory time of 0.80 s" in explanation.sentence


def test_spacing_names_the_other_word() -> None:
    hops, history = remembered_hops()
    hops.feed(1, yes=0.8)
    hops.feed(2, no=0.7)
    explanation = why(history, hops.position)
    assert explanation.ruling.reason is Reason.SPACING
    assert "but “yes” had fired 0.16 s before; two words must be 0.30 s apart" in explanation.sentence


def test_behind_names_the_word_that_was_ahead() -> None:
    hops, history = remembered_hops()
    hops.feed(1, yes=0.9, no=0.7)
    assert why(history, hops.position, "no").sentence == (
        "“no” scored 0.70, over its threshold of 0.60, but “yes” scored higher: 0.90."
    )


def test_what_a_word_waits_for_and_how_it_ended() -> None:
    hops, history = remembered_hops(mode="command")
    hops.say("yes", 0.9)
    hops.feed(8)
    position = next(verdict.hop.position for verdict in history.verdicts if not verdict.ruling.final)
    said = why(history, position).sentence
    assert "and is waiting: so far only 0.00 s of quiet came after it; 0.24 s are required; “yes” fired" in said


@pytest.mark.parametrize(
    ("n_talk", "n_quiet", "said"),
    [
        (4, 6, "only 0.48 s of quiet came before it; 0.80 s are required."),
        (20, 10, "only 0.80 s of quiet came before it; after talk, 1.20 s are required."),
    ],
)
def test_talk_before_names_the_required_pause(n_talk: int, n_quiet: int, said: str) -> None:
    hops, history = remembered_hops(mode="command", pause_before_seconds=0.8, pause_after_talk_seconds=1.2)
    hops.feed(n_talk, loud=True)
    hops.feed(n_quiet)
    hops.feed(4, loud=True, yes=0.9)
    hops.feed(2)
    assert why(history, moment(hops, history, Reason.TALK_BEFORE)).sentence.endswith(f", but {said}")


def test_brief_names_the_evidence() -> None:
    hops, history = remembered_hops(mode="command")
    hops.feed(3, loud=True)
    hops.feed(1, loud=True, yes=0.9)
    hops.feed(30)
    explanation = why(history, moment(hops, history, Reason.BRIEF))
    assert explanation.sentence == (
        "“yes” had been over its threshold of 0.60, but its score fell too soon: evidence 1.0 of the required 2.0."
    )


def test_speech_before_names_the_evidence_that_was_left() -> None:
    hops, history = remembered_hops(mode="command", silence_weight=1.0)
    hops.feed(26, silence=0.05)
    hops.feed(3, loud=True, yes=0.9)
    hops.feed(30)
    explanation = why(history, moment(hops, history, Reason.SPEECH_BEFORE))
    assert explanation.sentence.endswith("but speech right before it left evidence 0.1 of the required 2.0.")


def test_fired_beside_sound_names_the_evidence() -> None:
    hops, history = remembered_hops(mode="command", evidence_beside_sound=3.0)
    hops.feed(4, loud=True, yes=0.9)
    assert why(history, moment(hops, history, Reason.FIRED)).sentence == (
        "“yes” fired: its score reached 0.90, its threshold is 0.60. It had evidence of 3.0; beside other sound "
        "3.0 are required."
    )


def test_talk_after() -> None:
    hops, history = remembered_hops(mode="command", longest_word_seconds=3.0)
    hops.feed(3, loud=True)
    hops.feed(2, loud=True, yes=0.9)
    hops.feed(20, loud=True)
    position = moment(hops, history, Reason.TALK_AFTER)
    assert "only 0.00 s of quiet came after it; 0.24 s are required" in why(history, position).sentence


def test_too_long() -> None:
    hops, history = remembered_hops(mode="command")
    hops.feed(16, loud=True)
    hops.feed(2, loud=True, yes=0.9)
    hops.feed(1)
    position = moment(hops, history, Reason.TOO_LONG)
    assert "the utterance was 1.44 s long; a single word is at most 1.10 s" in why(history, position).sentence


def test_every_reason_has_its_test_here() -> None:
    names = {name.removeprefix("test_") for name in globals() if name.startswith("test_")}
    tested = [reason for reason in Reason if any(name.startswith(reason.name.lower()) for name in names)]
    assert tested == list(Reason)


def test_another_word_at_the_same_moment_has_its_own_reason() -> None:
    hops, history = remembered_hops()
    hops.feed(1, yes=0.9, no=0.2)
    assert why(history, hops.position, "no").sentence == "“no” scored 0.20, below its threshold of 0.60."


@pytest.mark.twin("test_fired")
@pytest.mark.parametrize("position", [0, 10**9])
def test_a_moment_that_is_not_remembered_is_not_explained(position: int) -> None:
    _, history = remembered_hops()
    assert explain(history, KEYWORDS, position) is None


def test_own_playback_names_the_score_in_what_the_machine_played() -> None:
    hops, history = remembered_hops()
    hops.play(yes=0.75)
    hops.say("yes", 0.9)
    assert why(history, moment(hops, history, Reason.OWN_PLAYBACK)).sentence == (
        "“yes” scored 0.90, over its threshold of 0.60, but this machine was playing the word itself "
        "(own_playback), with a score of 0.75."
    )
