"""Running speech, recorded noise and synthetic noise."""

from pathlib import Path

import numpy as np
import pytest
import soundfile

from kws_live.errors import DatasetError
from kws_live.model.features import SPEECH, FeatureExtractor
from kws_live.training.corpora import negatives
from kws_live.training.corpora.negatives import _SOUNDS, long_windows, synthetic_noise, write_negatives
from kws_live.training.corpora.transcripts import Word
from kws_live.training.dataset import BACKGROUND, FeatureArchive, SetName

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def extractor() -> FeatureExtractor:
    return FeatureExtractor(SPEECH)


def test_windows_of_a_long_recording_equal_their_own_spectra(extractor: FeatureExtractor) -> None:
    samples = np.random.default_rng(1).normal(0, 0.1, 30_000).astype(np.float32)
    windows = list(long_windows(extractor, samples, hop_frames=40))
    assert len(windows) == 3  # starts at 0, 6,400 and 12,800; 19,200 would end after the recording
    for i, window in enumerate(windows):
        np.testing.assert_allclose(window, extractor.log_mel(samples[i * 6400 :][:16_000]), atol=1e-4)


@pytest.mark.twin("test_windows_of_a_long_recording_equal_their_own_spectra")
def test_a_recording_shorter_than_a_window_gives_none(extractor: FeatureExtractor) -> None:
    assert list(long_windows(extractor, np.zeros(15_999, dtype=np.float32), 10)) == []


@pytest.mark.parametrize("sound", _SOUNDS)
def test_every_synthetic_sound_is_finite_and_not_silent(sound: object) -> None:
    for seed in range(4):
        made = sound(np.random.default_rng(seed), 16_000)  # type: ignore[operator]
        assert made.shape == (16_000,)
        assert np.isfinite(made).all()
        assert np.abs(made).max() > 0


def test_synthetic_noise_is_repeatable_within_range_and_varied() -> None:
    made = [synthetic_noise(np.random.default_rng([7, i]), 16_000) for i in range(12)]
    np.testing.assert_array_equal(made[3], synthetic_noise(np.random.default_rng([7, 3]), 16_000))
    assert all(noise.dtype == np.float32 and np.abs(noise).max() <= 1.001 for noise in made)
    assert len({round(float(np.abs(noise).max()), 6) for noise in made}) == 12


def test_an_archive_of_negatives_keeps_speakers_and_the_ends_of_noise_apart(tmp_path: Path) -> None:
    rng = np.random.default_rng(2)
    for speaker in ("11", "22"):
        folder = tmp_path / "speech" / speaker
        folder.mkdir(parents=True)
        (folder / f"{speaker}-1.trans.txt").write_text(f"{speaker}-1-0 ANY TALK\n")
        soundfile.write(folder / f"{speaker}-1-0.wav", rng.normal(0, 0.1, 24_000), 16_000)
    soundfile.write(tmp_path / "tap.wav", rng.normal(0, 0.1, 16_000 * 12), 16_000)
    speech: dict[Path, SetName] = {tmp_path / "speech" / "11": "train", tmp_path / "speech" / "22": "val"}
    n = write_negatives(tmp_path / "out", SPEECH, ["go"], speech, [tmp_path / "tap.wav"], seed=1, n_synthetic=20)
    archive = FeatureArchive.open(tmp_path / "out")
    assert n == len(archive.names)
    assert {str(s) for s in archive.sets[archive.speakers == "11"]} == {"train"}
    assert {str(s) for s in archive.sets[archive.speakers == "22"]} == {"val"}
    noise = archive.labels == BACKGROUND
    assert {str(s) for s in archive.sets[noise]} == {"train", "val"}
    # 10.2 s for training and 1.8 s for validation, a window each 0.2 s; a tenth of the synthetic ones validates
    assert (noise & (archive.sets == "train")).sum() == 47 + 18
    assert (noise & (archive.sets == "val")).sum() == 5 + 2


def test_many_speakers_give_fewer_windows_each(tmp_path: Path) -> None:
    folder = tmp_path / "11"
    folder.mkdir()
    (folder / "11-1.trans.txt").write_text("11-1-0 ANY TALK\n")
    soundfile.write(folder / "11-1-0.wav", np.random.default_rng(2).normal(0, 0.1, 32_000), 16_000)
    # 198 frames hold windows of 98 from frame 0 to 100
    assert write_negatives(tmp_path / "dense", SPEECH, ["go"], {folder: "train"}) == 11
    assert write_negatives(tmp_path / "sparse", SPEECH, ["go"], {folder: "train"}, hop_frames=25) == 5


def test_windows_around_a_word_whose_time_is_known_are_left_out(tmp_path: Path) -> None:
    folder = tmp_path / "11"
    folder.mkdir()
    (folder / "11-1.trans.txt").write_text("11-1-0 THEN GO THERE\n")
    soundfile.write(folder / "11-1-0.wav", np.random.default_rng(2).normal(0, 0.1, 64_000), 16_000)
    times = {"11-1-0": [Word("THEN", 0.2, 0.5, 1.0), Word("GO", 1.5, 1.8, 1.0), Word("THERE", 2.0, 2.5, 1.0)]}
    # starts from 0 to 3 s in steps of 0.25; those from 0.5 to 1.75 reach into 1.35 to 1.95
    assert write_negatives(tmp_path / "out", SPEECH, ["go"], {folder: "train"}, hop_frames=25, times=times) == 7
    assert write_negatives(tmp_path / "all", SPEECH, ["no"], {folder: "train"}, hop_frames=25, times=times) == 13


def test_a_recording_at_another_rate_is_refused(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "x.wav", np.zeros(100), 8000)
    with pytest.raises(DatasetError, match="at 8000 Hz; convert it to 16000 Hz"):
        negatives.read_speech_rate(tmp_path / "x.wav")
