"""What other settings would have made of it: the same as if they had been set, gaps included."""

from dataclasses import replace

import pytest

from kws_live.audio import SAMPLE_RATE_HZ
from kws_live.events import Detection
from kws_live.live.live_settings import LiveSettings
from kws_live.spotting.decision_settings import DecisionSettings
from kws_live.spotting.pipeline import HOP_SAMPLES
from kws_live.spotting.replay import replay
from kws_live.spotting.verdict import Hop
from kws_live.stream.ring_buffer import RingBuffer
from tests.fakes import KEYWORDS, LABELS, decision_settings, tone_pipeline, tone_words

SPOKEN = [("yes", 1.0), ("no", 2.5), ("stop", 4.0), ("yes", 5.0), ("yes", 5.6), ("no", 8.0)]


def heard(settings: DecisionSettings, gap_seconds: float = 7.0) -> tuple[list[Hop], list[Detection]]:
    """Hops and detections of the pipeline on a stream with a gap in the middle."""
    sound = tone_words(SPOKEN, 10.0)
    sound[round(2.4 * SAMPLE_RATE_HZ) : round(3.2 * SAMPLE_RATE_HZ)] *= 0.8  # this one scores lower
    ring = RingBuffer(30 * SAMPLE_RATE_HZ)
    at = round(gap_seconds * SAMPLE_RATE_HZ)
    ring.write(sound[:at])
    ring.skip(12_345)
    ring.write(sound[at:])
    steps = list(tone_pipeline(LiveSettings(settings)).steps(ring))
    hops = [step.verdict.hop for step in steps if step.verdict is not None]
    return hops, [event for step in steps for event in step.events if isinstance(event, Detection)]


def told(events: list[Detection]) -> list[tuple[str, int, float]]:
    return [(event.keyword, event.position, event.score) for event in events]


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"thresholds": {"yes": 0.98, "no": 0.5, "stop": 0.6}},
        {"thresholds": {"yes": 0.3, "no": 0.95, "stop": 0.99}},
        {"mode": "command"},
        {"refractory_seconds": 3.0},
        {"smoothing_hops": 3},
        {"active": frozenset({"no"})},
    ],
    ids=str,
)
def test_a_replay_equals_the_pipeline_run_with_those_settings(changes: dict[str, object]) -> None:
    settings = decision_settings()
    hops, _ = heard(settings)
    wanted = replace(settings, **changes)  # type: ignore[arg-type]
    assert told(replay(hops, LABELS, KEYWORDS, wanted)) == told(heard(wanted)[1])


@pytest.mark.parametrize(("is_gap", "first"), [(True, []), (False, ["yes"])])
def test_a_gap_cuts_a_word_off_in_a_replay_as_it_did_live(is_gap: bool, first: list[str]) -> None:
    """The first word, of 1.0 to 1.4 s, still waits for its pause when the sound breaks off at 1.8 s."""
    settings = decision_settings(mode="command", pause_after_seconds=0.5, evidence_beside_sound=100.0)
    hops, happened = heard(settings, 1.8)
    if is_gap:
        assert told(replay(hops, LABELS, KEYWORDS, settings)) == told(happened)
    else:
        hops = [replace(hop, position=(i + 1) * HOP_SAMPLES) for i, hop in enumerate(hops)]
    again = replay(hops, LABELS, KEYWORDS, settings)
    assert [event.keyword for event in again if event.seconds < 2.0] == first


def test_the_settings_matter() -> None:
    hops, happened = heard(decision_settings())
    strict = replay(hops, LABELS, KEYWORDS, decision_settings(thresholds=dict.fromkeys(KEYWORDS, 1.0)))
    assert len(happened) >= 5
    assert strict == []
