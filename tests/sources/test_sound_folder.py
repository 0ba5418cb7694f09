"""Folders of recordings as people have them."""

import logging
import sys
from pathlib import Path

import pytest

from kws_live.errors import DatasetError
from kws_live.sources.sound_folder import sound_files, subfolders


def touch(path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.touch()
    return path


def names(folder: Path, **options: bool) -> list[str]:
    return [path.relative_to(folder).as_posix() for path in sound_files(folder, **options)]


@pytest.fixture
def no_ffmpeg(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path / "nothing"))


@pytest.fixture
def an_ffmpeg(monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory) -> None:
    place = tmp_path_factory.mktemp("bin")
    name = "ffmpeg.exe" if sys.platform == "win32" else "ffmpeg"
    touch(place / name).chmod(0o755)
    monkeypatch.setenv("PATH", str(place))


def test_sound_files_are_listed_in_order_and_nothing_else(tmp_path: Path) -> None:
    for name in ("b.WAV", "a.flac", "c.txt", "d", "e.opus", "deep/f.ogg", "g.wav/h.mp3"):
        touch(tmp_path / name)
    assert names(tmp_path) == ["a.flac", "b.WAV", "e.opus"]
    assert names(tmp_path, deep=True) == ["a.flac", "b.WAV", "deep/f.ogg", "e.opus", "g.wav/h.mp3"]
    with pytest.raises(DatasetError, match="none is not a folder"):
        names(tmp_path / "none")


def test_what_is_hidden_is_not_meant(tmp_path: Path) -> None:
    for name in ("a.wav", "._a.wav", ".b.wav", ".git/c.wav", "d/._e.wav", "d/.f/g.wav"):
        touch(tmp_path / name)
    assert names(tmp_path, deep=True) == ["a.wav"]
    assert names(tmp_path / ".git") == ["c.wav"]  # given by name, it is meant
    assert [path.name for path in subfolders(tmp_path)] == ["d"]


@pytest.mark.skipif(sys.platform == "win32", reason="links as POSIX has them")
def test_links_are_followed_and_each_folder_is_listed_once(tmp_path: Path) -> None:
    touch(tmp_path / "a" / "1.wav")
    touch(tmp_path / "elsewhere" / "2.wav")
    (tmp_path / "a" / "round").symlink_to(tmp_path / "a")
    (tmp_path / "a" / "up").symlink_to(tmp_path / "a" / "round" / "up")
    (tmp_path / "a" / "other").symlink_to(tmp_path / "elsewhere")
    (tmp_path / "a" / "same").symlink_to(tmp_path / "elsewhere")
    (tmp_path / "a" / "3.wav").symlink_to(tmp_path / "elsewhere" / "2.wav")
    (tmp_path / "a" / "gone.wav").symlink_to(tmp_path / "nowhere")
    assert names(tmp_path / "a", deep=True) == ["1.wav", "3.wav", "other/2.wav"]


@pytest.mark.usefixtures("an_ffmpeg")
def test_what_ffmpeg_reads_is_listed_where_it_is_installed(tmp_path: Path) -> None:
    for name in ("a.m4a", "b.wav", "c.webm", "d.amr"):
        touch(tmp_path / name)
    assert names(tmp_path) == ["a.m4a", "b.wav", "c.webm", "d.amr"]
    assert names(tmp_path, ffmpeg=False) == ["b.wav"]


@pytest.mark.usefixtures("no_ffmpeg")
def test_what_needs_ffmpeg_is_told_where_there_is_none(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    for name in ("a.m4a", "b.wav", "c.webm"):
        touch(tmp_path / name)
    with caplog.at_level(logging.WARNING):
        assert names(tmp_path) == ["b.wav"]
    assert len(caplog.messages) == 1
    assert "a.m4a and 1 more" in caplog.text
    assert "install ffmpeg" in caplog.text
