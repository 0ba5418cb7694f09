"""Command mode: a word stands alone, between pauses; on hops made by hand (0.08 s each)."""

from typing import Any

import pytest

from kws_live.audio import SAMPLE_RATE_HZ
from kws_live.events import Detection
from kws_live.spotting.pipeline import HOP_SAMPLES
from tests.fakes import LOUD_DB, QUIET_DB, Hops, decision_settings
from tests.spotting.decided import misses, quiet_start, words


@pytest.mark.parametrize(("is_gap", "fired"), [(True, []), (False, ["yes"])])
def test_after_a_gap_a_word_that_waited_for_its_pause_is_forgotten(is_gap: bool, fired: list[str]) -> None:
    hops = quiet_start(mode="command")
    hops.feed(5, loud=True, yes=0.9)
    if is_gap:
        hops.decider.reset()
    assert words(hops.feed(30)) == fired


def test_a_word_alone_is_told_when_the_pause_after_it_is_there() -> None:
    hops = quiet_start(mode="command", pause_after_seconds=0.24)
    assert words(hops.feed(4, loud=True, yes=0.9)) == []
    assert set(hops.reasons[-4:]) == {"WAITING"}
    assert words(hops.feed(2, yes=0.9)) == []
    (event,) = hops.feed(1, yes=0.7)  # 3 hops of quiet: 0.24 s
    assert isinstance(event, Detection)
    assert event.score == pytest.approx(0.9)  # the best of the wait, not the last
    assert event.decided_position == hops.position
    assert event.position < event.decided_position
    assert event.margin == pytest.approx(event.score - 0.6)
    assert event.word_end_position == hops.position - round(0.24 * SAMPLE_RATE_HZ)
    assert event.word_begin_position == event.word_end_position - 4 * HOP_SAMPLES
    assert event.level_db == pytest.approx(LOUD_DB)
    assert event.snr_db == pytest.approx(LOUD_DB - QUIET_DB)


def test_a_pause_that_comes_after_the_score_has_fallen_still_counts() -> None:
    hops = quiet_start(mode="command")
    hops.feed(6, loud=True, yes=0.9)
    hops.feed(2, loud=True, yes=0.1)
    hops.feed(10)
    assert words(hops.events) == ["yes"]
    assert misses(hops.events) == []


@pytest.mark.parametrize(("n_hops", "fired"), [(2, ["yes"]), (1, [])])
def test_a_score_that_falls_too_soon_is_a_piece_of_a_sentence(n_hops: int, fired: list[str]) -> None:
    hops = quiet_start(mode="command")
    hops.feed(n_hops, loud=True, yes=0.9)
    hops.feed(30)
    assert words(hops.events) == fired
    assert fired or "too soon" in misses(hops.events)[0][1]


def test_a_word_that_is_beyond_doubt_fires_before_its_pause() -> None:
    hops = quiet_start(mode="command", evidence_beside_sound=5.0)
    assert words(hops.feed(4, loud=True, yes=0.9)) == []
    assert words(hops.feed(1, loud=True, yes=0.9)) == ["yes"]


@pytest.mark.parametrize("talk_db", [-26.0, -15.0])
def test_speech_right_before_keeps_a_word_from_firing(talk_db: float) -> None:
    hops = quiet_start(mode="command", pause_before_seconds=0.4)
    hops.feed(26, loud=talk_db, unknown=0.9)
    hops.feed(4, unknown=0.9)  # 0.32 s: more than a closure, less than the pause
    hops.say("yes")
    hops.feed(30)
    assert words(hops.events) == []
    assert [keyword for keyword, _ in misses(hops.events)] == ["yes"]
    assert "before" in misses(hops.events)[0][1]


@pytest.mark.parametrize(("n_before", "fired"), [(13, ["yes"]), (30, [])])
def test_the_beginning_of_a_long_word_is_not_speech_before_it(n_before: int, fired: list[str]) -> None:
    """Its score rises near its end, and the network hears other words in its beginning."""
    hops = quiet_start(mode="command", longest_word_seconds=3.0)
    hops.feed(n_before, loud=True, unknown=0.9)
    hops.feed(4, loud=True, yes=0.9)
    hops.feed(30)
    assert words(hops.events) == fired


def test_loud_noise_right_before_a_word_is_a_pause_if_the_network_heard_nobody_in_it() -> None:
    cases: list[tuple[dict[str, Any], list[str]]] = [
        ({"silence": 0.9}, ["yes"]),
        ({"gate_open": False}, ["yes"]),
        ({"unknown": 0.9}, []),
    ]
    for heard, fired in cases:
        hops = quiet_start(mode="command", pause_before_seconds=0.4)
        hops.feed(26, loud=-26.0, **heard)
        hops.feed(4, **heard)
        hops.say("yes")
        hops.feed(30)
        assert words(hops.events) == fired


@pytest.mark.parametrize(
    ("before", "n_hops", "fired"),
    [
        ({"silence": 0.9}, 9, ["yes"]),
        ({"unknown": 0.9}, 9, []),  # somebody spoke
        ({"silence": 0.9}, 5, []),  # other words pushed it out of the window
    ],
)
def test_in_noise_as_loud_as_speech_the_network_tells_the_pauses(
    before: dict[str, Any], n_hops: int, fired: list[str]
) -> None:
    """Barks and knocks all the time: the levels never show a pause."""
    hops = quiet_start(mode="command")
    hops.feed(30, loud=-24.0, **before)
    hops.feed(n_hops, loud=True, yes=0.9)
    hops.feed(40, loud=-24.0, unknown=0.9)
    assert words(hops.events) == fired


def test_talk_that_goes_on_is_no_command() -> None:
    hops = quiet_start(mode="command", longest_word_seconds=1.1)
    hops.feed(4, loud=True, yes=0.9)
    hops.feed(40, loud=True, unknown=0.9)
    hops.feed(30)
    assert words(hops.events) == []
    (miss,) = misses(hops.events)
    assert miss[0] == "yes"
    assert "too long" in miss[1] or "went on" in miss[1]


@pytest.mark.parametrize(("n_more", "fired"), [(8, []), (0, ["yes"])])
def test_words_that_go_on_with_short_pauses_are_talk_too(n_more: int, fired: list[str]) -> None:
    hops = quiet_start(mode="command", pause_after_seconds=0.3)
    hops.feed(5, loud=True, yes=0.9)
    for _ in range(n_more):
        hops.feed(3)
        hops.feed(4, loud=True, unknown=0.9)
    hops.feed(30)
    assert words(hops.events) == fired


def test_spotting_mode_hears_a_word_in_the_middle_of_talk() -> None:
    hops = quiet_start(mode="spotting")
    hops.feed(10, loud=True, unknown=0.9)
    assert words(hops.feed(4, loud=True, yes=0.9)) == ["yes"]
    hops.feed(10, loud=True, unknown=0.9)
    assert words(hops.events) == ["yes"]


def test_in_a_room_too_noisy_to_hear_pauses_the_score_decides() -> None:
    hops = Hops(decision_settings(mode="command"))
    hops.feed(60, loud=True, unknown=0.9)
    (event,) = hops.feed(1, loud=True, yes=0.9)
    assert isinstance(event, Detection)
    assert event.word_begin_position is event.word_end_position is event.level_db is event.snr_db is None


def test_of_the_words_heard_while_waiting_the_best_fires_alone() -> None:
    hops = quiet_start(mode="command")
    hops.feed(2, loud=True, no=0.7)
    hops.feed(4, loud=True, yes=0.95)
    hops.feed(30)
    assert words(hops.events) == ["yes"]


@pytest.mark.parametrize(("active", "fired"), [({"no"}, []), ({"no", "yes"}, ["yes"])])
def test_a_word_masked_while_it_waits_for_its_pause_does_not_fire(active: set[str], fired: list[str]) -> None:
    hops = quiet_start(mode="command")
    hops.feed(5, loud=True, yes=0.9)
    hops.settings = decision_settings(mode="command", active=frozenset(active))
    hops.feed(30)
    assert words(hops.events) == fired


def test_after_talk_a_command_needs_a_longer_pause() -> None:
    quick: list[str] = []
    for n_quiet, fired in ((8, quick), (16, ["yes"])):  # 0.64 s and 1.28 s
        hops = quiet_start(mode="command", pause_before_seconds=0.4, pause_after_talk_seconds=1.2)
        hops.feed(20, loud=True, unknown=0.9)
        hops.feed(n_quiet, unknown=0.9)
        hops.say("yes")
        hops.feed(30)
        assert words(hops.events) == fired


def test_an_utterance_that_has_fired_gives_no_other_word_in_command_mode() -> None:
    for mode, fired in (("command", ["no"]), ("spotting", ["no", "stop"])):
        hops = quiet_start(mode=mode)
        hops.say("no")
        hops.feed(4, stop=0.7)  # its echo in windows that hold only its end
        hops.feed(30)
        assert words(hops.events) == fired
