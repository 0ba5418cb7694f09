"""From blocks of any rate and channel count to the ring buffer."""

import numpy as np
import pytest
import soxr
from hypothesis import given
from hypothesis import strategies as st

from kws_live.audio import SAMPLE_RATE_HZ
from kws_live.stream.intake import TAIL_SECONDS, Intake, pieces
from kws_live.stream.ring_buffer import RingBuffer

STEREO = np.random.default_rng(2).normal(0, 0.1, (20_000, 2)).astype(np.float32)


@given(st.lists(st.integers(1, 4000), max_size=10))
def test_the_ring_holds_the_resampled_mean_of_the_channels_and_then_silence(cuts: list[int]) -> None:
    ring = RingBuffer(10 * SAMPLE_RATE_HZ)
    intake = Intake(ring, 48_000)
    for block in np.split(STEREO, np.minimum(np.cumsum(cuts), len(STEREO))) if cuts else [STEREO]:
        intake.feed(block)
    intake.finish()
    expected = soxr.resample(STEREO.mean(axis=1), 48_000, SAMPLE_RATE_HZ, quality="HQ")
    n_tail = round(TAIL_SECONDS * SAMPLE_RATE_HZ)
    assert ring.closed
    assert abs(ring.position - n_tail - expected.size) <= 1
    got = ring.read(0, ring.position)
    assert got is not None
    np.testing.assert_allclose(got[: expected.size], expected[: got.size], atol=1e-6)
    assert not got[-n_tail:].any()


@given(st.integers(0, 5000), st.integers(1, 3000))
def test_pieces_are_the_block_in_parts_of_at_most_a_second(n_samples: int, rate_hz: int) -> None:
    block = np.arange(n_samples, dtype=np.float32)[:, np.newaxis]
    parts = list(pieces(block, rate_hz))
    assert all(0 < len(part) <= rate_hz for part in parts)
    np.testing.assert_array_equal(np.concatenate([np.zeros((0, 1)), *parts]), block)


def intake_of(arrivals: list[tuple[float, float]], is_live: bool) -> RingBuffer:
    """What a ring buffer holds of blocks at 22,050 Hz, given as their length and when they came, in seconds."""
    ring = RingBuffer(60 * SAMPLE_RATE_HZ)
    intake = Intake(ring, SAMPLE_RATE_HZ, is_live)
    for seconds, arrived in arrivals:
        intake.feed(np.zeros((round(seconds * SAMPLE_RATE_HZ), 1), np.float32), arrived)
    intake.flush()
    return ring


def steadily(n_blocks: int, begin: float) -> list[tuple[float, float]]:
    return [(0.1, begin + 0.1 * (k + 1)) for k in range(n_blocks)]


@pytest.mark.parametrize(("is_live", "seconds"), [(True, 25.0), (False, 5.0)])
def test_positions_of_what_is_live_keep_to_the_clock_over_a_pause(is_live: bool, seconds: float) -> None:
    ring = intake_of([*steadily(20, 100.0), *steadily(30, 122.0)], is_live)
    assert ring.position / SAMPLE_RATE_HZ == pytest.approx(seconds, abs=0.01)


def test_what_is_held_up_and_then_handed_over_at_once_is_no_gap() -> None:
    held_up = [(0.1, 105.0 + 0.001 * k) for k in range(30)]  # of 102 to 105
    ring = intake_of([*steadily(20, 100.0), *held_up, *steadily(20, 105.0)], is_live=True)
    assert ring.position / SAMPLE_RATE_HZ == pytest.approx(7.0, abs=0.01)
    assert ring.read(0, ring.position) is not None


def test_a_sound_that_was_held_up_is_as_old_as_its_place_in_the_stream_says() -> None:
    held_up = [(0.1, 105.0 + 0.001 * k) for k in range(30)]
    ring = intake_of([*steadily(20, 100.0), *held_up], is_live=True)
    assert ring.heard_at(round(2.5 * SAMPLE_RATE_HZ)) == pytest.approx(102.5, abs=0.2)


def test_a_sound_in_the_middle_of_a_long_block_is_older_than_its_end() -> None:
    ring = intake_of([(1.0, 101.0), (1.0, 102.0)], is_live=True)
    assert ring.heard_at(round(1.1 * SAMPLE_RATE_HZ)) == pytest.approx(101.1, abs=0.01)


def test_a_sound_at_the_end_of_a_source_is_no_older_for_the_silence_after_it() -> None:
    ring = RingBuffer(60 * SAMPLE_RATE_HZ)
    intake = Intake(ring, SAMPLE_RATE_HZ, is_live=True)
    intake.feed(np.zeros((SAMPLE_RATE_HZ, 1), np.float32), 101.0)
    intake.finish()
    assert ring.heard_at(SAMPLE_RATE_HZ) == pytest.approx(101.0, abs=0.01)


def test_a_sound_after_a_gap_is_as_old_as_the_clock_says() -> None:
    ring = intake_of([*steadily(20, 100.0), *steadily(30, 122.0)], is_live=True)
    assert ring.heard_at(round(24.0 * SAMPLE_RATE_HZ)) == pytest.approx(124.0, abs=0.2)


def test_a_gap_that_the_source_tells_of_is_left_once() -> None:
    ring = RingBuffer(60 * SAMPLE_RATE_HZ)
    intake = Intake(ring, SAMPLE_RATE_HZ, is_live=True)
    for seconds, arrived in steadily(20, 100.0):
        intake.feed(np.zeros((round(seconds * SAMPLE_RATE_HZ), 1), np.float32), arrived)
    intake.leave_gap(20.0)
    for seconds, arrived in steadily(30, 122.0):
        intake.feed(np.zeros((round(seconds * SAMPLE_RATE_HZ), 1), np.float32), arrived)
    intake.flush()
    assert ring.position / SAMPLE_RATE_HZ == pytest.approx(25.0, abs=0.01)


def test_a_recording_that_is_read_faster_than_it_was_spoken_has_no_time() -> None:
    in_real_time = intake_of(steadily(50, 100.0), is_live=False)
    assert in_real_time.heard_at(SAMPLE_RATE_HZ) == pytest.approx(101.0, abs=0.2)
    faster = intake_of([(0.1, 100.0 + 0.001 * k) for k in range(50)], is_live=False)
    assert faster.heard_at(4 * SAMPLE_RATE_HZ) is None


def test_audio_after_a_stall_is_written_although_nothing_comes_after_it() -> None:
    ring = RingBuffer(60 * SAMPLE_RATE_HZ)
    intake = Intake(ring, SAMPLE_RATE_HZ, is_live=True)
    second, nothing = np.zeros((SAMPLE_RATE_HZ, 1), np.float32), np.zeros((0, 1), np.float32)
    for arrived in (1.0, 2.0, 8.0):
        intake.feed(second, arrived)
    intake.feed(nothing, 8.25)
    assert ring.position < 3 * SAMPLE_RATE_HZ
    intake.feed(nothing, 9.0)
    assert ring.position / SAMPLE_RATE_HZ == pytest.approx(8.0, abs=0.1)
    assert ring.n_unread > 2.9 * SAMPLE_RATE_HZ
