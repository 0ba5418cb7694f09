import math
from itertools import product

import numpy as np
import pytest

from kws_live.evaluation.intervals import PairedDifference, PairedRateDifference, Rate, Share


@pytest.mark.parametrize(
    ("count", "n", "low", "high"),
    # R. Newcombe, "Two-sided confidence intervals for the single proportion", Statistics in Medicine 17, 1998, table I,
    # method 3.
    [(81, 263, 0.2553, 0.3662), (15, 148, 0.0624, 0.1605), (0, 20, 0.0, 0.1611), (1, 29, 0.0061, 0.1718)],
)
def test_the_interval_of_a_share_is_wilsons(count: int, n: int, low: float, high: float) -> None:
    assert Share(count, n).interval == pytest.approx((low, high), abs=5e-5)
    mirrored = Share(n - count, n).interval
    assert mirrored == pytest.approx((1 - high, 1 - low), abs=5e-5)


def test_a_share_of_nothing_claims_nothing() -> None:
    assert math.isnan(Share(0, 0).value)
    assert Share(0, 0).interval == (0.0, 1.0)
    assert str(Share(0, 0)) == "none to measure"
    assert Share(0, 0).to_dict()["value"] is None


def poisson_at_most(count: int, mean: float) -> float:
    return sum(math.exp(-mean) * mean**i / math.factorial(i) for i in range(count + 1))


@pytest.mark.parametrize("count", [0, 1, 2, 10, 50])
def test_the_interval_of_a_rate_is_exact(count: int) -> None:
    # By definition: at the high end so few events have probability 2.5 %, at the low end so many.
    low, high = Rate(count, 1.0).interval
    assert poisson_at_most(count, high) == pytest.approx(0.025, abs=1e-9)
    assert low == 0.0 if count == 0 else 1 - poisson_at_most(count - 1, low) == pytest.approx(0.025, abs=1e-9)


def test_a_rate_is_per_hour() -> None:
    # 3 events in a quarter of an hour are 12 per hour; no event in an hour may still be 3.69 (= -ln 0.025).
    assert Rate(3, 0.25).per_hour == 12.0
    assert Rate(0, 1.0).interval == pytest.approx((0.0, -math.log(0.025)))
    assert Rate(0, 2.0).interval[1] == pytest.approx(-math.log(0.025) / 2)
    assert Rate(0, 0.0).interval == (0.0, math.inf)
    assert Rate(1, 0.5) + Rate(2, 1.0) == Rate(3, 1.5)


def test_less_than_an_hour_is_shown_as_what_was_counted_and_the_interval() -> None:
    assert str(Rate(2, 1 / 30)) == "2 in 2.0 min [7.27, 216.74]/h"
    assert str(Rate(2, 2.0)) == "1.00/h [0.12, 3.61] (2 in 2.00 h)"


def test_mcnemars_test_is_exact() -> None:
    # 10 against 3: twice the chance of at most 3 heads in 13 throws = 2 (1 + 13 + 78 + 286) / 8192.
    assert PairedDifference(3, 10, 100).p_value == pytest.approx(2 * (1 + 13 + 78 + 286) / 8192)
    assert PairedDifference(4, 4, 100).p_value == 1.0
    assert PairedDifference(0, 0, 100).p_value == 1.0


def test_a_paired_difference_has_the_sign_of_the_second_and_swaps_with_it() -> None:
    difference = PairedDifference(only_first=3, only_second=10, n=100)
    assert difference.value == pytest.approx(0.07)
    low, high = difference.interval
    assert low < 0.07 < high
    assert PairedDifference(10, 3, 100).interval == pytest.approx((-high, -low))


def test_no_disagreement_still_leaves_room_for_some() -> None:
    # None of 100 pairs disagreed; Wilson's upper limit of 0 of 100 on either side, as two independent parts.
    bound = Share(0, 100).interval[1]
    assert PairedDifference(0, 0, 100).interval == pytest.approx((-bound, bound))


def test_the_interval_of_a_paired_difference_covers_the_truth_19_times_of_20() -> None:
    rng = np.random.default_rng(1)
    for n, (first, second) in product((60, 400), ((0.02, 0.05), (0.1, 0.1), (0.0, 0.08))):
        draws = rng.multinomial(n, (first, second, 1 - first - second), size=1500)
        covered = 0
        for only_first, only_second, _ in draws.tolist():
            low, high = PairedDifference(only_first, only_second, n).interval
            covered += low <= second - first <= high
        assert covered / 1500 > 0.92, (n, first, second)


def test_the_interval_of_a_rate_difference_covers_the_truth_19_times_of_20() -> None:
    rng = np.random.default_rng(2)
    for first, second in ((3.0, 3.0), (0.5, 6.0)):
        draws = rng.poisson((first * 2.0, second * 2.0), size=(400, 2))
        intervals = [PairedRateDifference(a, b, 2.0).interval for a, b in draws.tolist()]
        covered = sum(low <= second - first <= high for low, high in intervals)
        assert covered / 400 > 0.93
    assert PairedRateDifference(2, 7, 2.0).value == 2.5  # (7 - 2) events in 2 hours
