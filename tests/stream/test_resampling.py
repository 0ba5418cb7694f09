"""The resampler: independent of blocks, right in length, level and alignment."""

import numpy as np
import pytest
import soxr
from hypothesis import given
from hypothesis import strategies as st

from kws_live.audio import Samples
from kws_live.stream.resampling import Quality, Resampler

SIGNAL = np.random.default_rng(1).normal(0, 0.1, 30_000).astype(np.float32)


def resample(blocks: list[Samples], from_hz: int, to_hz: int, quality: Quality = "HQ") -> Samples:
    resampler = Resampler(from_hz, to_hz, quality)
    return np.concatenate([*(resampler.process(block) for block in blocks), resampler.finish()])


@given(
    st.lists(st.integers(0, 5000), max_size=12),
    st.sampled_from([(48_000, 22_050), (44_100, 22_050), (16_000, 22_050), (22_050, 16_000), (8_000, 22_050)]),
    st.sampled_from(["HQ", "LQ"]),
)
def test_the_output_does_not_depend_on_how_the_input_is_cut(
    cuts: list[int], rates: tuple[int, int], quality: Quality
) -> None:
    pieces = np.split(SIGNAL, np.minimum(np.cumsum(cuts), SIGNAL.size)) if cuts else [SIGNAL]
    np.testing.assert_array_equal(resample(pieces, *rates, quality), resample([SIGNAL], *rates, quality))


@pytest.mark.parametrize("rate_hz", [8_000, 11_025, 16_000, 44_100, 48_000, 96_000, 192_000])
def test_it_is_soxr_over_the_whole_signal_at_once(rate_hz: int) -> None:
    expected = soxr.resample(SIGNAL, rate_hz, 22_050, quality="HQ")
    got = resample([SIGNAL[:7_777], SIGNAL[7_777:]], rate_hz, 22_050)
    assert got.dtype == np.float32
    assert abs(got.size - SIGNAL.size * 22_050 / rate_hz) <= 1
    np.testing.assert_allclose(got, expected[: got.size], atol=1e-6)


def test_a_tone_keeps_its_place_and_level() -> None:
    tone = np.sin(2 * np.pi * 1000 * np.arange(48_000) / 48_000).astype(np.float32)
    expected = np.sin(2 * np.pi * 1000 * np.arange(22_050) / 22_050)
    got = resample([tone], 48_000, 22_050)
    np.testing.assert_allclose(got[2000:20_000], expected[2000:20_000], atol=1e-3)


def test_the_lenient_quality_lets_no_alias_below_6_khz() -> None:
    tone = np.sin(2 * np.pi * 10_500 * np.arange(22_050) / 22_050).astype(np.float32)  # folds to 5,500 Hz
    assert np.abs(resample([tone], 22_050, 16_000, "LQ")[1000:15_000]).max() < 1e-3


def test_equal_rates_pass_the_samples_through() -> None:
    np.testing.assert_array_equal(resample([SIGNAL], 22_050, 22_050), SIGNAL)
