import math
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest

from kws_live.audio import HOP_SECONDS
from kws_live.errors import ConfigError, DatasetError
from kws_live.evaluation.calibration import FalseRates, false_rates, parse_budget, plan
from kws_live.evaluation.intervals import Share
from kws_live.evaluation.labels import Label
from kws_live.evaluation.recorded_run import RecordedRun
from kws_live.evaluation.streaming import LabelledRun
from kws_live.spotting.pipeline import HOP_SAMPLES
from tests.fakes import KEYWORDS, LABELS, decision_settings

pytestmark = pytest.mark.slow

SETTINGS = decision_settings(gate_mode=None, refractory_seconds=0.0)


def room(seconds: float, **peaks: dict[float, float]) -> RecordedRun:
    """A quiet room in which words score highly for one hop at the times given."""
    n_hops = round(seconds / HOP_SECONDS)
    posteriors = np.full((n_hops, len(LABELS)), 0.001, np.float32)
    for word, scores in peaks.items():
        for at, value in scores.items():
            posteriors[round(at / HOP_SECONDS), LABELS.index(word)] = value
    return RecordedRun(
        model="room",
        labels=LABELS,
        keywords=KEYWORDS,
        gate_mode=None,
        seconds=seconds,
        positions=(1 + np.arange(n_hops, dtype=np.int64)) * HOP_SAMPLES,
        gate_open=np.ones(n_hops, np.bool_),
        levels_db=np.full((n_hops, 4), -70.0, np.float32),
        posteriors=posteriors,
        cpu_seconds=np.zeros(n_hops, np.float32),
    )


@pytest.mark.parametrize(
    ("text", "per_hour"), [("0.5/h", 0.5), ("2/hour", 2.0), ("12/day", 0.5), (" 1 / d ", 1 / 24), ("1/week", 1 / 168)]
)
def test_a_budget_is_a_rate(text: str, per_hour: float) -> None:
    assert parse_budget(text) == pytest.approx(per_hour)


@pytest.mark.parametrize("text", ["often", "0", "0.5", "/h", "-1/h", "1/fortnight", "1e3/h", ""])
def test_what_is_no_rate_is_refused(text: str) -> None:
    with pytest.raises(ConfigError, match="is not a rate; write false accepts per hour, day or week"):
        parse_budget(text)


def test_a_budget_of_none_cannot_be_promised() -> None:
    with pytest.raises(ConfigError, match="'0/h' is impossible"):
        parse_budget("0/h")


def test_false_accepts_are_counted_with_the_decision_that_runs_live() -> None:
    run = room(360.0, yes={30: 0.7, 60: 0.7, 90: 0.95}, no={200: 0.7})  # 0.1 h
    rates = false_rates(run, SETTINGS, (0.5, 0.8, 0.9, 0.99))
    assert rates.hours == pytest.approx(0.1)
    assert rates.counted == {"yes": (3, 1, 1, 0), "no": (1, 0, 0, 0), "stop": (0, 0, 0, 0)}
    assert rates.expected["yes"][:3] == pytest.approx((30.0, 10.0, 10.0))


def test_beyond_what_occurred_rates_fall_but_never_to_zero() -> None:
    run = room(360.0, yes={30: 0.7, 60: 0.7, 90: 0.9})
    expected = false_rates(run, SETTINGS, (0.8, 0.95, 0.99, 0.999)).expected["yes"]
    assert all(a > b > 0 for a, b in pairwise(expected))
    assert expected[0] == pytest.approx(10.0)


def test_the_tail_follows_an_exponential_of_log_odds() -> None:
    # One peak a second for 1,000 s, their log odds exponential with scale 1 above -3: the k-th highest of n is near
    # ln(n / k) - 3, so that log odds x are passed n exp(-(x + 3)) times; 6, above all of them, 1000 e^-9 = 0.12 times.
    n = 1000
    log_odds = np.log(n / (np.arange(n) + 0.5)) - 3.0
    order = np.random.default_rng(0).permutation(n)
    scores = 1 / (1 + np.exp(-log_odds[order]))
    run = room(n + 1.0, stop={i + 0.5: float(score) for i, score in enumerate(scores)})
    threshold = 1 / (1 + math.exp(-6.0))
    assert log_odds.max() < 6.0
    expected = false_rates(run, SETTINGS, (threshold,)).expected["stop"][0]
    truth = n * math.exp(-9.0) / run.seconds * 3600
    assert truth / 3 < expected < truth * 3


def test_talk_that_seldom_stands_alone_is_expected_to_fire_seldom() -> None:
    # Nineteen peaks, but the refractory time of a minute lets only some fire: the tail shrinks by (1 + fired) / 20.
    run = room(100.0, yes={5.0 * i + 2: 0.9 for i in range(19)})
    often = false_rates(run, SETTINGS, (0.5, 0.99))
    seldom = false_rates(run, replace(SETTINGS, refractory_seconds=60.0), (0.5, 0.99))
    assert (often.counted["yes"][0], seldom.counted["yes"][0]) == (19, 2)
    assert seldom.expected["yes"][1] == pytest.approx(often.expected["yes"][1] * 3 / 20)


@pytest.mark.twin("test_false_accepts_are_counted_with_the_decision_that_runs_live")
def test_where_the_gate_never_opens_nothing_is_expected() -> None:
    run = replace(room(60.0), gate_open=np.zeros(750, np.bool_), posteriors=np.zeros((0, len(LABELS)), np.float32))
    assert set(false_rates(run, SETTINGS, (0.5,)).expected.values()) == {(0.0,)}


def test_the_limit_is_the_same_for_all_and_what_one_leaves_the_others_get() -> None:
    # Per hour at 0.5, 0.7, 0.9: "yes" never fires, "no" and "stop" do. Budget 5: the limit 3 lets "no" stay at 0.7
    # (3) and sends "stop" to 0.9 (1), together 4; the next limit, 4, would give "no" 0.7 and "stop" 0.7: 3 + 4 = 7.
    rates = FalseRates(
        (0.5, 0.7, 0.9),
        dict.fromkeys(KEYWORDS, (0, 0, 0)),
        {"yes": (0.0, 0.0, 0.0), "no": (6.0, 3.0, 0.0), "stop": (8.0, 4.0, 1.0)},
        hours=10.0,
    )
    quiet = room(60.0)
    chosen = plan(quiet, rates, SETTINGS, 5.0)
    assert dict(chosen.thresholds) == {"yes": 0.5, "no": 0.7, "stop": 0.9}
    assert chosen.expected_per_hour == 4.0
    # Budget 2.5: the limit 1 lets "stop" stay and sends "no" to 0.9. Budget 8: the limit 6 would give 6 + 4, the next
    # one, 4, gives 3 + 4.
    assert dict(plan(quiet, rates, SETTINGS, 2.5).thresholds) == {"yes": 0.5, "no": 0.9, "stop": 0.9}
    assert dict(plan(quiet, rates, SETTINGS, 8.0).thresholds) == {"yes": 0.5, "no": 0.7, "stop": 0.7}


def test_a_long_recording_supports_the_budget_and_frees_the_thresholds() -> None:
    run = room(60.0)
    rates = replace(false_rates(run, SETTINGS, (0.3, 0.6, 0.9)), hours=10.0)  # none in 10 hours: at most 0.37 an hour
    chosen = plan(run, rates, SETTINGS, 0.5)
    assert chosen.supported
    assert "so 0.5/h is met" in chosen.claim()
    assert set(chosen.thresholds.values()) == {0.3}  # below the model's 0.6


def test_a_short_recording_claims_nothing_and_lowers_nothing() -> None:
    run = room(60.0)
    chosen = plan(run, false_rates(run, SETTINGS, (0.3, 0.6, 0.9)), SETTINGS, 0.5)
    assert not chosen.supported
    assert set(chosen.thresholds.values()) == {0.6}
    # 3.69 / 0.5 = 7.4 hours without one would show it.
    assert "too little audio to claim 0.5/h, which takes 7.4 hours without one" in chosen.claim()


def test_a_budget_that_nothing_keeps_is_told() -> None:
    run = room(60.0)
    rates = FalseRates((0.5, 0.9), dict.fromkeys(KEYWORDS, (0, 0)), dict.fromkeys(KEYWORDS, (9.0, 4.0)), 1 / 60)
    chosen = plan(run, rates, SETTINGS, 1.0)
    assert set(chosen.thresholds.values()) == {0.9}
    assert "No thresholds meet 1/h here: the strictest allow about 12/h" in chosen.claim()  # 3 words, 4/h each


def test_a_smaller_budget_never_lowers_a_threshold() -> None:
    rng = np.random.default_rng(1)
    peaks = {word: {float(at): float(rng.uniform(0.3, 0.99)) for at in range(5, 200, 7)} for word in KEYWORDS}
    run = room(200.0, **peaks)
    rates = false_rates(run, SETTINGS)
    plans = [plan(run, rates, SETTINGS, budget) for budget in (900.0, 300.0, 60.0, 1.5)]
    for loose, strict in pairwise(plans):
        assert all(strict.thresholds[word] >= loose.thresholds[word] for word in KEYWORDS)
        assert strict.expected_per_hour <= loose.expected_per_hour
    strictest = rates.thresholds[-1]
    for one in plans:  # where nothing keeps the budget, the strictest there are
        assert one.expected_per_hour <= one.budget_per_hour or set(one.thresholds.values()) == {strictest}
    assert plans[0].expected_per_hour <= plans[0].budget_per_hour
    assert [one.observed.count for one in plans] == sorted((one.observed.count for one in plans), reverse=True)


def test_misses_are_those_of_the_takes_at_the_new_thresholds() -> None:
    takes = room(30.0, yes={2: 0.95, 12: 0.7}, no={22: 0.95})
    labels = (Label(1.5, 2.0, "yes"), Label(11.5, 12.0, "yes"), Label(21.5, 22.0, "no"))
    noisy = room(360.0, yes={30: 0.8, 60: 0.8, 90: 0.8})
    rates = FalseRates((0.6, 0.9), dict.fromkeys(KEYWORDS, (0, 0)), {
        "yes": (30.0, 0.0), "no": (0.0, 0.0), "stop": (0.0, 0.0),
    }, 0.1)  # fmt: skip
    chosen = plan(noisy, rates, SETTINGS, 1.0, LabelledRun(takes, labels))
    assert chosen.thresholds["yes"] == 0.9
    assert chosen.missed == {"yes": Share(1, 2), "no": Share(0, 1)}
    assert chosen.all_missed == Share(1, 3)


def test_seconds_of_a_room_are_too_few() -> None:
    with pytest.raises(DatasetError, match=r"9.0 s of the room are not enough"):
        false_rates(room(9.0), SETTINGS)
