"""Kept recordings are sorted: where they go, and that nothing deletes them then."""

from pathlib import Path

import pytest

from kws_live.errors import ConfigError
from kws_live.sinks.kept_clips import sort_clip, unsorted_clips


def kept(folder: Path, word: str, day: int = 1) -> Path:
    clip = folder / word / f"202611{day:02}-120000_5000_detection.flac"
    clip.parent.mkdir(parents=True, exist_ok=True)
    for path in (clip, clip.with_suffix(".json")):
        path.write_text("x")
    return clip


def test_clips_wait_the_oldest_first_until_they_are_sorted(tmp_path: Path) -> None:
    new, old = kept(tmp_path, "yes", 2), kept(tmp_path, "no", 1)
    (tmp_path / "yes" / "mine.flac").write_text("x")
    assert unsorted_clips(tmp_path) == [old, new]
    sort_clip(old, is_right=True)
    sort_clip(new, is_right=False)
    assert unsorted_clips(tmp_path) == []


@pytest.mark.parametrize(
    ("is_right", "folder", "end"), [(True, "yes", "_detection_right"), (False, "_unknown_", "_detection_not_yes")]
)
def test_a_right_one_stays_with_its_word_and_a_wrong_one_goes_to_the_unknown_ones(
    tmp_path: Path, is_right: bool, folder: str, end: str
) -> None:
    target = sort_clip(kept(tmp_path, "yes"), is_right)
    assert target.parent == tmp_path / folder
    assert target.stem.endswith(end)
    assert sorted(path.suffix for path in tmp_path.glob("*/*.*")) == [".flac", ".json"]
    assert target.with_suffix(".json").is_file()


def test_a_clip_that_cannot_be_moved_is_told_in_one_line(tmp_path: Path) -> None:
    clip = kept(tmp_path, "yes")
    (tmp_path / "_unknown_").write_text("in the way")
    with pytest.raises(ConfigError, match=r"cannot move .* to .*_unknown_"):
        sort_clip(clip, is_right=False)
    assert clip.is_file()
