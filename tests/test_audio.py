"""Mono, 16-bit integers, levels."""

import numpy as np
import pytest

from kws_live.audio import finite, float_to_pcm16, level_db, pcm16_to_float, to_mono


def test_to_mono_averages_the_channels() -> None:
    block = np.array([[1.0, 0.0, -0.5], [0.2, 0.4, 0.6]], np.float32)
    np.testing.assert_allclose(to_mono(block), [1 / 6, 0.4], atol=1e-7)


def test_to_mono_of_one_channel_is_a_view() -> None:
    block = np.ones((5, 1), np.float32)
    assert np.shares_memory(to_mono(block), block)


def test_every_16_bit_value_survives_the_way_to_float_and_back() -> None:
    every = np.arange(-32768, 32768, dtype=np.int16)
    np.testing.assert_array_equal(float_to_pcm16(pcm16_to_float(every)), every)


def test_what_lies_outside_is_clipped_not_wrapped() -> None:
    assert float_to_pcm16(np.array([1.0, 2.5, -1.0, -7.0], np.float32)).tolist() == [32767, 32767, -32768, -32768]


def test_level_of_known_signals() -> None:
    square = np.tile(np.array([1.0, -1.0], np.float32), 500)
    sine = np.sin(2 * np.pi * np.arange(1000) / 100).astype(np.float32)
    assert level_db(square) == pytest.approx(0.0, abs=1e-6)
    assert level_db(sine) == pytest.approx(-3.0103, abs=1e-3)  # a sine's power is half a square wave's
    assert level_db(0.1 * sine) == pytest.approx(-23.0103, abs=1e-3)
    assert level_db(np.zeros(10, np.float32)) == -120.0
    assert level_db(np.zeros(0, np.float32)) == -120.0


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_values_that_are_not_numbers_become_silence_and_the_others_stay(bad: float) -> None:
    block = np.array([[0.25], [bad], [-0.5]], np.float32)
    np.testing.assert_array_equal(finite(block), [[0.25], [0.0], [-0.5]])
    whole = np.array([[0.25], [-0.5]], np.float32)
    assert finite(whole) is whole
