"""Words that are tones, and clips in which nothing is said."""

import numpy as np

from kws_live.model.features import PAPER
from kws_live.paper.data import WordSet


def say(word: int, speaker: int) -> np.ndarray:
    """A second of noise with a tone whose pitch is the word, the same for the same arguments."""
    rng = np.random.default_rng([word, speaker])
    time = np.arange(16_000) / 16_000
    return 0.3 * np.sin(2 * np.pi * (300 + 250 * word) * time + rng.uniform(0, 6)) + 0.003 * rng.standard_normal(16_000)


def people(n_people: int, n_clips: int) -> WordSet:
    """Clips by so many people, in which nothing is said."""
    speakers = np.random.default_rng(2).integers(n_people, size=n_clips).astype(np.str_)
    return WordSet(("a",), PAPER, np.zeros((n_clips, 44, 13), np.float32), np.zeros(n_clips, np.intp), speakers)
