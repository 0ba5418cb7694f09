"""Every setting is checked in one place: what passes, the detector runs with; what does not is a ConfigError."""

from collections.abc import Callable
from dataclasses import fields
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kws_live.errors import ConfigError
from kws_live.live.live_settings import LiveSettings
from kws_live.spotting.decision import Decider
from kws_live.spotting.decision_settings import DecisionSettings
from kws_live.spotting.pipeline import HOP_SAMPLES
from kws_live.stream.ring_buffer import RingBuffer
from tests.fakes import KEYWORDS, LABELS, decision_settings, tone_pipeline, tone_words

FIELDS = [item.name for item in fields(DecisionSettings)]
WORDS = st.sampled_from(["yes", "no", "stop", "maybe", ""]) | st.text(max_size=5)
SCALARS = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.sampled_from([0, 1, 2, 3, 4, 50, 10**400, -(10**4000), "off", "command", "1"])
    | st.floats()
    | st.floats(0, 3)
    | WORDS
)
ANYTHING = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(WORDS, inner, max_size=4), max_leaves=8
)
BIG = 10**5000
SOUND = tone_words([("yes", 0.3)], 0.5)


def repr_of(value: object) -> str:
    return "big" if value is BIG else repr(value)


def run_it(live: LiveSettings) -> None:
    pipeline = tone_pipeline(live, open_gate=False)
    ring = RingBuffer(10 * HOP_SAMPLES + SOUND.size)
    ring.write(SOUND)
    assert any(step.verdict for step in pipeline.steps(ring))


def refusal(call: Callable[[], object]) -> str:
    """What a ConfigError said; "" if there was none. Any other error is the test's."""
    try:
        call()
    except ConfigError as error:
        return str(error)
    return ""


@pytest.mark.slow
@settings(max_examples=200, deadline=None)
@given(st.sampled_from(FIELDS), ANYTHING)
def test_any_value_of_any_field_is_refused_or_runs(name: str, value: Any) -> None:
    live = LiveSettings(decision_settings())
    said = refusal(lambda: live.change(**{name: value}))
    assert "\n" not in said
    if said:
        assert live.snapshot() == decision_settings()
    else:
        run_it(live)


@pytest.mark.slow
@pytest.mark.twin("test_a_whole_number_is_asked_for_and_nothing_like_it")
@settings(max_examples=200, deadline=None)
@given(st.sampled_from(FIELDS), ANYTHING)
def test_settings_made_with_any_value_are_refused_or_run(name: str, value: Any) -> None:
    assert "\n" not in refusal(lambda: run_it(LiveSettings(decision_settings(**{name: value}))))


@pytest.mark.parametrize("name", ["gate_mode", "smoothing_hops"])
@pytest.mark.parametrize(
    "value", [2.0, 2.5, True, np.True_, "2", [2], np.float64(2), Fraction(5, 2), -1, BIG], ids=repr_of
)
def test_a_whole_number_is_asked_for_and_nothing_like_it(name: str, value: Any) -> None:
    with pytest.raises(ConfigError, match=name):
        decision_settings(**{name: value})


@pytest.mark.parametrize("name", ["gate_mode", "smoothing_hops"])
@pytest.mark.parametrize("value", [2, np.int64(2), np.uint8(2)])
def test_a_whole_number_of_any_kind_becomes_pythons_own(name: str, value: Any) -> None:
    assert type(getattr(decision_settings(**{name: value}), name)) is int


@pytest.mark.parametrize("name", ["release", "near_miss", "refractory_seconds", "longest_word_seconds"])
@pytest.mark.parametrize(
    "value", ["1", None, True, np.True_, float("nan"), float("inf"), 1j, [1], np.array([0.5]), b"1", BIG], ids=repr_of
)
def test_a_number_is_asked_for_and_nothing_like_it(name: str, value: Any) -> None:
    with pytest.raises(ConfigError, match=rf"{name} .* must be a number from"):
        decision_settings(**{name: value})


@pytest.mark.parametrize("value", [1, 0.5, np.float32(0.5), np.int64(1), Fraction(1, 2)])
def test_a_number_of_any_kind_becomes_pythons_own(value: Any) -> None:
    made = decision_settings(release=value, thresholds={"yes": value})
    assert type(made.release) is type(made.thresholds["yes"]) is float
    assert made.release == value


@pytest.mark.parametrize("value", [None, 0.5, "yes", ["yes"], {1: 0.5}, {"yes": "0.5"}, {"yes": True}, {"yes": None}])
def test_thresholds_must_be_numbers_by_word(value: Any) -> None:
    with pytest.raises(ConfigError, match="threshold"):
        decision_settings(thresholds=value)


@pytest.mark.parametrize("value", ["yes", b"yes", 1, [1], ["yes", ["no"]], {"yes": 1}, np.array("yes"), ["maybe"]])
def test_the_active_words_must_be_a_list_of_known_words(value: Any) -> None:
    with pytest.raises(ConfigError):
        decision_settings(active=value)


@pytest.mark.parametrize("value", [["yes"], ("yes",), {"yes"}, frozenset({"yes"}), {"yes": 1}.keys()])
def test_the_active_words_may_be_any_list(value: Any) -> None:
    assert decision_settings(active=value).active == frozenset({"yes"})


def test_thresholds_that_change_later_change_no_settings() -> None:
    given = {"yes": 0.5}
    made = decision_settings(thresholds=given)
    given["yes"] = 7
    assert made.thresholds == {"yes": 0.5}


def test_a_gate_that_is_off_is_written_as_in_a_file() -> None:
    assert decision_settings(gate_mode=2).gate_mode == 2
    assert decision_settings(gate_mode="off").gate_mode is None


def test_a_long_value_is_shown_short() -> None:
    with pytest.raises(ConfigError) as raised:
        decision_settings(mode="x" * 10_000)
    assert len(str(raised.value)) < 200


def test_thresholds_changed_are_those_named_and_the_others_stay() -> None:
    live = LiveSettings(decision_settings())
    live.change(thresholds={"yes": 0.9})
    assert live.snapshot().thresholds == {"yes": 0.9, "no": 0.6, "stop": 0.6}
    with pytest.raises(ConfigError, match="unknown word 'maybe'"):
        live.change(thresholds={"maybe": 0.9})


@pytest.mark.parametrize("words", [(["yes"],), (1,), (None,), ({},)])
def test_what_is_no_word_is_unknown(words: Any) -> None:
    with pytest.raises(ConfigError, match="unknown word"), LiveSettings(decision_settings()).only(*words):
        pass


def test_a_pipeline_needs_a_threshold_for_every_keyword() -> None:
    with pytest.raises(ConfigError, match="no threshold for no, stop"):
        tone_pipeline(LiveSettings(decision_settings(thresholds={"yes": 0.5})))
    tone_pipeline(LiveSettings(decision_settings()))


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"thresholds": {"yes": 1.5}}, "1.5 for 'yes'"),
        ({"thresholds": {"yes": 0.0}}, "0.0 for 'yes'"),
        ({"thresholds": {"yes": float("nan")}}, "nan for 'yes'"),
        ({"active": frozenset({"maybe"})}, "'maybe'; this model has: yes, no, stop"),
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
