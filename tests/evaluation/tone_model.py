"""A model whose words are tones: the real front end, and a network of a few lines that counts a tone's frames."""

from pathlib import Path

import numpy as np
import soundfile

from kws_live.audio import Samples
from kws_live.model import Model
from kws_live.model.card import ModelCard
from kws_live.model.features import SPEECH, FeatureExtractor, Features, dct_matrix
from kws_live.model.folders import shipped_models_folder
from kws_live.model.scorer import Scorer
from kws_live.spotting.verdict import Heard
from tests.fakes import KEYWORDS, LABELS, TONE_SECONDS, TONES_HZ

CARD = ModelCard("tones", "words that are tones", "", LABELS, KEYWORDS, SPEECH, dict.fromkeys(KEYWORDS, 0.6))


def tone(word: str, seconds: float = TONE_SECONDS, rate_hz: int = 16_000, level: float = 0.3) -> Samples:
    """A word's tone."""
    phase = 2 * np.pi * TONES_HZ[word] * np.arange(round(seconds * rate_hz)) / rate_hz
    return (level * np.sin(phase)).astype(np.float32)


def write_sound(path: Path, samples: Samples, rate_hz: int) -> None:
    """Write a sound file second by second: libsndfile's Vorbis encoder crashes on many seconds at once."""
    with soundfile.SoundFile(path, "w", rate_hz, 1) as file:
        for start in range(0, samples.size, rate_hz):
            file.write(samples[start : start + rate_hz])


class ToneScorer:
    """Counts the frames in which a tone's band is the loudest of all and loud."""

    def __init__(self, extractor: FeatureExtractor) -> None:
        self._to_log_mel = dct_matrix(40, 40)
        self.bands = [int(extractor.log_mel(tone(word, 1.0)).mean(axis=0).argmax()) for word in TONES_HZ]
        self.n_scored = 0

    def score(self, features: Features, follows: bool = False) -> Heard:
        self.n_scored += 1
        log_mel = features @ self._to_log_mel
        loudest = np.where(log_mel.max(axis=1) > 10.0, log_mel.argmax(axis=1), -1)
        shares = np.array([0.0, *((loudest == band).sum() / 40 for band in self.bands)], np.float32)
        shares = np.clip(shares, 0.0, 0.99)
        shares /= max(1.0, float(shares.sum()))
        shares[0] = 1.0 - shares[1:].sum()
        return Heard(shares)


class ToneModel(Model):
    """Spots tones; its folder is the shipped model's, whose mel filters it uses."""

    def __init__(self) -> None:
        super().__init__(shipped_models_folder() / "commands-12", CARD)

    def scorer(self) -> Scorer:
        return ToneScorer(self.extractor)
