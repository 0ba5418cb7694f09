"""What other settings would have made of it: the same as if they had been set."""

from dataclasses import replace

import pytest

from kws_live.audio import SAMPLE_RATE_HZ
from kws_live.events import Detection
from kws_live.live.live_settings import LiveSettings
from kws_live.panel.hindsight import Hindsight, compare, replay
from kws_live.spotting.decision_settings import DecisionSettings
from kws_live.spotting.verdict import Verdict
from kws_live.stream.ring_buffer import RingBuffer
from tests.fakes import KEYWORDS, LABELS, decision_settings, tone_pipeline, tone_words

SPOKEN = [("yes", 1.0), ("no", 2.5), ("stop", 4.0), ("yes", 5.0), ("yes", 5.6), ("no", 8.0)]


def heard(settings: DecisionSettings, gap_seconds: float = 7.0) -> tuple[list[Verdict], list[Detection]]:
    """Verdicts and detections of the pipeline on a stream with a gap in the middle."""
    sound = tone_words(SPOKEN, 10.0)
    sound[round(2.4 * SAMPLE_RATE_HZ) : round(3.2 * SAMPLE_RATE_HZ)] *= 0.8  # this one scores lower
    ring = RingBuffer(30 * SAMPLE_RATE_HZ)
    at = round(gap_seconds * SAMPLE_RATE_HZ)
    ring.write(sound[:at])
    ring.skip(12_345)
    ring.write(sound[at:])
    steps = list(tone_pipeline(LiveSettings(settings)).steps(ring))
    verdicts = [step.verdict for step in steps if step.verdict is not None]
    return verdicts, [event for step in steps for event in step.events if isinstance(event, Detection)]


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
    verdicts, _ = heard(settings)
    wanted = replace(settings, **changes)  # type: ignore[arg-type]
    assert told(replay(verdicts, LABELS, KEYWORDS, wanted)) == told(heard(wanted)[1])


def test_a_word_that_a_gap_cut_off_is_forgotten_as_it_was_live() -> None:
    # The first word has just ended and waits for its pause when the sound breaks off.
    settings = decision_settings(mode="command")
    verdicts, happened = heard(settings, gap_seconds=1.5)
    assert told(replay(verdicts, LABELS, KEYWORDS, settings)) == told(happened)
    assert "yes" not in [event.keyword for event in happened if event.seconds < 2.0]
    assert any(not verdict.ruling.final and verdict.hop.position < 1.6 * SAMPLE_RATE_HZ for verdict in verdicts)


def test_the_settings_matter() -> None:
    verdicts, happened = heard(decision_settings())
    strict = replay(verdicts, LABELS, KEYWORDS, decision_settings(thresholds=dict.fromkeys(KEYWORDS, 1.0)))
    assert len(happened) >= 5
    assert strict == []


def detection(word: str, seconds: float) -> Detection:
    position = round(seconds * SAMPLE_RATE_HZ)
    return Detection(keyword=word, score=0.9, position=position, decided_position=position)


def test_what_stayed_went_and_came_is_counted() -> None:
    happened = [detection("yes", 1.0), detection("no", 3.0), detection("yes", 9.0)]
    # 1.3 is the "yes" of 1.0, a little later; "no" is gone; "stop" is new; a "no" at 9.0 is not the "yes" of 9.0.
    replayed = [detection("yes", 1.3), detection("stop", 5.0), detection("no", 9.0)]
    result = compare(happened, replayed, 0, 10 * SAMPLE_RATE_HZ)
    assert result.stayed == (happened[0],)
    assert result.gone == (happened[1], happened[2])
    assert result.come == (replayed[1], replayed[2])
    assert result.per_hour == pytest.approx(3 * 360)  # three in ten seconds


def test_one_detection_stands_for_one_only() -> None:
    result = compare([detection("yes", 1.0)], [detection("yes", 0.8), detection("yes", 1.2)], 0, SAMPLE_RATE_HZ)
    assert (len(result.stayed), len(result.come)) == (1, 1)


def test_what_lies_before_the_time_looked_at_does_not_count() -> None:
    begin = 5 * SAMPLE_RATE_HZ
    result = compare([detection("yes", 4.0)], [detection("yes", 3.0)], begin, 2 * begin)
    assert result == Hindsight((), (), (), 5.0)
