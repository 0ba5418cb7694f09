"""The decision's rules, one by one, on hops made by hand (0.08 s each)."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kws_live.audio import SAMPLE_RATE_HZ
from kws_live.errors import ConfigError
from kws_live.events import Detection, Event, NearMiss
from kws_live.spotting.decision import Decider
from kws_live.spotting.decision_settings import DecisionSettings
from kws_live.spotting.pipeline import HOP_SAMPLES
from kws_live.spotting.verdict import Reason
from tests.fakes import KEYWORDS, LABELS, LOUD_DB, QUIET_DB, Hops, decision_settings


def words(events: list[Event]) -> list[str]:
    return [event.keyword for event in events if isinstance(event, Detection)]


def misses(events: list[Event]) -> list[tuple[str, str]]:
    return [(event.keyword, event.reason) for event in events if isinstance(event, NearMiss)]


def quiet_start(**settings: Any) -> Hops:
    """Half a minute of room comes before: the utterance finder knows its level."""
    hops = Hops(decision_settings(**settings))
    hops.feed(50, gate_open=False)
    return hops


# Each word against its own threshold, then the best.


def test_a_word_fires_at_its_threshold_and_not_below() -> None:
    assert words(quiet_start().feed(1, yes=0.6)) == ["yes"]
    assert words(quiet_start().feed(3, yes=0.599)) == []


def test_a_strict_word_does_not_hide_a_lenient_one() -> None:
    hops = quiet_start(thresholds={"yes": 0.9, "no": 0.3, "stop": 0.6})
    assert words(hops.feed(1, yes=0.6, no=0.4)) == ["no"]


def test_of_two_words_over_their_thresholds_the_higher_score_wins_alone() -> None:
    hops = quiet_start(thresholds={"yes": 0.3, "no": 0.3, "stop": 0.3})
    assert words(hops.feed(4, yes=0.4, no=0.5)) == ["no"]


def test_unknown_and_silence_never_fire() -> None:
    hops = quiet_start()
    assert hops.feed(20, loud=True, unknown=1.0) == []
    assert hops.feed(20, silence=1.0) == []
    assert words(hops.feed(1, yes=1.0)) == ["yes"]


def test_a_closed_gate_never_fires() -> None:
    hops = quiet_start()
    assert hops.feed(10, loud=True, gate_open=False, yes=1.0) == []
    assert set(hops.reasons) == {"GATE_CLOSED"}


# Once per word.


def test_one_long_word_is_one_event() -> None:
    hops = quiet_start()
    assert words(hops.feed(40, loud=True, yes=0.9)) == ["yes"]  # 3.2 s, far beyond the refractory time


def test_a_score_that_wavers_above_the_release_does_not_fire_again() -> None:
    hops = quiet_start(release=0.5)  # 0.5 of 0.6 = 0.3
    for _ in range(8):
        hops.feed(3, loud=True, yes=0.9)
        hops.feed(3, loud=True, yes=0.35)
    assert words(hops.events) == ["yes"]


def test_a_score_that_fell_below_the_release_fires_again_after_the_refractory_time() -> None:
    hops = quiet_start(refractory_seconds=0.8)
    hops.feed(1, yes=0.9)
    hops.feed(5, yes=0.1)  # 0.40 s
    assert words(hops.feed(2, yes=0.9)) == []  # at 0.48 and 0.56 s: too soon
    hops.feed(3, yes=0.1)
    assert words(hops.feed(1, yes=0.9)) == ["yes"]  # at 0.88 s


def test_another_word_may_follow_after_the_spacing_but_not_before() -> None:
    n_within = int(DecisionSettings.spacing_seconds / 0.08)
    hops = quiet_start(refractory_seconds=5.0)
    hops.feed(1, yes=0.9)
    assert words(hops.feed(n_within, no=0.9)) == []
    assert words(hops.feed(1, no=0.9)) == ["no"]


def test_smoothing_is_the_mean_of_the_last_hops() -> None:
    hops = quiet_start(smoothing_hops=2, thresholds={"yes": 0.5, "no": 0.5, "stop": 0.5})
    assert words(hops.feed(1, unknown=1.0)) == []
    assert words(hops.feed(1, yes=0.9)) == []  # mean 0.45
    (event,) = hops.feed(1, yes=0.8)  # mean 0.85
    assert isinstance(event, Detection)
    assert event.score == pytest.approx(0.85)


def test_a_closed_gate_empties_the_smoothing() -> None:
    hops = quiet_start(smoothing_hops=4)
    hops.feed(4, yes=0.59)
    hops.feed(1, gate_open=False)
    (event,) = hops.feed(1, yes=0.9)
    assert isinstance(event, Detection)
    assert event.score == pytest.approx(0.9)


def test_after_a_gap_the_smoothing_is_empty_and_the_refractory_time_goes_on() -> None:
    hops = quiet_start(smoothing_hops=3, refractory_seconds=1.0)
    assert words(hops.feed(1, yes=0.9)) == ["yes"]
    hops.feed(1, yes=0.0)
    hops.decider.reset()
    assert words(hops.feed(2, yes=0.9)) == []  # 0.24 s after the first
    hops.feed(3, yes=0.0)
    hops.decider.reset()
    hops.feed(7, yes=0.0)
    assert words(hops.feed(3, yes=0.9)) == ["yes"]


def test_after_a_gap_the_smoothing_begins_anew() -> None:
    hops = quiet_start(smoothing_hops=4)
    hops.feed(4, yes=0.1)
    hops.decider.reset()
    (event,) = hops.feed(1, yes=0.9)
    assert isinstance(event, Detection)
    assert event.score == pytest.approx(0.9)


@pytest.mark.parametrize(("is_gap", "fired"), [(True, []), (False, ["yes"])])
def test_after_a_gap_a_word_that_waited_for_its_pause_is_forgotten(is_gap: bool, fired: list[str]) -> None:
    hops = quiet_start(mode="command")
    hops.feed(5, loud=True, yes=0.9)
    if is_gap:
        hops.decider.reset()
    assert words(hops.feed(30)) == fired


# "stop" is one, "stop, stop" is two.


@pytest.mark.parametrize("mode", ["command", "spotting"])
def test_one_stop_is_one_and_stop_stop_is_two(mode: str) -> None:
    hops = quiet_start(mode=mode, refractory_seconds=0.6)
    hops.say("stop")
    hops.feed(30)
    assert words(hops.events) == ["stop"]
    hops.say("stop")
    hops.feed(3)
    hops.say("stop")
    hops.feed(30)
    assert words(hops.events) == ["stop"] * 3


def test_a_quick_repeat_counts_although_the_score_never_fell() -> None:
    hops = quiet_start(mode="spotting", refractory_seconds=0.6)
    hops.feed(5, loud=True, stop=0.9)
    hops.feed(4, stop=0.9)  # 0.32 s of pause, the first word still within the window
    hops.feed(5, loud=True, stop=0.9)
    hops.feed(12, stop=0.9)
    hops.feed(20)
    assert words(hops.events) == ["stop", "stop"]


@pytest.mark.parametrize(("n_hops", "fired"), [(5, ["stop", "stop"]), (3, ["stop"])])
def test_a_sound_after_a_word_is_no_repeat_before_it_fills_the_window(n_hops: int, fired: list[str]) -> None:
    hops = quiet_start(mode="spotting", refractory_seconds=0.6)
    hops.feed(5, loud=True, stop=0.9)
    hops.feed(4, stop=0.9)
    hops.feed(n_hops, loud=True, stop=0.9)
    hops.feed(20)
    assert words(hops.events) == fired


# Command mode.


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
def test_a_score_that_is_gone_at_once_is_a_piece_of_a_sentence(n_hops: int, fired: list[str]) -> None:
    hops = quiet_start(mode="command")
    hops.feed(n_hops, loud=True, yes=0.9)
    hops.feed(30)
    assert words(hops.events) == fired
    assert fired or "at once" in misses(hops.events)[0][1]


def test_a_word_that_is_beyond_doubt_fires_before_its_pause() -> None:
    hops = quiet_start(mode="command", evidence_beside_sound=5.0, hop_evidence=1.0)
    assert words(hops.feed(4, loud=True, yes=0.9)) == []
    assert words(hops.feed(1, loud=True, yes=0.9)) == ["yes"]


@pytest.mark.parametrize("talk_db", [-26.0, -15.0])
def test_speech_right_before_keeps_a_word_from_firing(talk_db: float) -> None:
    hops = quiet_start(mode="command", pause_before_seconds=0.4)
    hops.feed(6, loud=talk_db, unknown=0.9)
    hops.feed(4, unknown=0.9)  # 0.32 s: more than a closure, less than the pause
    hops.say("yes")
    hops.feed(30)
    assert words(hops.events) == []
    assert [keyword for keyword, _ in misses(hops.events)] == ["yes"]
    assert "before" in misses(hops.events)[0][1]


def test_loud_noise_right_before_a_word_is_a_pause_if_the_network_heard_nobody_in_it() -> None:
    cases: list[tuple[dict[str, Any], list[str]]] = [
        ({"silence": 0.9}, ["yes"]),
        ({"gate_open": False}, ["yes"]),
        ({"unknown": 0.9}, []),
    ]
    for heard, fired in cases:
        hops = quiet_start(mode="command", pause_before_seconds=0.4)
        hops.feed(6, loud=-26.0, **heard)
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
    hops.feed(20, loud=-24.0, **before)
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


# Masked words.


def test_a_masked_word_does_not_fire_and_says_so() -> None:
    hops = quiet_start(active=frozenset({"no"}))
    hops.feed(3, loud=True, yes=0.9)
    hops.feed(10)
    assert misses(hops.events) == [("yes", "the word is not listened to at present")]
    assert words(hops.feed(1, no=0.9)) == ["no"]


@pytest.mark.parametrize(("active", "fired"), [(frozenset(), []), (None, list(KEYWORDS))])
def test_no_word_fires_where_none_is_active(active: frozenset[str] | None, fired: list[str]) -> None:
    hops = quiet_start(active=active)
    for word in KEYWORDS:
        hops.say(word)
        hops.feed(20)
    assert words(hops.events) == fired


@pytest.mark.parametrize(("active", "fired"), [({"no"}, []), ({"no", "yes"}, ["yes"])])
def test_a_word_masked_while_it_waits_for_its_pause_does_not_fire(active: set[str], fired: list[str]) -> None:
    hops = quiet_start(mode="command")
    hops.feed(5, loud=True, yes=0.9)
    hops.settings = decision_settings(mode="command", active=frozenset(active))
    hops.feed(30)
    assert words(hops.events) == fired


# Settings from the next hop.


def test_a_threshold_counts_from_the_next_hop() -> None:
    hops = quiet_start()
    assert words(hops.feed(3, yes=0.5)) == []
    hops.settings = decision_settings(thresholds={"yes": 0.45, "no": 0.6, "stop": 0.6})
    assert words(hops.feed(1, yes=0.5)) == ["yes"]


# Near misses.


def test_a_score_that_came_close_is_one_near_miss_with_its_peak() -> None:
    hops = quiet_start(near_miss=0.5)
    hops.feed(2, loud=True, yes=0.35)
    hops.feed(1, loud=True, yes=0.55)
    peak = hops.position
    hops.feed(2, loud=True, yes=0.4)
    hops.feed(5)
    (event,) = hops.events
    assert isinstance(event, NearMiss)
    assert (event.keyword, event.threshold) == ("yes", 0.6)
    assert event.score == pytest.approx(0.55)
    assert event.position == peak
    assert "below" in event.reason


@pytest.mark.twin("test_a_score_that_came_close_is_one_near_miss_with_its_peak")
def test_a_low_score_is_no_near_miss_and_a_spotted_word_is_none() -> None:
    hops = quiet_start(near_miss=0.5)
    hops.feed(5, loud=True, yes=0.29)
    hops.feed(5)
    assert hops.events == []
    hops.say("yes")
    hops.feed(20)
    assert misses(hops.events) == []


def test_a_word_that_fires_after_it_was_refused_is_no_near_miss() -> None:
    hops = quiet_start(active=frozenset({"no"}))
    hops.feed(2, yes=0.9)
    hops.settings = decision_settings()
    assert words(hops.feed(2, yes=0.9)) == ["yes"]
    hops.feed(30)
    assert misses(hops.events) == []


# For every sequence.


@st.composite
def scripts(draw: st.DrawFn) -> list[tuple[int, bool, bool, dict[str, Any]]]:
    score = st.sampled_from([0.0, 0.2, 0.5, 0.7, 0.95])
    part = st.tuples(
        st.integers(1, 6), st.booleans(), st.sampled_from([True, True, True, False]),
        st.fixed_dictionaries(dict.fromkeys((*KEYWORDS, "unknown"), score)),
    )  # fmt: skip
    return draw(st.lists(part, min_size=1, max_size=25))


@given(scripts(), st.sampled_from(["command", "spotting"]), st.sampled_from([0.0, 0.4, 1.5]), st.integers(1, 3))
def test_detections_of_a_word_are_never_closer_than_the_refractory_time(
    script: list[tuple[int, bool, bool, dict[str, Any]]], mode: str, refractory_seconds: float, smoothing_hops: int
) -> None:
    settings = decision_settings(mode=mode, refractory_seconds=refractory_seconds, smoothing_hops=smoothing_hops)
    hops = Hops(settings)
    for n_hops, loud, gate_open, scores in script:
        hops.feed(n_hops, loud, gate_open, **scores)
    found = [event for event in hops.events if isinstance(event, Detection)]
    for word in KEYWORDS:
        at = [event.decided_position for event in found if event.keyword == word]
        assert all(gap >= refractory_seconds * SAMPLE_RATE_HZ for gap in np.diff(at))
    at = [event.decided_position for event in found]
    assert all(gap >= DecisionSettings.spacing_seconds * SAMPLE_RATE_HZ for gap in np.diff(at))
    for event in found:
        assert event.score >= settings.thresholds[event.keyword] - 1e-6
        assert event.position <= event.decided_position


@given(scripts(), st.sampled_from(["command", "spotting"]))
def test_the_same_hops_give_the_same_events_again(
    script: list[tuple[int, bool, bool, dict[str, Any]]], mode: str
) -> None:
    def events() -> list[Event]:
        hops = Hops(decision_settings(mode=mode))
        for n_hops, loud, gate_open, scores in script:
            hops.feed(n_hops, loud, gate_open, **scores)
        return hops.events

    assert events() == events()


# Settings that cannot be.


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"thresholds": {"yes": 1.5}}, "1.5 for 'yes'"),
        ({"thresholds": {"yes": 0.0}}, "0.0 for 'yes'"),
        ({"thresholds": {"yes": float("nan")}}, "nan for 'yes'"),
        ({"active": frozenset({"maybe"})}, "'maybe'; this model knows: yes, no, stop"),
        ({"mode": "wake"}, "'wake'.*command.*spotting"),
        ({"gate_mode": 4}, "gate_mode 4"),
        ({"smoothing_hops": 0}, "smoothing_hops 0"),
        ({"pause_before_seconds": -0.1}, "pause_before_seconds -0.1 must be a number from 0 to 2"),
        ({"pause_after_seconds": 2.1}, "pause_after_seconds 2.1"),
        ({"longest_word_seconds": 0.0}, "longest_word_seconds"),
        ({"release": 1.1}, "release 1.1"),
        ({"refractory_seconds": float("nan")}, "refractory_seconds nan"),
        ({"near_miss": -1.0}, "near_miss"),
    ],
)
def test_impossible_settings_are_refused_by_name_and_value(values: dict[str, Any], said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        decision_settings(**values)


def test_the_default_settings_are_possible() -> None:
    settings = DecisionSettings(thresholds={"yes": 0.5})
    assert settings.listens_to("yes")
    assert Decider(LABELS, KEYWORDS).keywords == KEYWORDS


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


# What the machine itself plays.


@pytest.mark.parametrize("mode", ["spotting", "command"])
def test_a_word_that_the_machine_plays_does_not_fire_and_another_does(mode: str) -> None:
    hops = quiet_start(mode=mode)
    hops.play(yes=0.6)
    hops.say("yes")
    hops.feed(10)
    assert words(hops.events) == []
    assert misses(hops.events) == [("yes", Reason.OWN_PLAYBACK.value)]
    hops.feed(30)
    hops.say("no")
    hops.feed(10)
    assert words(hops.events) == ["no"]


def test_a_word_fires_that_the_machine_played_below_its_threshold() -> None:
    hops = quiet_start()
    hops.play(yes=0.59)
    assert words(hops.say("yes")) == ["yes"]


def test_a_word_that_waits_for_its_pause_is_refused_once_the_machine_is_known_to_play_it() -> None:
    hops = quiet_start(mode="command")
    hops.feed(2, loud=True)
    hops.feed(3, loud=True, yes=0.9)
    assert hops.reasons[-1] == "WAITING"
    hops.play(yes=0.9)
    hops.feed(1, loud=True, yes=0.9)
    hops.play()
    hops.feed(10)
    assert words(hops.events) == []
    assert misses(hops.events) == [("yes", Reason.OWN_PLAYBACK.value)]
