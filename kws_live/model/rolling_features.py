"""Features of a stream: consecutive windows, each one step after the previous."""

from collections.abc import Callable

import numpy as np

from kws_live.audio import Samples
from kws_live.model.features import Features, FeatureSettings


class RollingFeatures:
    """Features of consecutive windows: only new frames are computed, the others are reused.

    Frames without padding depend only on their own samples, so the result equals that of the whole window within
    float32 rounding, and does not depend on the amount read ahead. Front ends that pad, or refer to the window's
    peak, are computed as a whole, and so is any window that does not follow the previous one.

    Parameters
    ----------
    settings : of the frames
    compute : samples, stacked or not -> the rows of their frames, shape (..., n_frames, n)
    window_samples : length of a window
    step_seconds : step between windows
    """

    def __init__(
        self,
        settings: FeatureSettings,
        compute: Callable[[Samples], Features],
        window_samples: int,
        step_seconds: float,
    ) -> None:
        self._compute = compute
        self._window_samples = window_samples
        self._hop_samples = settings.hop_samples
        self._n_frames = 1 + (window_samples - settings.frame_samples) // settings.hop_samples
        self._step = round(step_seconds * settings.sample_rate_hz)
        self._n_new, rest = divmod(self._step, settings.hop_samples)
        # The last frame must end with the window, or new frames would not be the last ones.
        unused = (window_samples - settings.frame_samples) % settings.hop_samples
        self._usable = not settings.centered and settings.top_db is None and rest == 0 and unused == 0
        self._tail = settings.frame_samples + (self._n_new - 1) * settings.hop_samples
        self._frames: Features = np.zeros((0, 0), np.float32)  # of the window and of the audio read ahead

    def rows(self, stream: Samples, follows: bool) -> Features:
        """Return the rows of a window's frames, float32 (n_frames, n).

        Parameters
        ----------
        stream : float32, begins with the window; the rest has been read ahead
        follows : whether the window is the previous one advanced by one step
        """
        if not (self._usable and follows):
            self._frames = self._compute(stream[: self._window_samples])
            return self._frames
        self._frames = self._frames[self._n_new :]
        if len(self._frames) < self._n_frames:
            # All available steps at once: this takes about as long as a single step.
            new = stream[len(self._frames) * self._hop_samples :]
            n_steps = 1 + (new.size - self._tail) // self._step
            each = new.strides[0]
            steps = np.lib.stride_tricks.as_strided(
                new, (n_steps, self._tail), (self._step * each, each), writeable=False
            )
            found = self._compute(steps).reshape(n_steps * self._n_new, -1)
            self._frames = np.concatenate((self._frames, found))
        return self._frames[: self._n_frames]
