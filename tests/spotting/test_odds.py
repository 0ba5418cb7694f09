"""What a word gathers, hop by hop, in numbers that can be worked out by hand."""

import math

import pytest

from kws_live.spotting.odds import LEAST, Gathered, Odds, log_odds
from tests.fakes import decision_settings

SETTINGS = decision_settings(
    thresholds={"yes": 0.5, "no": 0.8, "stop": 0.5}, hop_evidence=1.5, silence_weight=2.0, silence_before_seconds=0.17
)


def fed(*hops: tuple[float, float | None]) -> Gathered:
    """After hops with these posteriors of "yes" and of silence."""
    odds = Odds(("yes", "no"))
    for yes, silence in hops:
        odds.step({"yes": yes, "no": 0.0}, silence, SETTINGS)
    return odds.of("yes")


def test_log_odds_end_where_certainty_begins() -> None:
    assert log_odds(0.5) == 0.0
    assert log_odds(0.75) == pytest.approx(math.log(3))
    assert log_odds(1.0) == pytest.approx(-log_odds(0.0)) == pytest.approx(math.log((1 - LEAST) / LEAST))


def test_a_hop_adds_its_odds_over_the_threshold_and_no_more_than_one_hop_may() -> None:
    assert fed((0.75, 0.0)).now == pytest.approx(math.log(3))
    assert fed((0.75, 0.0), (0.99, 0.0)).now == pytest.approx(math.log(3) + 1.5)
    odds = Odds(("yes", "no"))
    odds.step({"yes": 0.0, "no": 0.9}, 0.0, SETTINGS)
    assert odds.of("no").now == pytest.approx(math.log(9 / 4))  # 0.9 is 9 to 1, its threshold of 0.8 is 4 to 1


def test_a_fall_takes_away_and_the_most_stays() -> None:
    gathered = fed((0.75, 0.0), (0.75, 0.0), (0.4, 0.0))
    assert gathered.now == pytest.approx(2 * math.log(3) - math.log(1.5))
    assert gathered.most == pytest.approx(2 * math.log(3))
    gone = fed((0.75, 0.0), (0.01, 0.0), (0.01, 0.0))
    assert gone.now == 0.0
    assert gone.most == pytest.approx(math.log(3))
    assert fed((0.75, 0.0), (0.01, 0.0), (0.6, 0.0)).most == pytest.approx(math.log(1.5))  # begun again


@pytest.mark.parametrize(
    ("before", "taken"),
    [
        ((), 0.0),  # nothing is known
        ((None, None), 0.0),  # the network knows no silence
        ((0.9,), 0.0),
        ((0.25,), 2 * math.log(3)),
        ((0.9, 0.25), 0.0),  # of two hops the stiller one counts
        ((0.9, 0.25, 0.25), 2 * math.log(3)),  # and no older one
    ],
)
def test_speech_before_a_word_takes_away(before: tuple[float | None, ...], taken: float) -> None:
    assert fed(*((0.0, silence) for silence in before), (0.75, 0.0)).before == pytest.approx(-taken)


def test_a_gap_forgets_what_was_gathered_and_what_came_before() -> None:
    odds = Odds(("yes", "no"))
    odds.step({"yes": 0.9, "no": 0.0}, 0.1, SETTINGS)
    odds.reset()
    assert odds.of("yes") == Gathered()
    odds.step({"yes": 0.75, "no": 0.0}, 0.1, SETTINGS)
    assert odds.of("yes").before == 0.0
