"""Beginning and end of the word in a clip, from its level alone, so that "word end" means the end of its sound."""

from typing import Final

import numpy as np

from kws_live.audio import Samples

FRAME_SECONDS: Final = 0.01
BELOW_PEAK_DB: Final = 30.0
"""Frames softer than the loudest one by more than this do not belong to the word."""

ABOVE_FLOOR_DB: Final = 6.0
"""Nor do frames less than this above the clip's noise floor, the softest tenth of its frames."""

BRIDGE_SECONDS: Final = 0.15
"""A softer stretch up to this long belongs to the word: the closure before the last sound of "eight" or "up"."""


def find_word(samples: Samples, rate_hz: int, bridge_seconds: float = BRIDGE_SECONDS) -> tuple[int, int]:
    """Return the first sample of the word's sound and the one after its last.

    The level of each 10 ms frame is compared with the clip's loudest and softest frames (the constants above; the limit
    above the floor is at most half of the distance between the two). Everything above it
    is joined over short gaps, and the stretch with the most energy is the word.

    Parameters
    ----------
    samples : float32 (n_samples,), not all zero
    rate_hz : their rate
    bridge_seconds : softer stretches up to this long belong to the word

    Returns
    -------
    tuple of int
        ``begin < end``, both within the clip.
    """
    frame = round(FRAME_SECONDS * rate_hz)
    n_frames = max(1, samples.size // frame)
    power = np.array([np.mean(np.square(part, dtype=np.float64)) for part in np.array_split(samples, n_frames)])
    levels = 10 * np.log10(power + 1e-10)
    peak = float(levels.max())
    # Ignore padding with digital silence.
    floor = float(np.quantile(levels[power > 1e-9], 0.1)) if (power > 1e-9).any() else peak
    loud = np.flatnonzero(levels >= max(peak - BELOW_PEAK_DB, floor + min(ABOVE_FLOOR_DB, (peak - floor) / 2)))
    runs = np.split(loud, np.flatnonzero(np.diff(loud) > round(bridge_seconds / FRAME_SECONDS)) + 1)
    word = max(runs, key=lambda run: float(power[run].sum()))
    return int(word[0]) * samples.size // n_frames, (int(word[-1]) + 1) * samples.size // n_frames
