"""Finding labelled recordings, their sets, and reading one second."""

import csv
import re
from pathlib import Path

import numpy as np
import pytest
import soundfile

from kws_live.errors import DatasetError
from kws_live.training.dataset import BACKGROUND, ClipInfo
from kws_live.training.recordings import Recording, find_recordings, read_second, which_set


def tone(path: Path, seconds: float = 1.0, rate_hz: int = 16_000, hz: float = 440.0) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    time = np.arange(round(seconds * rate_hz)) / rate_hz
    soundfile.write(path, 0.3 * np.sin(2 * np.pi * hz * time), rate_hz)
    return path


def sets_of(data: Path) -> dict[str, str]:
    return {recording.clip.name: recording.clip.set for recording in find_recordings(data)}


def test_every_take_of_a_speaker_is_in_the_set_of_the_speaker() -> None:
    assert len({which_set(f"yes/{speaker}_nohash_{take}.wav") for speaker in ("0a7c2a8d",) for take in range(9)}) == 1
    assert which_set("0a7c2a8d_nohash_3.wav") == which_set("0a7c2a8d")


def test_about_ten_percent_of_the_speakers_validate_and_ten_percent_test() -> None:
    sets = [which_set(f"{number:08x}") for number in range(5000)]
    assert 0.08 < sets.count("val") / 5000 < 0.12
    assert 0.08 < sets.count("test") / 5000 < 0.12


def test_the_hash_rule_gives_every_real_recording_its_official_set(real_data: Path) -> None:
    with (real_data / "commands.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) > 6000
    assert [which_set(row["path"]) for row in rows] == [row["set"] for row in rows]


def test_a_folder_of_class_folders_gives_sorted_clips_with_speakers(tmp_path: Path) -> None:
    tone(tmp_path / "yes" / "b2_nohash_0.wav")
    tone(tmp_path / "no" / "mine.flac", rate_hz=44_100)
    tone(tmp_path / "no" / "a1_nohash_1.OGG")
    (tmp_path / "no" / "notes.txt").write_text("not a sound")
    clips = [recording.clip for recording in find_recordings(tmp_path)]
    assert [(clip.name, clip.label, clip.speaker) for clip in clips] == [
        ("no/a1_nohash_1.OGG", "no", "a1"),
        ("no/mine.flac", "no", ""),
        ("yes/b2_nohash_0.wav", "yes", "b2"),
    ]


def test_the_lists_decide_where_there_are_lists(tmp_path: Path) -> None:
    for speaker in "abcd":
        tone(tmp_path / "yes" / f"{speaker}_nohash_0.wav", seconds=0.1)
    (tmp_path / "validation_list.txt").write_text("yes/b_nohash_0.wav\n")
    (tmp_path / "testing_list.txt").write_text("yes/c_nohash_0.wav\nyes/gone_nohash_0.wav\n")
    assert list(sets_of(tmp_path).values()) == ["train", "val", "test", "train"]


def test_background_is_cut_into_seconds_and_its_end_is_kept_for_validation_and_test(tmp_path: Path) -> None:
    tone(tmp_path / "yes" / "a_nohash_0.wav")
    tone(tmp_path / BACKGROUND / "rain.wav", seconds=10.5)
    sets = [clip_set for name, clip_set in sets_of(tmp_path).items() if name.startswith(BACKGROUND)]
    assert sets == ["train"] * 8 + ["val", "test"]


def test_a_class_without_recordings_is_an_error(tmp_path: Path) -> None:
    tone(tmp_path / "yes" / "a_nohash_0.wav")
    (tmp_path / "no").mkdir()
    with pytest.raises(DatasetError, match=r"no has no recordings \(\.flac"):
        find_recordings(tmp_path)


@pytest.mark.parametrize("name", ["nothing", "empty"])
def test_a_folder_without_words_is_an_error(tmp_path: Path, name: str) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(DatasetError, match=re.escape(str(tmp_path / name))):
        find_recordings(tmp_path / name)


def test_a_manifest_names_paths_beside_itself(tmp_path: Path) -> None:
    manifest = tmp_path / "clips.csv"
    manifest.write_text("path,label,speaker,set\nb.wav,yes,anna,test\na.wav,no,,train\n")
    found = find_recordings(manifest)
    assert [recording.path for recording in found] == [tmp_path / "a.wav", tmp_path / "b.wav"]
    assert [recording.clip for recording in found] == [
        ClipInfo("a.wav", "no", "", "train"),
        ClipInfo("b.wav", "yes", "anna", "test"),
    ]


def test_a_manifest_without_sets_never_splits_a_speaker(tmp_path: Path) -> None:
    rows = [f"{take}/{speaker}.wav,yes,speaker{speaker}" for speaker in range(40) for take in range(3)]
    (tmp_path / "clips.csv").write_text("path,label,speaker\n" + "\n".join(rows))
    found = find_recordings(tmp_path / "clips.csv")
    assert len({(recording.clip.speaker, recording.clip.set) for recording in found}) == 40
    assert len({recording.clip.set for recording in found}) == 3


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("file,word\na.wav,yes\n", "needs the columns path,label"),
        ("path,label\n", "lists no recordings"),
        ("path,label\na.wav,\n", "line 2: path and label must not be empty"),
        ("path,label,set\na.wav,yes,dev\n", "line 2: set 'dev' is not one of train, val, test"),
        ("path,label\na.wav,yes\na.wav,no\n", "lists 'a.wav' twice"),
        ("path,label,speaker,set\na.wav,yes,anna,train\nb.wav,yes,anna,val\n", "speaker 'anna' is in train and val"),
    ],
)
def test_a_manifest_that_cannot_be_used_says_why(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "clips.csv").write_text(text)
    with pytest.raises(DatasetError, match=message):
        find_recordings(tmp_path / "clips.csv")


@pytest.mark.parametrize(("suffix", "rate_hz"), [(".wav", 16_000), (".flac", 44_100), (".ogg", 8_000)])
def test_any_rate_and_format_becomes_the_same_second(tmp_path: Path, suffix: str, rate_hz: int) -> None:
    path = tone(tmp_path / f"a{suffix}", seconds=1.0, rate_hz=rate_hz)
    second = read_second(Recording(ClipInfo(path.name, "a", "", "train"), path), 16_000)
    expected = 0.3 * np.sin(2 * np.pi * 440 * np.arange(16_000) / 16_000)
    assert second.shape == (16_000,)
    np.testing.assert_allclose(second[2000:-2000], expected[2000:-2000], atol=0.03)


def test_a_background_window_is_the_second_asked_for(tmp_path: Path) -> None:
    path = tmp_path / "steps.wav"
    soundfile.write(path, np.repeat([0.1, 0.2, 0.3], 16_000), 16_000)
    window = read_second(Recording(ClipInfo("x", BACKGROUND, "", "train"), path, start_seconds=1.0), 16_000)
    np.testing.assert_allclose(window, 0.2, atol=1e-4)


def test_recordings_that_cannot_be_used_say_why(tmp_path: Path) -> None:
    def reason(samples: np.ndarray | None, subtype: str = "FLOAT") -> str:
        path = tmp_path / "bad.wav"
        if samples is None:
            path.write_bytes(b"RIFF but no more")
        else:
            soundfile.write(path, samples, 16_000, subtype=subtype)
        with pytest.raises(DatasetError) as raised:
            read_second(Recording(ClipInfo("bad.wav", "a", "", "train"), path), 16_000)
        return str(raised.value)

    assert "cannot be decoded" in reason(None)
    assert reason(np.zeros(0)) == "contains no samples"
    assert reason(np.full(100, np.nan)) == "contains NaN or infinity"
    assert reason(np.zeros(100)) == "is digital silence"
