"""Features of a stream: one window after the other, each a step further on."""

import numpy as np

from kws_live.audio import Samples
from kws_live.features import FeatureExtractor, Features


class RollingFeatures:
    """Features of windows that follow each other: only what is new is computed, the rest is kept.

    Frames that are not padded depend on their own samples alone, so the result is that of the whole window within
    float32 rounding. Front ends that pad, or refer to the window's peak, are computed whole, and so is any window that
    is not the one before moved on by one step.

    Parameters
    ----------
    extractor : computes what is new
    step_seconds : from one window to the next
    """

    def __init__(self, extractor: FeatureExtractor, step_seconds: float) -> None:
        self._extractor = extractor
        settings = extractor.settings
        self._step = round(step_seconds * settings.sample_rate_hz)
        self._n_new, rest = divmod(self._step, settings.hop_samples)
        # The last frame must end where the window ends, or new frames would not be the last ones.
        unused = (settings.window_samples - settings.frame_samples) % settings.hop_samples
        self._usable = not settings.centered and settings.top_db is None and rest == 0 and unused == 0
        self._tail = settings.frame_samples + (self._n_new - 1) * settings.hop_samples
        self._window: Samples = np.zeros(0, np.float32)
        self._features: Features = np.zeros((0, 0), np.float32)

    def mfcc(self, window: Samples) -> Features:
        """Features of a window, float32 (n_frames, n_mfcc)."""
        follows = self._usable and np.array_equal(window[: -self._step], self._window[self._step :])
        if follows:
            new = self._extractor.mfcc(window[-self._tail :])
            self._features = np.concatenate((self._features[self._n_new :], new))
        else:
            self._features = self._extractor.mfcc(window)
        self._window = window
        return self._features
