"""From blocks of any rate and channel count to the ring buffer."""

import numpy as np
import soxr
from hypothesis import given
from hypothesis import strategies as st

from kws_live.audio import SAMPLE_RATE_HZ
from kws_live.intake import TAIL_SECONDS, Intake, pieces
from kws_live.ring_buffer import RingBuffer

STEREO = np.random.default_rng(2).normal(0, 0.1, (20_000, 2)).astype(np.float32)


@given(st.lists(st.integers(1, 4000), max_size=10))
def test_the_ring_holds_the_resampled_mean_of_the_channels_and_then_silence(cuts: list[int]) -> None:
    ring = RingBuffer(10 * SAMPLE_RATE_HZ)
    intake = Intake(ring, 48_000)
    for block in np.split(STEREO, np.minimum(np.cumsum(cuts), len(STEREO))) if cuts else [STEREO]:
        intake.take(block)
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
