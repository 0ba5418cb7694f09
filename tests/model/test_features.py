"""Features against librosa, the reference."""

from dataclasses import asdict, replace
from typing import Any

import librosa
import numpy as np
import pytest

from kws_live.audio import Samples
from kws_live.errors import ConfigError, ModelError
from kws_live.model.features import PAPER, SPEECH, FeatureExtractor, FeatureSettings, dct_matrix


def windows(rate_hz: int) -> dict[str, Samples]:
    rng = np.random.default_rng(0)
    time = np.arange(rate_hz) / rate_hz
    burst = np.where((time > 0.3) & (time < 0.6), rng.normal(0, 0.2, rate_hz), 0.0)
    signals = {
        "noise": rng.normal(0, 0.1, rate_hz),
        "soft noise": rng.normal(0, 1e-5, rate_hz),
        "sweep": 0.5 * np.sin(2 * np.pi * (100 + 1500 * time) * time),
        "word in silence": burst,
        "full scale square": np.sign(np.sin(2 * np.pi * 200 * time)),
        "digital silence": np.zeros(rate_hz),
        "one click": np.eye(1, rate_hz, rate_hz // 3)[0],
    }
    return {name: signal.astype(np.float32) for name, signal in signals.items()}


@pytest.mark.slow
@pytest.mark.parametrize("kind", windows(10))
def test_the_papers_mfcc_is_librosas(kind: str) -> None:
    window = windows(22_050)[kind]
    expected = librosa.feature.mfcc(y=window, sr=22_050, n_mfcc=13, n_fft=2048, hop_length=512).T
    got = FeatureExtractor(PAPER).mfcc(window)
    assert got.shape == (44, 13) == (PAPER.n_frames, PAPER.n_mfcc)
    assert got.dtype == np.float32
    np.testing.assert_allclose(got, expected, atol=1e-3, rtol=0)


def librosas_speech_mfcc(window: Samples) -> Any:
    mel = librosa.feature.melspectrogram(
        y=np.pad(window, 16),  # the first 480-sample frame in the middle of the first 512-sample transform
        sr=16_000, n_fft=512, win_length=480, hop_length=160, center=False, power=2.0,
        n_mels=40, fmin=0.0, fmax=4000.0, htk=True, norm=None,
    )  # fmt: skip
    return librosa.feature.mfcc(S=10 * np.log10(mel + 10**-6.25), n_mfcc=40).T


@pytest.mark.parametrize("kind", windows(10))
def test_the_default_models_mfcc_is_librosas(kind: str) -> None:
    window = windows(16_000)[kind]
    got = FeatureExtractor(SPEECH).mfcc(window)
    assert got.shape == (98, 40) == (SPEECH.n_frames, SPEECH.n_mfcc)
    np.testing.assert_allclose(got, librosas_speech_mfcc(window), atol=1e-3, rtol=0)


def test_a_frame_without_top_db_does_not_depend_on_the_rest_of_the_window() -> None:
    long = windows(32_000)["noise"]
    extractor = FeatureExtractor(SPEECH)
    first, shifted = extractor.mfcc(long[:16_000]), extractor.mfcc(long[1600:17_600])
    np.testing.assert_allclose(first[10:], shifted[:-10], atol=1e-3)


def test_the_dct_is_orthonormal() -> None:
    matrix = dct_matrix(40, 40)
    np.testing.assert_allclose(matrix @ matrix.T, np.eye(40), atol=1e-5)
    np.testing.assert_array_equal(dct_matrix(13, 40), matrix[:13])


def test_a_bank_that_is_given_is_used_and_equals_librosas() -> None:
    bank = SPEECH.mel_filters()
    window = windows(16_000)["sweep"]
    np.testing.assert_array_equal(FeatureExtractor(SPEECH, bank).mfcc(window), FeatureExtractor(SPEECH).mfcc(window))
    assert not np.array_equal(FeatureExtractor(SPEECH, 2 * bank).mfcc(window), FeatureExtractor(SPEECH).mfcc(window))


@pytest.mark.parametrize("bank", [np.zeros((40, 256)), np.zeros(40), np.full((40, 257), np.nan)])
def test_a_bank_of_another_shape_or_with_nan_is_refused(bank: Any) -> None:
    with pytest.raises(ModelError, match=r"\(40, 257\)"):
        FeatureExtractor(SPEECH, bank)


def test_a_window_shorter_than_a_frame_is_refused() -> None:
    with pytest.raises(ValueError):
        FeatureExtractor(SPEECH).mfcc(np.zeros(100, np.float32))


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("frame_samples", 0), ("frame_samples", 513), ("n_fft", 100_000), ("hop_samples", 0), ("hop_samples", 16_001),
        ("n_mfcc", 0), ("n_mfcc", 41), ("n_mels", 513), ("fmin_hz", -1.0), ("fmin_hz", 4000.0), ("fmax_hz", 8001.0),
        ("floor_power", 0.0), ("floor_power", float("nan")), ("fmax_hz", float("nan")), ("top_db", float("nan")),
        ("top_db", -1.0), ("floor", "clmap"), ("mel_scale", "bark"), ("mel_norm", "area"),
    ],
)  # fmt: skip
def test_impossible_settings_are_refused_with_the_value_given(name: str, value: Any) -> None:
    with pytest.raises(ConfigError, match=str(value)):
        replace(SPEECH, **{name: value})


@pytest.mark.parametrize("change", [{"n_mfcc": "40"}, {"n_mfcc": 40.0}, {"hop": 160}, {"centered": "no"}])
def test_a_card_with_a_wrong_type_or_an_unknown_key_is_a_model_error(change: dict[str, Any]) -> None:
    with pytest.raises(ModelError, match="feature settings"):
        FeatureSettings.from_dict({**asdict(SPEECH), **change})


def test_settings_survive_the_way_through_a_card() -> None:
    assert FeatureSettings.from_dict(asdict(SPEECH)) == SPEECH
    assert FeatureSettings.from_dict(asdict(PAPER)) == PAPER
