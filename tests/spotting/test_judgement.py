"""Each rule of the decision on its own, at its limit: one side fires, the other is refused with the numbers."""

import math
from dataclasses import replace
from typing import Any

import pytest

from kws_live.spotting.decision_settings import DecisionSettings
from kws_live.spotting.judgement import Claim, Evidence, judge, refuse
from kws_live.spotting.utterance import Utterance
from kws_live.spotting.verdict import Reason, Ruling
from tests.fakes import decision_settings

FREE = Claim(
    score=0.7, threshold=0.6, listened_to=True, held=False, spent=False, own_seconds=math.inf, any_seconds=math.inf
)


@pytest.mark.parametrize(
    ("changes", "ruling"),
    [
        ({}, None),
        ({"score": 0.6}, None),
        ({"score": 0.59}, Ruling(Reason.BELOW, 0.6, 0.59)),
        ({"listened_to": False}, Ruling(Reason.MASKED)),
        ({"held": True}, Ruling(Reason.HELD, 0.3, 0.7)),
        ({"spent": True}, Ruling(Reason.SPENT)),
        ({"own_seconds": 0.8}, None),
        ({"own_seconds": 0.79}, Ruling(Reason.RESTING, 0.8, 0.79)),
        ({"any_seconds": 0.3}, None),
        ({"any_seconds": 0.29}, Ruling(Reason.SPACING, 0.3, 0.29)),
    ],
    ids=str,
)
def test_a_claim_is_refused_by_one_rule_at_its_limit(changes: dict[str, Any], ruling: Ruling | None) -> None:
    assert refuse(replace(FREE, **changes), decision_settings(release=0.5, refractory_seconds=0.8)) == ruling


def sound(quiet_before: float, talk_before: float, seconds: float, quiet_after: float) -> Utterance:
    return Utterance(quiet_before, talk_before, seconds, quiet_after, level_db=-30.0, room_db=-60.0)


ALONE = Evidence(sound(1.0, 0.0, 0.5, 0.3), is_over=True, gathered=2.0, before=0.0, may_grow=False, waited_seconds=0.5)
COMMAND = decision_settings(
    mode="command", pause_before_seconds=0.4, pause_after_talk_seconds=1.2, pause_after_seconds=0.3, talk_share=0.4,
    longest_word_seconds=1.1, evidence=2.0, evidence_beside_sound=7.0, longest_wait_seconds=1.3,
)  # fmt: skip
FIRED = Ruling(Reason.FIRED, 2.0, 2.0)


def heard(utterance: Utterance | None = ALONE.utterance, **changes: Any) -> Evidence:
    return replace(ALONE, utterance=utterance, **changes)


@pytest.mark.parametrize(
    ("evidence", "ruling"),
    [
        (ALONE, FIRED),
        (heard(sound(0.4, 0.0, 0.5, 0.3)), FIRED),
        (heard(sound(0.38, 0.0, 0.5, 0.3)), Ruling(Reason.TALK_BEFORE, 0.4, 0.38)),
        (heard(sound(1.2, 0.41, 0.5, 0.3)), FIRED),
        (heard(sound(1.18, 0.41, 0.5, 0.3)), Ruling(Reason.TALK_BEFORE, 1.2, 1.18)),
        (heard(sound(1.18, 0.4, 0.5, 0.3)), FIRED),
        (heard(sound(0.0, 0.0, 0.5, 0.3), may_grow=True), Ruling(Reason.TALK_BEFORE, 0.4, 0.0, final=False)),
        (heard(sound(0.0, 0.0, 0.5, 0.3), gathered=7.0), Ruling(Reason.FIRED, 7.0, 7.0)),
        (heard(sound(0.0, 0.0, 0.5, 0.3), gathered=6.9), Ruling(Reason.TALK_BEFORE, 0.4, 0.0)),
        (heard(sound(0.0, 0.0, 0.5, 0.3), gathered=7.0, before=-0.5), Ruling(Reason.TALK_BEFORE, 0.4, 0.0)),
        (heard(sound(1.0, 0.0, 1.1, 0.3)), FIRED),
        (heard(sound(1.0, 0.0, 1.12, 0.3)), Ruling(Reason.TOO_LONG, 1.1, 1.12)),
        (heard(sound(1.0, 0.0, 0.5, 0.28)), Ruling(Reason.TALK_AFTER, 0.3, 0.28, final=False)),
        (heard(sound(1.0, 0.0, 0.5, 0.28), waited_seconds=1.31), Ruling(Reason.TALK_AFTER, 0.3, 0.28)),
        (heard(gathered=1.5, may_grow=True), Ruling(Reason.BRIEF, 2.0, 1.5, final=False)),
        (heard(gathered=1.5), Ruling(Reason.BRIEF, 2.0, 1.5)),
        (heard(gathered=3.0, before=-1.0), FIRED),
        (heard(gathered=3.0, before=-1.5), Ruling(Reason.SPEECH_BEFORE, 2.0, 1.5)),
        (heard(None, gathered=0.0), Ruling(Reason.FIRED)),
        (heard(None, gathered=1.5, is_over=False), Ruling(Reason.BRIEF, 2.0, 1.5)),
        (heard(None, is_over=False), FIRED),
    ],
    ids=str,
)
def test_a_candidate_is_judged_by_one_rule_at_its_limit(evidence: Evidence, ruling: Ruling) -> None:
    assert judge(evidence, COMMAND) == ruling


def test_spotting_mode_asks_for_nothing_around_a_word() -> None:
    spotting: DecisionSettings = replace(COMMAND, mode="spotting")
    assert judge(heard(sound(0.0, 1.0, 3.0, 0.0), gathered=0.0), spotting) == Ruling(Reason.FIRED)
