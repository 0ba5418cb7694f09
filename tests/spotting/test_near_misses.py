"""Which words came near, and for which reason they did not fire."""

import pytest

from kws_live.events import NearMiss
from kws_live.spotting.near_misses import NearMisses
from kws_live.spotting.verdict import Reason, Ruling
from tests.fakes import KEYWORDS, decision_settings

WAITS = Ruling(Reason.TALK_AFTER, final=False)
REFUSED = Ruling(Reason.TALK_BEFORE)


def missed(*rulings: Ruling | None) -> list[NearMiss]:
    """What is told of "yes" that scores 0.9 while these are its rulings, hop after hop, and 0 afterwards."""
    near = NearMisses(KEYWORDS)
    told: list[NearMiss] = []
    for i, ruling in enumerate((*rulings, None)):
        scores = dict.fromkeys(KEYWORDS, 0.0) | {"yes": 0.9 if i < len(rulings) else 0.0}
        waiting = {"yes"} if ruling is not None and not ruling.final else ()
        told += near.step(i, scores, decision_settings(), {} if ruling is None else {"yes": ruling}, waiting)
    return told


@pytest.mark.parametrize(
    ("rulings", "reasons"),
    [
        ((None,), [Reason.BELOW]),
        ((REFUSED,), [Reason.TALK_BEFORE]),
        ((WAITS, REFUSED), [Reason.TALK_BEFORE]),
        ((REFUSED, Ruling(Reason.HELD)), [Reason.TALK_BEFORE]),
        ((REFUSED, Ruling(Reason.BRIEF)), [Reason.TALK_BEFORE]),
        ((Ruling(Reason.BEHIND), Ruling(Reason.HELD)), [Reason.BEHIND]),
        ((Ruling(Reason.GATE_CLOSED), REFUSED), [Reason.TALK_BEFORE]),
        ((Ruling(Reason.FIRED), Ruling(Reason.HELD)), []),
        ((REFUSED, Ruling(Reason.FIRED)), []),
        ((Ruling(Reason.RESTING),), []),
        ((Ruling(Reason.SPACING),), []),
        ((Ruling(Reason.SPENT),), []),
    ],
    ids=str,
)
def test_a_near_miss_has_its_first_reason_and_what_fired_is_none(
    rulings: tuple[Ruling | None, ...], reasons: list[Reason]
) -> None:
    assert [event.reason for event in missed(*rulings)] == [reason.value for reason in reasons]


def test_nothing_is_told_while_a_word_waits() -> None:
    near = NearMisses(KEYWORDS)
    high, low = ({**dict.fromkeys(KEYWORDS, 0.0), "yes": score} for score in (0.9, 0.0))
    assert near.step(0, high, decision_settings(), {"yes": WAITS}, {"yes"}) == []
    assert near.step(1, low, decision_settings(), {"yes": WAITS}, {"yes"}) == []
    (event,) = near.step(2, low, decision_settings(), {"yes": Ruling(Reason.BRIEF)}, ())
    assert (event.reason, event.position) == (Reason.BRIEF.value, 0)
