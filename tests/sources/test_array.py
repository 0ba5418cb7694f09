"""Audio in memory."""

from typing import Any

import numpy as np
import pytest

from kws_live.errors import AudioError
from kws_live.sources.array import ArraySource


@pytest.mark.parametrize(
    ("audio", "said"),
    [
        (np.zeros(0, np.float32), r"no samples: its shape is \(0,\)"),
        (np.zeros((0, 2), np.float32), r"no samples: its shape is \(0, 2\)"),
        (np.zeros((5, 0), np.float32), r"no samples: its shape is \(5, 0\)"),
        (np.zeros(100, np.int16), r"must be floats .* not int16 \(100,\)"),
        (np.zeros((2, 3, 4), np.float32), r"not float32 \(2, 3, 4\)"),
        (np.float32(0.5), r"not float32 \(\)"),
        (np.array([0.1, np.nan]), "not numbers"),
        (np.array([np.inf, 0.0]), "not numbers"),
        (np.zeros((2, 16_000), np.float32), r"\(2, 16000\): is it \(n_channels, n_samples\)\? transpose it"),
        (np.array([0.0, -20_000.0]), r"reaches 20000, and \[-1, 1\] is expected; divide"),
    ],
)
def test_what_is_no_audio_is_refused(audio: Any, said: str) -> None:
    with pytest.raises(AudioError, match=said):
        ArraySource(audio, 16_000)


@pytest.mark.parametrize("rate_hz", [0, -16_000, 1, 10**7])
def test_an_impossible_rate_is_refused(rate_hz: int) -> None:
    with pytest.raises(AudioError, match=f"a sample rate of {rate_hz} Hz"):
        ArraySource(np.zeros(100, np.float32), rate_hz)


def test_doubles_are_taken_too() -> None:
    block = ArraySource(np.array([0.5, -0.5]), 16_000).read(0.0)
    assert block is not None
    assert block.dtype == np.float32


@pytest.mark.parametrize("rate_hz", [16_000.0, "16000", np.int64(16_000)])
def test_a_rate_in_another_type_is_taken(rate_hz: Any) -> None:
    assert ArraySource(np.zeros(10, np.float32), rate_hz).rate_hz == 16_000


@pytest.mark.parametrize("rate_hz", ["fast", None, float("nan")])
def test_a_rate_that_is_no_number_is_refused_in_one_line(rate_hz: Any) -> None:
    with pytest.raises(AudioError, match="is not a sample rate"):
        ArraySource(np.zeros(10, np.float32), rate_hz)
