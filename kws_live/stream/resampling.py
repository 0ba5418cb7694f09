"""Streaming resampler: any rate to 22,050 Hz, and 22,050 to 16,000 Hz."""

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
    quality : "HQ" for audio that is kept; "LQ" has half the delay (12 ms instead of 23 between 22,050 and 16,000 Hz,
        on average) and is still flat and free of aliasing up to 6 kHz, enough for a 4 kHz front end

    References
    ----------
    The SoX resampler library, https://sourceforge.net/projects/soxr/, through python-soxr.
    """

    def __init__(self, from_hz: int, to_hz: int, quality: Quality = "HQ") -> None:
        self._stream = (
            None if from_hz == to_hz else soxr.ResampleStream(from_hz, to_hz, 1, dtype="float32", quality=quality)
        )

    def process(self, samples: Samples) -> Samples:
        """Process the next samples and return what is ready, up to 60 ms behind the input."""
        if self._stream is None:
            return samples
        return np.asarray(self._stream.resample_chunk(samples), dtype=np.float32)

    def finish(self) -> Samples:
        """End the stream and return the remaining samples."""
        if self._stream is None:
            return np.zeros(0, np.float32)
        return np.asarray(self._stream.resample_chunk(np.zeros(0, np.float32), last=True), dtype=np.float32)
