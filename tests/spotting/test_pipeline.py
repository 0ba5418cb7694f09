"""The pipeline: the same events for every cutting, no window across a gap, settings from the next hop."""

import itertools
from collections.abc import Iterator

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from kws_live.audio import SAMPLE_RATE_HZ, SPEECH_RATE_HZ, Samples
from kws_live.detection import make_pipeline, make_settings
from kws_live.events import AudioSkipped, Detection, Event, SpeechEnded, SpeechStarted
from kws_live.live.live_settings import LiveSettings
from kws_live.model import Model
from kws_live.spotting.pipeline import HOP_SAMPLES, Pipeline
from kws_live.spotting.speech_gate import OpenGate
from kws_live.spotting.verdict import Heard
from kws_live.stream.ring_buffer import RingBuffer
from tests.fakes import decision_settings, run_blocks, tone_pipeline, tone_posteriors, tone_words

TALK = tone_words([("yes", 1.0), ("no", 2.5), ("_unknown_", 3.6), ("stop", 4.8), ("stop", 5.8)], 7.5)


def detections(events: list[Event]) -> list[str]:
    return [event.keyword for event in events if isinstance(event, Detection)]


def cut(audio: Samples, sizes: list[int]) -> Iterator[Samples]:
    start = 0
    for size in itertools.cycle(sizes):
        if start >= audio.size:
            return
        yield audio[start : start + size]
        start += size


@pytest.mark.parametrize("mode", ["command", "spotting"])
def test_it_spots_the_words_in_order_where_they_are(mode: str) -> None:
    events = run_blocks(tone_pipeline(LiveSettings(decision_settings(mode=mode))), cut(TALK, [1024]))
    found = [event for event in events if isinstance(event, Detection)]
    assert [event.keyword for event in found] == ["yes", "no", "stop", "stop"]
    for event, at in zip(found, (1.0, 2.5, 4.8, 5.8), strict=True):
        assert at + 0.1 < event.seconds < at + 1.2  # the window that heard it best
        assert event.source == "test"
        assert event.decided_position % HOP_SAMPLES == 0


@pytest.fixture(scope="module")
def reference() -> list[Event]:
    return run_blocks(tone_pipeline(open_gate=False), cut(TALK, [HOP_SAMPLES]))


@pytest.mark.slow
@settings(max_examples=15)
@given(sizes=st.lists(st.integers(1, 60_000), min_size=1, max_size=5).filter(lambda sizes: sum(sizes) > 100))
def test_events_do_not_depend_on_how_the_audio_is_cut(reference: list[Event], sizes: list[int]) -> None:
    assert detections(reference) == ["yes", "no", "stop", "stop"]
    assert run_blocks(tone_pipeline(open_gate=False), cut(TALK, sizes)) == reference


@pytest.fixture(scope="module")
def real_reference(commands_model: Model, demo_audio: Samples) -> list[Event]:
    return run_real(commands_model, demo_audio, [HOP_SAMPLES])


def run_real(model: Model, audio: Samples, sizes: list[int]) -> list[Event]:
    return run_blocks(make_pipeline(model, make_settings(model)), cut(audio, sizes))


@pytest.mark.slow
@settings(max_examples=6)
@given(sizes=st.lists(st.integers(200, 40_000), min_size=1, max_size=4))
def test_real_speech_through_the_real_network_does_not_depend_on_the_cutting_either(
    commands_model: Model, demo_audio: Samples, real_reference: list[Event], sizes: list[int]
) -> None:
    assert len(real_reference) > 5
    assert run_real(commands_model, demo_audio, sizes) == real_reference


def record_windows(audio_blocks: list[Samples | int]) -> tuple[list[Samples], list[Event]]:
    """Every window the network saw; a number among the blocks is a gap of that length."""
    windows: list[Samples] = []
    events: list[Event] = []

    def score(window: Samples) -> NDArray[np.float32]:
        windows.append(window.copy())
        return tone_posteriors(window)

    pipeline, ring = tone_pipeline(score=score), RingBuffer(10 * SAMPLE_RATE_HZ)
    for block in audio_blocks:
        if isinstance(block, int):
            ring.skip(block)
        else:
            ring.write(block)
        for step in pipeline.steps(ring):
            events += step.events
    return windows, events


def test_every_window_is_the_second_before_its_hop_and_silence_before_the_start() -> None:
    ramp = np.linspace(0.01, 0.4, 3 * SAMPLE_RATE_HZ, dtype=np.float32)
    windows, _ = record_windows([ramp])
    n_hop = round(HOP_SAMPLES * SPEECH_RATE_HZ / SAMPLE_RATE_HZ)
    assert {window.size for window in windows} == {SPEECH_RATE_HZ}
    np.testing.assert_array_equal(windows[0][: SPEECH_RATE_HZ - n_hop], 0.0)
    for before, after in itertools.pairwise(windows):
        np.testing.assert_array_equal(before[n_hop:], after[:-n_hop])
    # The ramp tells the time: sample k of the stream at 16 kHz has the ramp's value at k / 16,000 s.
    last_hop = len(windows) * n_hop
    expected = np.interp(np.arange(last_hop - SPEECH_RATE_HZ, last_hop) / SPEECH_RATE_HZ, [0, 3], [0.01, 0.4])
    np.testing.assert_allclose(windows[-1][500:-500], expected[500:-500], atol=1e-3)


def test_a_window_at_the_streams_own_rate_ends_where_its_hop_ends() -> None:
    ramp = np.linspace(0.01, 0.4, 3 * SAMPLE_RATE_HZ, dtype=np.float32)
    windows: list[Samples] = []

    def score(stream: Samples, follows: bool) -> Heard:
        windows.append(stream[:SAMPLE_RATE_HZ].copy())
        return Heard(np.array([1, 0, 0, 0, 0], np.float32))

    pipeline = Pipeline(
        score, SAMPLE_RATE_HZ, ("_silence_", "_unknown_", "yes", "no", "stop"), ("yes", "no", "stop"),
        lambda _mode: OpenGate(), decision_settings,
    )  # fmt: skip
    run_blocks(pipeline, cut(ramp, [3333]))
    padded = np.concatenate((np.zeros(SAMPLE_RATE_HZ, np.float32), ramp))
    for i, window in enumerate(windows):
        end = (i + 1) * HOP_SAMPLES
        np.testing.assert_array_equal(window, padded[end : end + SAMPLE_RATE_HZ])


def test_a_window_follows_the_one_scored_before_it_unless_a_gap_or_a_shut_gate_lies_between() -> None:
    said: list[bool] = []

    def score(stream: Samples, follows: bool) -> Heard:
        said.append(follows)
        return Heard(np.array([1, 0, 0, 0, 0], np.float32))

    class TwoOfThree:
        """Open for two hops, shut for one."""

        def __init__(self) -> None:
            self.reset()

        def reset(self) -> None:
            self.n = 0

        def is_open(self, samples: Samples) -> bool:
            self.n += 1
            return self.n % 3 != 0

    pipeline, ring = (
        Pipeline(
            score, SPEECH_RATE_HZ, ("_silence_", "_unknown_", "yes", "no", "stop"), ("yes", "no", "stop"),
            lambda mode: TwoOfThree(), decision_settings,
        ),
        RingBuffer(10 * SAMPLE_RATE_HZ),
    )  # fmt: skip
    ring.write(np.zeros(2 * SAMPLE_RATE_HZ, np.float32))
    assert sum(step.verdict is not None for step in pipeline.steps(ring)) > 20
    assert said == [i % 2 == 1 for i in range(len(said))]
    said.clear()
    ring.skip(5000)
    ring.write(np.zeros(SAMPLE_RATE_HZ, np.float32))
    for _ in pipeline.steps(ring):
        pass
    assert said[:3] == [False, True, False]


def test_no_window_spans_a_gap() -> None:
    loud = np.full(2 * SAMPLE_RATE_HZ, 0.5, np.float32)
    faint = np.full(2 * SAMPLE_RATE_HZ, -0.1, np.float32)
    windows, events = record_windows([loud, 5000, faint])
    first = next(i for i, window in enumerate(windows) if (window < -0.05).any())
    assert first > 10
    for window in windows[:first]:
        assert window.min() > -0.1
    for window in windows[first:]:
        assert window.max() < 0.1  # nothing of what was before the gap
    (skipped,) = [event for event in events if isinstance(event, AudioSkipped)]
    assert (skipped.n_samples, skipped.position) == (5000, 2 * SAMPLE_RATE_HZ + 5000)


def test_a_word_torn_by_a_gap_does_not_fire_and_one_after_it_does() -> None:
    word = tone_words([("yes", 1.0)], 1.2)  # half of it
    rest = tone_words([("no", 1.5)], 3.0, seed=1)
    _, events = record_windows([word, 2000, tone_words([], 0.5), rest])
    assert detections(events) == ["no"]


def test_a_gap_while_the_gate_is_open_ends_the_speech() -> None:
    ring, pipeline = RingBuffer(10 * SAMPLE_RATE_HZ), tone_pipeline(open_gate=False)
    events: list[Event] = []
    ring.write(tone_words([("yes", 0.5)], 1.2))
    ring.skip(100)
    for step in pipeline.steps(ring):
        events += step.events
    kinds = [type(event) for event in events if not isinstance(event, Detection)]
    assert kinds == [SpeechStarted, SpeechEnded, AudioSkipped]


def test_an_overtaken_pipeline_says_what_it_skipped_and_keeps_up_afterwards() -> None:
    """A detector at half the speed of life, as on a machine much too slow, still scores whole windows."""
    ring, pipeline = RingBuffer(4 * SAMPLE_RATE_HZ), tone_pipeline()
    skipped, lag = [], []
    for block in cut(np.tile(TALK, 8), [2 * HOP_SAMPLES]):
        ring.write(block)
        step = pipeline.step(ring)
        for event in step.events if step else ():
            if isinstance(event, AudioSkipped):
                skipped.append(event.n_samples)
        lag.append(ring.position - pipeline.position)
    assert sum(skipped) == pipeline.counts.samples_skipped > 20 * SAMPLE_RATE_HZ
    assert max(lag) <= 4 * SAMPLE_RATE_HZ + 16 * HOP_SAMPLES  # 8 hops are read at once, at half the speed of life
    assert len(skipped) < pipeline.counts.hops / 20  # seldom and much, so that whole windows lie between


def test_what_was_read_but_not_looked_at_counts_as_skipped() -> None:
    ring, pipeline = RingBuffer(4 * SAMPLE_RATE_HZ), tone_pipeline()
    ring.write(TALK[: 3 * SAMPLE_RATE_HZ])
    assert pipeline.step(ring) is not None
    assert pipeline.position > 2 * HOP_SAMPLES  # it has read ahead
    (skipped,) = pipeline.skip_to(2 * SAMPLE_RATE_HZ).events[-1:]
    assert isinstance(skipped, AudioSkipped)
    # One hop was looked at; of the next one the resampler held back the end.
    assert 0 <= 2 * SAMPLE_RATE_HZ - HOP_SAMPLES - skipped.n_samples <= HOP_SAMPLES
    assert pipeline.counts.samples_skipped == skipped.n_samples


@pytest.mark.slow
def test_the_hop_that_is_due_is_done_when_the_ring_says_so_and_not_before() -> None:
    ring, pipeline = RingBuffer(4 * SAMPLE_RATE_HZ), tone_pipeline()
    n_steps = 0
    for block in cut(TALK[: 3 * SAMPLE_RATE_HZ], [1]):
        ready = ring.position >= pipeline.next_position
        step = pipeline.step(ring) if ready else None
        n_steps += step is not None
        ring.write(block)
    assert n_steps >= 3 * SAMPLE_RATE_HZ // HOP_SAMPLES - 2


def test_settings_take_effect_from_the_next_hop() -> None:
    live = LiveSettings(decision_settings(thresholds={"yes": 1.0, "no": 0.6, "stop": 0.6}))
    pipeline, ring = tone_pipeline(live), RingBuffer(10 * SAMPLE_RATE_HZ)
    ring.write(TALK[: 3 * SAMPLE_RATE_HZ])
    events: list[Event] = []
    changed_at = 0
    for step in pipeline.steps(ring):
        events += step.events
        if step.verdict and not changed_at and step.verdict.scores[0] > 0.9:
            assert not detections(events)
            live.set_threshold("yes", 0.6)
            changed_at = step.verdict.hop.position
    assert next(event.decided_position for event in events if isinstance(event, Detection)) == changed_at + HOP_SAMPLES


def test_the_gates_mode_can_be_changed_and_switched_off() -> None:
    live = LiveSettings(decision_settings(gate_mode=3))
    pipeline, ring = tone_pipeline(live, open_gate=False), RingBuffer(10 * SAMPLE_RATE_HZ)
    ring.write(np.zeros(3 * SAMPLE_RATE_HZ, np.float32))
    opened = []
    for step in pipeline.steps(ring):
        assert step.verdict is not None
        opened.append(step.verdict.hop.gate_open)
        live.change(gate_mode=None if len(opened) >= 10 else 3)
    assert not any(opened[:10])
    assert all(opened[10:])
    assert pipeline.counts.hops == len(opened)
    assert pipeline.counts.hops_scored == len(opened) - 10


def test_a_closed_gate_costs_no_model() -> None:
    def score(window: Samples) -> NDArray[np.float32]:
        raise AssertionError(f"scored in silence: {window}")

    pipeline = tone_pipeline(score=score, open_gate=False)
    assert run_blocks(pipeline, [np.zeros(2 * SAMPLE_RATE_HZ, np.float32)]) == []
    assert pipeline.counts.hops > 20


def test_a_stream_that_begins_far_from_0_gives_the_same_events_later() -> None:
    far, ring_at_0 = 2**31 - 20_000, RingBuffer(10 * SAMPLE_RATE_HZ)
    ring_far = RingBuffer(10 * SAMPLE_RATE_HZ, position=far)
    at_0 = tone_pipeline()
    at_far = Pipeline(
        lambda stream, _: Heard(tone_posteriors(stream[:SPEECH_RATE_HZ])), SPEECH_RATE_HZ,
        ("_silence_", "_unknown_", "yes", "no", "stop"), ("yes", "no", "stop"),
        lambda _mode: OpenGate(), decision_settings, position=far,
    )  # fmt: skip
    ring_at_0.write(TALK)
    ring_far.write(TALK)
    first = [event for step in at_0.steps(ring_at_0) for event in step.events if isinstance(event, Detection)]
    second = [event for step in at_far.steps(ring_far) for event in step.events if isinstance(event, Detection)]
    assert [(e.keyword, e.score, e.position + far) for e in first] == [(e.keyword, e.score, e.position) for e in second]
    assert len(first) == 4
