"""Spectrogram columns and MFCC images, from the model's own front end."""

from dataclasses import replace
from typing import Final

import numpy as np
from numpy.typing import NDArray

from kws_live.audio import SAMPLE_RATE_HZ, WINDOW_SECONDS, Samples
from kws_live.model.features import FeatureExtractor
from kws_live.stream.resampling import Resampler

COLUMN_SECONDS: Final = 0.02
RANGE_DB: Final = 90.0
"""From the darkest to the brightest; the front end's floor is the darkest."""

LOWEST_DB: Final = -65.0


class Spectrogram:
    """Log mel spectra of a stream, one per 20 ms, as bytes.

    Parameters
    ----------
    extractor : the model's; its filters are used, with frames that do not depend on their neighbours
    """

    def __init__(self, extractor: FeatureExtractor) -> None:
        own = extractor.settings
        self._hop = round(COLUMN_SECONDS * own.sample_rate_hz)
        self._frame = own.frame_samples
        self._extractor = FeatureExtractor(
            replace(own, centered=False, top_db=None, hop_samples=self._hop), extractor.mel_filters
        )
        self._floor_db = max(LOWEST_DB, 10.0 * float(np.log10(own.floor_power)))
        self._position: int | None = None

    @property
    def n_rows(self) -> int:
        """Number of mel bands, low to high."""
        return self._extractor.settings.n_mels

    def feed(self, position: int, samples: Samples) -> NDArray[np.uint8]:
        """Return the columns that samples at 22,050 Hz complete, shape (n_columns, n_rows); a gap starts anew."""
        if position != self._position:
            self._resampler = Resampler(SAMPLE_RATE_HZ, self._extractor.settings.sample_rate_hz, "LQ")
            self._rest = np.zeros(0, np.float32)
        self._position = position + samples.size
        self._rest = np.concatenate((self._rest, self._resampler.process(samples)))
        n_columns = max(0, (self._rest.size - self._frame) // self._hop + 1)
        if not n_columns:
            return np.zeros((0, self.n_rows), np.uint8)
        columns = self._extractor.log_mel(self._rest[: (n_columns - 1) * self._hop + self._frame])
        self._rest = self._rest[n_columns * self._hop :]
        return to_bytes(columns, self._floor_db, self._floor_db + RANGE_DB)


def to_bytes(values: NDArray[np.float32], low: float, high: float) -> NDArray[np.uint8]:
    """Map low..high to 0..255."""
    scaled: NDArray[np.uint8] = np.clip((values - low) * (255.0 / (high - low)), 0, 255).astype(np.uint8)
    return scaled


def mfcc_image(extractor: FeatureExtractor, sound: Samples) -> NDArray[np.uint8]:
    """Return the MFCC of a second at 22,050 Hz, each coefficient scaled to its range, shape (n_frames, n_mfcc)."""
    rate_hz = extractor.settings.sample_rate_hz
    resampler = Resampler(SAMPLE_RATE_HZ, rate_hz)
    resampled = np.concatenate((resampler.process(sound), resampler.finish()))
    window = np.zeros(round(WINDOW_SECONDS * rate_hz), np.float32)
    window[: resampled.size] = resampled[: window.size]
    mfcc = extractor.mfcc(window)
    low, high = mfcc.min(axis=0), mfcc.max(axis=0)
    image: NDArray[np.uint8] = ((mfcc - low) * (255.0 / np.maximum(high - low, 1e-6))).astype(np.uint8)
    return image
