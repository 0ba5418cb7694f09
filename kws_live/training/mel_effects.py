"""Effects of rooms, microphones, voices and masks on mel power, for many windows at once.

Functions that return None work in place: a batch is large, and copying costs more than adding.

References
----------
D. S. Park et al., "SpecAugment: a simple data augmentation method for automatic speech recognition",
Interspeech 2019 (masks). N. Jaitly, G. Hinton, "Vocal tract length perturbation improves speech
recognition", ICML workshop 2013 (the warp along bands).
"""

import numpy as np
from numpy.typing import NDArray

from kws_live.model.features import Features, FeatureSettings
from kws_live.training.clips import Floats, from_db


def sample_frames(power: Floats, source: NDArray[np.floating]) -> Floats:
    """Read frames at fractional positions by linear interpolation; positions outside read the nearest frame."""
    inside = np.clip(source, 0, power.shape[1] - 1)
    before = inside.astype(np.intp)
    after = np.minimum(before + 1, power.shape[1] - 1)
    weight = (inside - before).astype(np.float32)[:, :, np.newaxis]
    clip = np.arange(len(power))[:, np.newaxis]
    return np.asarray(power[clip, before] * (1 - weight) + power[clip, after] * weight, dtype=np.float32)


def band_warp(factor: Floats, settings: FeatureSettings) -> Floats:
    """Return matrices that move each band's power to ``factor`` times its frequency, shape (n, n_mels, n_mels)."""
    bottom, top = (2595 * np.log10(1 + f / 700) for f in (settings.fmin_hz, settings.fmax_hz))
    step = (top - bottom) / (settings.n_mels + 1)
    hz = 700 * (10 ** ((bottom + step * np.arange(1, settings.n_mels + 1)) / 2595) - 1)
    source = (2595 * np.log10(1 + hz / factor[:, np.newaxis] / 700) - bottom) / step - 1
    distance = np.abs(
        np.arange(settings.n_mels)[:, np.newaxis] - np.clip(source, 0, settings.n_mels - 1)[:, np.newaxis]
    )
    return np.asarray(np.maximum(1 - distance, 0), dtype=np.float32)


def vary(
    rng: np.random.Generator,
    power: Floats,
    tempo: tuple[float, float],
    warp: tuple[float, float],
    settings: FeatureSettings,
) -> Floats:
    """Make variants of sounds: each at another speed, cyclic from a random start, and shifted in frequency.

    ``tempo`` and ``warp`` are ranges of factors, drawn uniformly in octaves.
    """
    n, n_frames, _ = power.shape
    speed, factor = ((low * (high / low) ** rng.random(n)).astype(np.float32) for low, high in (tempo, warp))
    source = (rng.uniform(0, n_frames, (n, 1)) + np.arange(n_frames) * speed[:, np.newaxis]) % n_frames
    return np.asarray(np.matmul(sample_frames(power, source), band_warp(factor, settings)), dtype=np.float32)


def creatures(rng: np.random.Generator, voices: Floats, settings: FeatureSettings) -> Floats:
    """Turn voices into animal-like sounds: frequencies out of human range, half to twice the speed, some reversed."""
    n, n_frames, _ = voices.shape
    factor = np.where(rng.random(n) < 0.5, rng.uniform(1.6, 2.8, n), rng.uniform(0.35, 0.6, n)).astype(np.float32)
    backwards = rng.random(n) < 0.5
    voices[backwards] = voices[backwards, ::-1]
    speed = 2 ** rng.uniform(-1, 1, (n, 1))
    middle = n_frames / 2 + rng.uniform(-0.2, 0.2, (n, 1)) * n_frames
    moved = sample_frames(voices, (np.arange(n_frames) - middle) * speed + n_frames / 2)
    return np.asarray(np.matmul(moved, band_warp(factor, settings)), dtype=np.float32)


def echo(rng: np.random.Generator, power: Floats, share: float, seconds: tuple[float, float]) -> None:
    """Add reverberation to some windows: direct sound, then an exponential tail.

    ``seconds`` is the range of the time in which the tail decays by 60 dB.
    """
    wet = np.flatnonzero(rng.random(len(power)) < share)
    if not wet.size:
        return
    n_frames = power.shape[1]
    decay = 10 ** (-6 * 0.01 / rng.uniform(*seconds, size=wet.size))  # power per frame of 10 ms
    tail = 10 ** (rng.uniform(-12, 3, wet.size) / 10) * (1 - decay)
    lag = np.arange(n_frames)[:, np.newaxis] - np.arange(n_frames)
    room = tail[:, np.newaxis, np.newaxis] * decay[:, np.newaxis, np.newaxis] ** np.maximum(lag, 0) * (lag > 0)
    room[:, np.arange(n_frames), np.arange(n_frames)] = 1
    power[wet] = np.matmul(room.astype(np.float32), power[wet])


def frequency_response(rng: np.random.Generator, n: int, n_mels: int, sigma_db: float) -> Floats:
    """Return random smooth microphone responses as power factors, shape (n, n_mels)."""
    band = np.arange(n_mels) / n_mels
    waves = np.cos(np.pi * np.arange(5)[:, np.newaxis] * band)
    decibels = (rng.standard_normal((n, 5)) * sigma_db * np.array([0, 1, 0.7, 0.5, 0.4])) @ waves
    # One in six has little bass: laptops and telephones cut off below a few hundred hertz.
    thin = rng.random(n) < 1 / 6
    edge = rng.uniform(1, 9, thin.sum())[:, np.newaxis]
    decibels[thin] -= np.clip(edge - np.arange(n_mels), 0, None) * rng.uniform(1, 5, edge.shape)
    return from_db(decibels.astype(np.float32))


def digital_silence(rng: np.random.Generator, power: Floats, share: float) -> None:
    """Zero the first or last part of some windows."""
    frame = np.arange(power.shape[1])
    edge = rng.integers(1, power.shape[1] // 2, len(power))[:, np.newaxis]
    starts = rng.random((len(power), 1)) < 0.7
    zero = np.where(starts, frame < edge, frame >= power.shape[1] - edge)
    power[zero & (rng.random((len(power), 1)) < share)] = 0


def mask(rng: np.random.Generator, decibels: Features, axis: int, n_masks: int, longest: int) -> NDArray[np.bool_]:
    """Return SpecAugment masks of time (axis 1) or bands (axis 2), each up to ``longest`` wide."""
    n, length = len(decibels), decibels.shape[axis]
    masked = np.zeros((n, length), dtype=np.bool_)
    for _ in range(n_masks):
        width = rng.integers(0, longest + 1, (n, 1))
        start = rng.integers(0, length - longest + 1, (n, 1))
        masked |= (np.arange(length) >= start) & (np.arange(length) < start + width)
    return np.expand_dims(masked, 3 - axis)
