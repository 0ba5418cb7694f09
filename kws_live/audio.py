"""Terms and units of this package, and basic audio arithmetic.

=========  =====================================================================
sample     one float32 in [-1, 1]
block      what a source delivers: float32, shape (n_samples, n_channels)
window     input of the model: one second, 22,050 samples
hop        the step from one window to the next
frame      one row of features (PortAudio's "frame" is a sample here)
clip       a labelled recording
position   number of samples at 22,050 Hz since the start of the stream
score      smoothed probability of a keyword
posteriors raw probability of each label for one window; they sum to 1
=========  =====================================================================
"""

from typing import Final

import numpy as np
from numpy.typing import NDArray

Samples = NDArray[np.float32]
"""Mono audio in [-1, 1], shape (n_samples,)."""

Block = NDArray[np.float32]
"""Audio as a source delivers it, shape (n_samples, n_channels), at the source's own rate."""

SAMPLE_RATE_HZ: Final = 22_050
"""Rate of the stream, the ring buffer and every position (the rate used in the original paper)."""

SPEECH_RATE_HZ: Final = 16_000
"""Rate of the copy for the voice-activity gate and 16 kHz front ends."""

WINDOW_SECONDS: Final = 1.0

HOP_SECONDS: Final = 0.08
"""Four of the gate's 20 ms frames; a whole number of samples at both rates: 1,764 at 22,050 Hz, 1,280 at 16 kHz."""

SILENCE: Final = "_silence_"
"""Label of windows without speech, with or without noise."""

UNKNOWN: Final = "_unknown_"
"""Label of speech that is not a keyword."""

SPEECH_LABEL: Final = "_speech_"
"""Label of running speech in a recording or an archive; networks are trained on it as `UNKNOWN`."""


def to_mono(block: Block) -> Samples:
    """Average the channels of a block; one channel is returned as a view.

    Parameters
    ----------
    block : float32 array, shape (n_samples, n_channels)

    Returns
    -------
    float32 array, shape (n_samples,)
    """
    if block.shape[1] == 1:
        return block[:, 0]
    return np.asarray(block.mean(axis=1, dtype=np.float32))


def finite(block: Block) -> Block:
    """Replace NaN and infinity, which a driver may deliver after a fault, with silence."""
    return block if np.isfinite(block).all() else np.nan_to_num(block, nan=0.0, posinf=0.0, neginf=0.0)


def float_to_pcm16(samples: Samples) -> NDArray[np.int16]:
    """Convert [-1, 1] to 16-bit integers, clipping values outside the range."""
    scaled = np.rint(samples * np.float32(32768))
    pcm: NDArray[np.int16] = np.minimum(np.maximum(scaled, -32768), 32767).astype(np.int16)  # np.clip is slower
    return pcm


def pcm16_to_float(pcm: NDArray[np.int16]) -> Samples:
    """Convert 16-bit integers to float32 in [-1, 1)."""
    return pcm.astype(np.float32) / np.float32(32768.0)


def level_db(samples: Samples) -> float:
    """Root mean square level in dB relative to full scale (a full-scale square wave is 0 dB), at least -120."""
    if samples.size == 0:
        return -120.0
    return float(10.0 * np.log10(max(float(np.mean(np.square(samples, dtype=np.float64))), 1e-12)))
