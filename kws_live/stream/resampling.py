"""Any rate to 22,050 Hz, and 22,050 to 16,000 Hz, with state kept from block to block."""

from typing import Literal

import numpy as np
import soxr

from kws_live.audio import Samples

Quality = Literal["LQ", "MQ", "HQ"]


class Resampler:
    """Resamples a stream: the joined output does not depend on how the input was cut into blocks.

    Parameters
    ----------
    from_hz, to_hz : the rates; equal rates pass the samples through
    quality : "HQ" for what is kept; "LQ" has half the delay (12 ms instead of 23 between 22,050 and 16,000 Hz,
        on average) and is still flat and free of aliases up to 6 kHz, so it serves a 4 kHz front end

    References
    ----------
    The SoX resampler library, https://sourceforge.net/projects/soxr/, through python-soxr.
    """

    def __init__(self, from_hz: int, to_hz: int, quality: Quality = "HQ") -> None:
        self._stream = (
            None if from_hz == to_hz else soxr.ResampleStream(from_hz, to_hz, 1, dtype="float32", quality=quality)
        )

    def process(self, samples: Samples) -> Samples:
        """Take the next samples, give what is ready: it trails the input by up to 60 ms."""
        if self._stream is None:
            return samples
        return np.asarray(self._stream.resample_chunk(samples), dtype=np.float32)

    def finish(self) -> Samples:
        """End the stream and give what was still held back."""
        if self._stream is None:
            return np.zeros(0, np.float32)
        return np.asarray(self._stream.resample_chunk(np.zeros(0, np.float32), last=True), dtype=np.float32)
