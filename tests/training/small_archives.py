"""A feature archive small enough to train on in seconds: invented words that a network can tell apart."""

from pathlib import Path

import numpy as np

from kws_live.model.features import FeatureSettings
from kws_live.training.dataset import BACKGROUND, ClipInfo, FeatureArchive, StoredValues, write_archive

TINY = FeatureSettings(
    sample_rate_hz=16_000,
    n_fft=512,
    frame_samples=480,
    hop_samples=640,
    n_mels=20,
    fmin_hz=0.0,
    fmax_hz=4000.0,
    mel_scale="htk",
    mel_norm="peak",
    n_mfcc=20,
    centered=False,
    floor="add",
    floor_power=10**-6.25,
    top_db=None,
)
"""25 frames of 20 bands."""

KEYWORDS = ("yes", "no")
BANDS = {"yes": slice(2, 6), "no": slice(8, 12), "maybe": slice(14, 18)}


def write_words(folder: Path, n_each: int = 40) -> FeatureArchive:
    """Words are bursts in their own bands at 20 dB, from frame 8 to frame 16, over a floor at -50 dB."""
    rng = np.random.default_rng(5)
    clips, spectra = [], []
    for label in (*BANDS, BACKGROUND):
        for i in range(n_each):
            spectrum = rng.normal(-50, 1, (TINY.n_frames, TINY.n_mels))
            if label in BANDS:
                spectrum[8:16, BANDS[label]] = rng.normal(20, 2, (8, 4))
            clips.append(ClipInfo(f"{label}/{i}", label, "", "train" if i % 4 else "val"))
            spectra.append(spectrum)
    write_archive(folder, TINY, StoredValues("float16"), clips, np.asarray(spectra, dtype=np.float16))
    return FeatureArchive.open(folder)
