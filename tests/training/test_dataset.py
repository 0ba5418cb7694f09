"""Feature archives and the reader of log mel images."""

import json
import zipfile
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from kws_live.errors import DatasetError
from kws_live.model.features import SPEECH, FeatureExtractor, dct_matrix
from kws_live.training.corpora.image_archive import import_images
from kws_live.training.dataset import BACKGROUND, ClipInfo, FeatureArchive, StoredValues, write_archive
from kws_live.training.recordings import Recording, find_recordings, read_second

pytestmark = pytest.mark.slow

CLIPS = (
    ClipInfo("yes/a.wav", "yes", "anna", "train"),
    ClipInfo("no/b, c.wav", "no", "", "val"),
    ClipInfo("yes/d.wav", "yes", "berta", "train"),
)


def write(folder: Path) -> np.ndarray:
    log_mel = np.random.default_rng(1).normal(-30, 10, (3, SPEECH.n_frames, SPEECH.n_mels)).astype(np.float16)
    write_archive(folder, SPEECH, StoredValues("float16"), CLIPS, log_mel, [("yes/e.wav", "is digital silence")])
    return log_mel


def test_an_archive_gives_back_what_was_written(tmp_path: Path) -> None:
    log_mel = write(tmp_path / "features")
    archive = FeatureArchive.open(tmp_path / "features")
    assert archive.settings == SPEECH
    np.testing.assert_array_equal(archive.log_mel, log_mel)
    assert list(archive.names) == ["yes/a.wav", "no/b, c.wav", "yes/d.wav"]
    assert list(archive.speakers) == ["anna", "", "berta"]
    assert list(archive.rows("train")) == [0, 2]
    assert list(archive.rows("train", ["no"])) == []
    assert (tmp_path / "features" / "skipped.csv").read_text() == "name,reason\nyes/e.wav,is digital silence\n"
    assert [path.name for path in tmp_path.iterdir()] == ["features"]


def test_mfcc_are_the_cosine_transform_of_the_decibels(tmp_path: Path) -> None:
    log_mel = write(tmp_path / "features").astype(np.float32)
    archive = FeatureArchive.open(tmp_path / "features")
    mfcc = archive.mfcc(np.array([2, 0]), 13)
    assert mfcc.shape == (2, SPEECH.n_frames, 13)
    np.testing.assert_allclose(mfcc[1], log_mel[0] @ dct_matrix(13, 40).T, rtol=1e-5, atol=1e-3)


def test_an_archive_replaces_an_older_one_but_never_another_folder(tmp_path: Path) -> None:
    write(tmp_path / "features")
    write(tmp_path / "features")
    (tmp_path / "photos").mkdir()
    (tmp_path / "photos" / "cat.jpg").write_bytes(b"miaow")
    with pytest.raises(DatasetError, match="photos exists and is not a feature archive"):
        write(tmp_path / "photos")
    assert (tmp_path / "photos" / "cat.jpg").exists()


def test_a_folder_that_is_no_archive_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match="is not a feature archive"):
        FeatureArchive.open(tmp_path)


@pytest.mark.parametrize("part", ["log_mel.npy", "index.csv", "settings.json"])
def test_a_damaged_part_is_refused(tmp_path: Path, part: str) -> None:
    write(tmp_path / "features")
    (tmp_path / "features" / part).write_text("1,2,3")
    with pytest.raises(DatasetError, match="features"):
        FeatureArchive.open(tmp_path / "features")


def test_parts_that_do_not_belong_together_are_refused(tmp_path: Path) -> None:
    write(tmp_path / "features")
    np.save(tmp_path / "features" / "log_mel.npy", np.zeros((2, 98, 40), np.float16))
    with pytest.raises(DatasetError, match=r"contains float16 \(2, 98, 40\), not float16 \(3, 98, 40\)"):
        FeatureArchive.open(tmp_path / "features")


def make_zip(path: Path, pixels: np.ndarray, rows: str) -> Path:
    with zipfile.ZipFile(path, "w") as images:
        buffer = BytesIO()
        Image.fromarray(pixels).save(buffer, "jpeg", quality=100)
        images.writestr("yes/a.jpg", buffer.getvalue())
        images.writestr("images.csv", "path,word,speaker,set\n" + rows)
    return path


def test_images_become_an_archive_in_decibels(tmp_path: Path) -> None:
    grey = np.full((98, 40), 100, np.uint8)
    rows = "yes/a.jpg,yes,anna,val\nyes/a.jpg,_background_,,train\n"
    assert import_images(make_zip(tmp_path / "i.zip", grey, rows), tmp_path / "features") == 2
    archive = FeatureArchive.open(tmp_path / "features")
    assert list(archive.labels) == ["yes", BACKGROUND]
    assert list(archive.sets) == ["val", "train"]
    # v = (100 - 146.45) / 23.09 = -2.01169, in dB ten times that; a pixel is 0.43 dB.
    np.testing.assert_allclose(archive.decibels(np.array([0])), -20.1169, atol=0.44)
    assert json.loads((tmp_path / "features" / "settings.json").read_text())["values"]["dtype"] == "uint8"


@pytest.mark.parametrize(
    ("shape", "rows", "message"),
    [
        ((97, 40), "yes/a.jpg,yes,anna,val\n", r"yes/a.jpg is \(97, 40\), not \(98, 40\) pixels"),
        ((98, 40), "yes/gone.jpg,yes,anna,val\n", "yes/gone.jpg"),
        ((98, 40), "yes/a.jpg,yes,anna,dev\n", "set 'dev' is not one of"),
    ],
)
def test_images_that_do_not_fit_are_refused(tmp_path: Path, shape: tuple[int, int], rows: str, message: str) -> None:
    path = make_zip(tmp_path / "i.zip", np.zeros(shape, np.uint8), rows)
    with pytest.raises(DatasetError, match=message):
        import_images(path, tmp_path / "features")
    assert not (tmp_path / "features").exists()


def test_a_file_that_is_no_zip_is_refused(tmp_path: Path) -> None:
    (tmp_path / "i.zip").write_bytes(b"not a zip")
    with pytest.raises(DatasetError, match="is not an archive of log-mel images"):
        import_images(tmp_path / "i.zip", tmp_path / "features")


def test_features_of_recordings_are_those_of_the_images_of_the_same_clips(real_data: Path, tmp_path: Path) -> None:
    recordings = [recording for recording in find_recordings(real_data / "commands") if recording.clip.label == "left"]
    rows = ["path,word,speaker,set"]
    kept: list[Recording] = []
    with zipfile.ZipFile(real_data / "logmel40_v0.02.zip") as images, zipfile.ZipFile(tmp_path / "few.zip", "w") as few:
        there = set(images.namelist())
        for recording in recordings:
            name = f"left/{recording.path.stem}.left.jpg"
            if name in there and len(kept) < 60:
                kept.append(recording)
                rows.append(f"{name},left,{recording.clip.speaker},{recording.clip.set}")
                few.writestr(name, images.read(name))
        few.writestr("images.csv", "\n".join(rows))
    import_images(tmp_path / "few.zip", tmp_path / "features")
    archive = FeatureArchive.open(tmp_path / "features")
    extractor = FeatureExtractor(SPEECH)
    computed = np.array([extractor.log_mel(read_second(recording, 16_000)) for recording in kept])
    differences = np.sqrt(np.mean((archive.decibels(np.arange(60)) - computed) ** 2, axis=(1, 2)))
    # v0.02 renumbered takes, so nearly half of the names are other takes of the same speaker: the best quarter counts.
    # JPEG leaves about 1.9 dB and Opus some more.
    assert np.quantile(differences, 0.25) < 2.8
