"""From recordings to features: parallel, resumable, deterministic."""

from pathlib import Path

import numpy as np
import pytest
import soundfile

from kws_live.cli import main
from kws_live.errors import DatasetError
from kws_live.model.features import PAPER, SPEECH, FeatureExtractor, FeatureSettings
from kws_live.training import preparation
from kws_live.training.dataset import FeatureArchive
from kws_live.training.preparation import prepare
from kws_live.training.recordings import find_recordings, read_second


@pytest.fixture
def words(tmp_path: Path) -> Path:
    rng = np.random.default_rng(3)
    for word in ("no", "yes"):
        (tmp_path / "words" / word).mkdir(parents=True)
        for number in range(4):
            path = tmp_path / "words" / word / f"{number}_nohash_0.wav"
            soundfile.write(path, 0.1 * rng.standard_normal(rng.integers(9_000, 20_000)), 16_000)
    return tmp_path / "words"


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


@pytest.mark.parametrize("settings", [SPEECH, PAPER])
def test_the_archive_holds_what_the_live_front_end_computes(
    words: Path, tmp_path: Path, settings: FeatureSettings
) -> None:
    result = prepare(words, tmp_path / "features", settings, jobs=1)
    assert result.counts == {"no": 4, "yes": 4}
    archive = FeatureArchive.open(tmp_path / "features")
    extractor = FeatureExtractor(settings)
    for row, recording in enumerate(find_recordings(words)):
        assert archive.names[row] == recording.clip.name
        expected = extractor.log_mel(read_second(recording, settings.sample_rate_hz))
        np.testing.assert_allclose(archive.decibels(np.array([row]))[0], expected, atol=0.05)


def test_bytes_do_not_depend_on_jobs_nor_on_where_a_run_was_interrupted(
    words: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(preparation, "PIECE", 3)  # three pieces from eight recordings
    prepare(words, tmp_path / "one", SPEECH, jobs=1)

    class Killed(BaseException):
        pass

    def kill_after_the_first_piece(done: int, _: int) -> None:
        if done:
            raise Killed

    with pytest.raises(Killed):
        prepare(words, tmp_path / "two", SPEECH, jobs=2, on_progress=kill_after_the_first_piece)
    assert not (tmp_path / "two").exists()
    progress: list[int] = []
    prepare(words, tmp_path / "two", SPEECH, jobs=2, on_progress=lambda done, _: progress.append(done))
    assert progress[0] >= 2, "the run goes on from the pieces that are there"
    assert progress[-1] == 8
    assert contents(tmp_path / "one") == contents(tmp_path / "two")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["one", "two", "words"]


def test_bad_recordings_are_listed_with_their_reason_and_skipped(words: Path, tmp_path: Path) -> None:
    (words / "no" / "1_nohash_0.wav").write_bytes(b"no sound")
    soundfile.write(words / "yes" / "2_nohash_0.wav", np.zeros(16_000), 16_000)
    result = prepare(words, tmp_path / "features", SPEECH, jobs=1)
    assert result.counts == {"no": 3, "yes": 3}
    assert sorted(result.skipped) == ["no/1_nohash_0.wav", "yes/2_nohash_0.wav"]
    assert "yes/2_nohash_0.wav,is digital silence" in (tmp_path / "features" / "skipped.csv").read_text()
    assert len(FeatureArchive.open(tmp_path / "features").names) == 6


def test_a_class_of_bad_recordings_only_is_an_error(words: Path, tmp_path: Path) -> None:
    for path in (words / "no").iterdir():
        path.write_bytes(b"no sound")
    with pytest.raises(DatasetError, match=r"class 'no' has no usable recording: the first, no/0_nohash_0"):
        prepare(words, tmp_path / "features", SPEECH, jobs=1)
    assert not (tmp_path / "features").exists()


def test_the_command_counts_clips_and_shows_what_it_skipped(
    words: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (words / "no" / "1_nohash_0.wav").write_bytes(b"no sound")
    assert main(["prepare", str(words), "--out", str(tmp_path / "features"), "--features", "paper", "--jobs", "1"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[:3] == ["       3 no", "       4 yes", f"       7 clips in {tmp_path / 'features'}"]
    assert lines[4].startswith("  no/1_nohash_0.wav: cannot be decoded")
    assert FeatureArchive.open(tmp_path / "features").settings == PAPER


def test_the_command_refuses_no_jobs(words: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["prepare", str(words), "--out", str(tmp_path / "features"), "--jobs", "0"]) == 1
    assert capsys.readouterr().err == "kws-live: --jobs 0 must be at least 1\n"


def test_an_archive_that_cannot_be_written_is_one_line(
    words: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").touch()
    assert main(["prepare", str(words), "--out", str(tmp_path / "file" / "features"), "--jobs", "1"]) == 1
    err = capsys.readouterr().err
    assert err.startswith(f"kws-live: cannot make {tmp_path / 'file' / 'features'}: ")
    assert err.count("\n") == 1
