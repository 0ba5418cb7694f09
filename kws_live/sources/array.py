"""Audio that is already in memory."""

from typing import Final

import numpy as np

from kws_live.audio import Block, Samples
from kws_live.errors import AudioError
from kws_live.sources import require_rate

MOST_CHANNELS: Final = 64
LARGEST: Final = 8.0
"""18 dB above full scale: such samples have another scale, not a high gain."""


class ArraySource:
    """A source that reads from an array, as fast as it is called.

    Parameters
    ----------
    samples : float32 array, (n_samples,) or (n_samples, n_channels), in [-1, 1]
    rate_hz : its rate
    block_samples : samples per block

    Raises
    ------
    AudioError
        If it is not such an array, is empty, or contains NaN, infinity or values of another scale; or the rate is
        impossible.
    """

    live = False
    n_overflows = 0

    def __init__(self, samples: Samples | Block, rate_hz: int, block_samples: int = 1024, name: str = "array") -> None:
        array = np.asarray(samples)
        if array.ndim not in (1, 2) or array.dtype.kind != "f":
            raise AudioError(
                "audio must be floats of shape (n_samples,) or (n_samples, n_channels), "
                f"not {array.dtype} {array.shape}"
            )
        if array.size == 0:
            raise AudioError(f"the audio contains no samples: its shape is {array.shape}")
        if not np.isfinite(array).all():
            raise AudioError("the audio contains values that are not numbers (NaN or infinity)")
        if array.ndim == 2 and array.shape[1] > min(MOST_CHANNELS, max(2, array.shape[0])):
            raise AudioError(f"audio of shape {array.shape}: is it (n_channels, n_samples)? transpose it")
        if (peak := float(np.abs(array).max())) > LARGEST:
            raise AudioError(f"the audio reaches {peak:.0f}, and [-1, 1] is expected; divide 16-bit samples by 32768")
        self.name = name
        try:
            whole = int(rate_hz)
        except (TypeError, ValueError) as error:
            raise AudioError(f"the rate {rate_hz!r} is not a sample rate, such as 16000") from error
        self.rate_hz = require_rate(whole, name)
        self._blocks = array.astype(np.float32, copy=False).reshape(array.shape[0], -1)
        self._at = 0
        self._step = block_samples

    def read(self, timeout_seconds: float) -> Block | None:
        block = self._blocks[self._at : self._at + self._step]
        self._at += block.shape[0]
        return block if block.shape[0] else None

    def close(self) -> None:
        self._blocks = self._blocks[:0]
