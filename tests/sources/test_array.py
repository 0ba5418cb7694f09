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
    ],
)
def test_what_is_no_audio_is_refused(audio: Any, said: str) -> None:
    with pytest.raises(AudioError, match=said):
        ArraySource(audio, 16_000)


@pytest.mark.parametrize("rate_hz", [0, -16_000, 1, 10**7])
def test_an_impossible_rate_is_refused(rate_hz: int) -> None:
    with pytest.raises(AudioError, match=f"{rate_hz} samples a second"):
        ArraySource(np.zeros(100, np.float32), rate_hz)


def test_doubles_are_taken_too() -> None:
    block = ArraySource(np.array([0.5, -0.5]), 16_000).read(0.0)
    assert block is not None
    assert block.dtype == np.float32
