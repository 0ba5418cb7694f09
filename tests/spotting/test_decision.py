"""The decision's rules, one by one, on hops made by hand (0.08 s each)."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kws_live.audio import SAMPLE_RATE_HZ
from kws_live.events import Detection, Event, NearMiss
from kws_live.spotting.decision_settings import DecisionSettings
from tests.fakes import KEYWORDS, Hops, decision_settings
from tests.spotting.decided import misses, quiet_start, words

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


# Masked words.


def test_a_masked_word_does_not_fire_and_says_so() -> None:
    hops = quiet_start(active=frozenset({"no"}))
    hops.feed(3, loud=True, yes=0.9)
    hops.feed(10)
    assert misses(hops.events) == [("yes", "the word is switched off")]
    assert words(hops.feed(1, no=0.9)) == ["no"]


@pytest.mark.parametrize(("active", "fired"), [(frozenset(), []), (None, list(KEYWORDS))])
def test_no_word_fires_where_none_is_active(active: frozenset[str] | None, fired: list[str]) -> None:
    hops = quiet_start(active=active)
    for word in KEYWORDS:
        hops.say(word)
        hops.feed(20)
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
