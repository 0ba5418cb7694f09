"""Features of a stream are those of its windows."""

import numpy as np

from kws_live.audio import HOP_SECONDS
from kws_live.model.features import PAPER, SPEECH, FeatureExtractor
from kws_live.model.rolling_features import RollingFeatures


def roll(extractor: FeatureExtractor) -> RollingFeatures:
    return RollingFeatures(extractor.settings, extractor.mfcc, extractor.settings.window_samples, HOP_SECONDS)


def test_features_that_roll_on_are_those_of_the_whole_window() -> None:
    extractor = FeatureExtractor(SPEECH, np.random.default_rng(0).random((40, 257)).astype(np.float32))
    rolling = roll(extractor)
    audio = np.random.default_rng(0).normal(0, 0.1, 16_000 * 4).astype(np.float32)
    # On from hop to hop, then a jump, then on again; now and then some hops are read ahead.
    last = None
    for number, start in enumerate([*range(0, 20_000, 1280), *range(30_000, 45_000, 1280)]):
        stream = audio[start : start + 16_000 + number % 5 * 1000]
        found = rolling.rows(stream, follows=start - 1280 == last)
        np.testing.assert_allclose(found, extractor.mfcc(stream[:16_000]), atol=2e-5)
        last = start


def test_reading_ahead_changes_no_bit_of_them() -> None:
    extractor = FeatureExtractor(SPEECH, np.random.default_rng(0).random((40, 257)).astype(np.float32))
    audio = np.random.default_rng(0).normal(0, 0.1, 16_000 * 2).astype(np.float32)
    at_once, one_by_one = roll(extractor), roll(extractor)
    for start in range(0, 16_000, 1280):
        whole, alone = at_once.rows(audio[start:], start > 0), one_by_one.rows(audio[start : start + 16_000], start > 0)
        np.testing.assert_array_equal(whole, alone)


def test_features_that_pad_are_computed_whole() -> None:
    bank = np.random.default_rng(0).random((PAPER.n_mels, 1 + PAPER.n_fft // 2)).astype(np.float32)
    extractor = FeatureExtractor(PAPER, bank)
    rolling = roll(extractor)
    audio = np.random.default_rng(0).normal(0, 0.1, 22_050 * 2).astype(np.float32)
    for start in range(0, 20_000, 1764):
        window = audio[start : start + 22_050]
        np.testing.assert_array_equal(rolling.rows(audio[start:], follows=start > 0), extractor.mfcc(window))
