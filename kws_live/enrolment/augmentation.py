"""A few takes become many windows: the word wherever it may stand, a little faster, higher, louder, noisier.

All of it happens on mel power, where sounds add, as in training; here in numpy alone and for a handful of takes.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from kws_live.model.features import Features, FeatureSettings, dct_matrix

TEMPO: Final = (0.86, 1.16)
WARP: Final = (0.93, 1.08)
"""Factor of the vocal tract's length."""

HIDDEN_SHARE: Final = 0.15
"""Of the word, at its beginning or end, that may lie outside the window."""

GAIN_DB: Final = (-12.0, 8.0)
NOISE_SHARE: Final = 0.5
SNR_DB: Final = (3.0, 30.0)
EQUALISER_DB: Final = 2.0


@dataclass(frozen=True, eq=False)
class TakeFeatures:
    """A take as it is kept: its log mel spectrum and where the word is in it.

    Attributes
    ----------
    log_mel : float32 dB, shape (n_frames, n_mels), any length
    onset, offset : first frame of the word and the one after its last
    spoken : whether a synthesiser said it
    """

    log_mel: Features
    onset: int
    offset: int
    spoken: bool = False


def windows_of(
    take: TakeFeatures, settings: FeatureSettings, noise: Features, n: int, rng: np.random.Generator
) -> Features:
    """MFCC of one-second windows that hold the take's word, shape (n, n_frames, n_mfcc).

    Parameters
    ----------
    take : TakeFeatures
    settings : the front end
    noise : log mel windows of noise, dB, shape (n_noises, n_frames, n_mels); may be empty
    n : how many
    rng : decides everything
    """
    n_frames = settings.n_frames
    power = np.maximum(10 ** (take.log_mel / 10) - np.float32(settings.floor_power), 0).astype(np.float32)
    tempo = rng.uniform(*TEMPO, n)
    length = (take.offset - take.onset) / tempo
    # As in training, nearly all of the word is enough: from where it has nearly come in to where it begins to leave.
    # Of a word longer than the window the end is what can be seen when it has been said.
    hidden = HIDDEN_SHARE * length
    end = rng.uniform(np.minimum(length - hidden, n_frames - 4), n_frames + np.minimum(hidden, n_frames / 4))
    source = take.offset - (end[:, np.newaxis] - np.arange(n_frames)) * tempo[:, np.newaxis]
    inside = np.clip(source, 0, len(power) - 1)
    low = np.minimum(inside.astype(int), len(power) - 2)
    share = (inside - low)[:, :, np.newaxis].astype(np.float32)
    windows = power[low] * (1 - share) + power[low + 1] * share
    outside = (source < 0) | (source > len(power) - 1)
    # The room goes on where the take ends: its quietest frames, unsteady as noise is.
    quiet = power[np.argsort(power.mean(axis=1))[: max(3, len(power) // 10)]].mean(axis=0)
    windows[outside] = quiet * rng.standard_gamma(3.0, (int(outside.sum()), 1)).astype(np.float32) / 3
    windows = np.einsum("nfb,nbc->nfc", windows, _warp(rng.uniform(*WARP, n), settings))
    windows *= _equaliser(rng, n, settings.n_mels)[:, np.newaxis]
    if len(noise):
        level = windows.mean(axis=(1, 2)) * n_frames / np.minimum(length, n_frames)
        sound = 10 ** (noise[rng.integers(len(noise), size=n)] / 10)
        wanted = level / 10 ** (rng.uniform(*SNR_DB, n) / 10) * (rng.random(n) < NOISE_SHARE)
        windows += sound * (wanted / np.maximum(sound.mean(axis=(1, 2)), 1e-12))[:, np.newaxis, np.newaxis]
    windows *= 10 ** (rng.uniform(*GAIN_DB, (n, 1, 1)) / 10)
    return to_mfcc(10 * np.log10(windows + settings.floor_power), settings)


def to_mfcc(log_mel: NDArray[np.floating], settings: FeatureSettings) -> Features:
    """The cosine transform of log mel windows in dB."""
    return np.asarray(log_mel @ dct_matrix(settings.n_mfcc, settings.n_mels).T, dtype=np.float32)


def _warp(factor: NDArray[np.floating], settings: FeatureSettings) -> NDArray[np.float32]:
    """Matrices that move the bands of a spectrum to ``factor`` times their frequency, shape (n, n_mels, n_mels)."""
    top = 2595 * np.log10(1 + settings.fmax_hz / 700)
    centres = np.arange(1, settings.n_mels + 1) * top / (settings.n_mels + 1)
    hz = 700 * (10 ** (centres / 2595) - 1)
    wanted = 2595 * np.log10(1 + hz / factor[:, np.newaxis] / 700) / top * (settings.n_mels + 1) - 1
    wanted = np.clip(wanted, 0, settings.n_mels - 1)
    bands = np.arange(settings.n_mels)[:, np.newaxis]
    return np.asarray(np.maximum(1 - np.abs(bands - wanted[:, np.newaxis, :]), 0), dtype=np.float32)


def _equaliser(rng: np.random.Generator, n: int, n_mels: int) -> NDArray[np.float32]:
    """Smooth random frequency responses, as factors of power, shape (n, n_mels)."""
    waves = np.cos(np.pi * np.arange(1, 5)[:, np.newaxis] * np.arange(n_mels) / n_mels)
    response = rng.normal(0, EQUALISER_DB / np.sqrt(2), (n, 4)) @ waves
    return np.asarray(10 ** (response / 10), dtype=np.float32)
