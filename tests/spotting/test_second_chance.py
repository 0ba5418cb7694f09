"""A word that was nearly spotted needs less for a while, and no other does."""

from typing import Any

import pytest

from kws_live.events import Detection, NearMiss
from tests.fakes import Hops, decision_settings

MISSED = 0.5
"""A score below the threshold of 0.6, and over 0.8 of it."""


def nearly_spotted(**settings: Any) -> Hops:
    """A word that came near its threshold has just been told."""
    chance: dict[str, Any] = {"second_chance_seconds": 4.0, "second_chance": 0.8}
    hops = Hops(decision_settings(**{**chance, **settings}))
    hops.feed(50, gate_open=False)
    hops.feed(3, loud=True, yes=MISSED)
    hops.feed(1)
    assert [type(event) for event in hops.events] == [NearMiss]
    return hops


def fired(hops: Hops, n_hops: int = 3, **scores: Any) -> list[str]:
    """What fires on a sound with these scores, and a second of quiet."""
    events = [*hops.feed(n_hops, loud=True, **scores), *hops.feed(13)]
    return [event.keyword for event in events if isinstance(event, Detection)]


@pytest.mark.parametrize(
    ("settings", "words"),
    [({}, ["yes"]), ({"second_chance_seconds": 0.0}, []), ({"second_chance": 1.0}, []), ({"second_chance": 0.85}, [])],
    ids=str,
)
def test_after_a_near_miss_the_share_of_the_threshold_is_enough(settings: dict[str, Any], words: list[str]) -> None:
    assert fired(nearly_spotted(**settings), yes=MISSED) == words


@pytest.mark.parametrize(("n_hops", "words"), [(49, ["yes"]), (50, [])])
def test_a_second_chance_ends_after_its_seconds(n_hops: int, words: list[str]) -> None:
    hops = nearly_spotted()
    hops.feed(n_hops)  # 4 s are 50 hops
    assert fired(hops, n_hops=1, yes=MISSED) == words


def test_a_second_chance_is_that_of_its_word() -> None:
    assert fired(nearly_spotted(), no=MISSED) == []
    assert fired(nearly_spotted(), yes=MISSED) == ["yes"]


def test_a_second_chance_is_used_up_by_the_word_that_fires() -> None:
    hops = nearly_spotted()
    assert fired(hops, yes=MISSED) == ["yes"]
    assert fired(hops, yes=MISSED) == []


def test_a_gap_ends_a_second_chance() -> None:
    hops = nearly_spotted()
    hops.decider.reset()
    assert fired(hops, yes=MISSED) == []
    assert fired(nearly_spotted(), yes=MISSED) == ["yes"]


def test_evidence_is_counted_from_the_lower_threshold() -> None:
    # A score of 0.65 has log odds of 0.62, the threshold of 0.6 has 0.41 and that of 0.48 has -0.08.
    command: dict[str, Any] = {"mode": "command", "evidence": 2.0}
    assert fired(nearly_spotted(**command), n_hops=5, yes=0.65) == ["yes"]
    assert fired(nearly_spotted(**command, second_chance_seconds=0.0), n_hops=5, yes=0.65) == []


@pytest.mark.parametrize(("n_quiet", "words"), [(47, ["yes"]), (50, [])])
def test_a_word_that_waits_for_its_pause_keeps_its_second_chance(n_quiet: int, words: list[str]) -> None:
    hops = nearly_spotted(mode="command", evidence=0.5)
    hops.feed(n_quiet)
    events = hops.feed(3, loud=True, yes=0.55)
    assert events == []
    margins = [event.margin for event in hops.feed(8) if isinstance(event, Detection)]
    assert margins == [pytest.approx(0.55 - 0.48) for _ in words]


@pytest.mark.parametrize(("played", "words"), [({"yes": 0.6}, []), ({}, ["yes"])], ids=str)
def test_a_word_that_the_machine_played_has_no_second_chance(played: dict[str, float], words: list[str]) -> None:
    hops = nearly_spotted()
    hops.feed(60)  # the chance is over
    hops.play(**played)
    assert fired(hops, yes=0.9 if played else MISSED) == []
    hops.play()
    assert fired(hops, yes=MISSED) == words
