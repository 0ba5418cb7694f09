import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kws_live.audio import Samples
from kws_live.evaluation.word_bounds import find_word
from tests.evaluation.tone_model import tone

RATE_HZ = 16_000


def clip(*parts: tuple[float, float], seconds: float = 1.0, noise: float = 1e-3) -> Samples:
    """A clip with a tone from each begin to each end."""
    samples = np.random.default_rng(0).normal(0, noise, round(seconds * RATE_HZ)).astype(np.float32)
    for begin, end in parts:
        sound = tone("yes", end - begin, RATE_HZ)
        samples[round(begin * RATE_HZ) : round(begin * RATE_HZ) + sound.size] += sound
    return samples


def seconds_of(samples: Samples) -> tuple[float, float]:
    begin, end = find_word(samples, RATE_HZ)
    return begin / RATE_HZ, end / RATE_HZ


@pytest.mark.parametrize("noise", [1e-3, 1e-2])
def test_a_word_is_found_to_a_hundredth_of_a_second(noise: float) -> None:
    assert seconds_of(clip((0.31, 0.74), noise=noise)) == pytest.approx((0.31, 0.74), abs=0.0101)


def test_a_closure_within_a_word_belongs_to_it() -> None:
    assert seconds_of(clip((0.2, 0.5), (0.62, 0.7))) == pytest.approx((0.2, 0.7), abs=0.0101)


def test_a_click_far_from_the_word_does_not() -> None:
    assert seconds_of(clip((0.05, 0.07), (0.4, 0.8))) == pytest.approx((0.4, 0.8), abs=0.0101)


def test_digital_silence_around_a_recording_is_no_floor() -> None:
    padded = np.concatenate((np.zeros(4000, np.float32), clip((0.3, 0.6), noise=1e-2), np.zeros(4000, np.float32)))
    assert seconds_of(padded) == pytest.approx((0.55, 0.85), abs=0.0101)


@given(st.integers(1, 3000), st.floats(1e-6, 1.0), st.integers(0, 1000))
def test_there_is_always_a_word_within_the_clip(n_samples: int, level: float, seed: int) -> None:
    samples = (np.random.default_rng(seed).normal(0, level, n_samples)).astype(np.float32)
    begin, end = find_word(samples, RATE_HZ)
    assert 0 <= begin < end <= n_samples
