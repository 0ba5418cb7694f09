import os
import threading
from pathlib import Path

import pytest

from kws_live.errors import ConfigError, DatasetError
from kws_live.system.text_file import read_text, user_path


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be"])
def test_text_is_read_as_editors_save_it(tmp_path: Path, encoding: str) -> None:
    mark = "\ufeff" if encoding.startswith("utf-16-") else ""
    path = tmp_path / "a.txt"
    path.write_bytes((mark + "größe\r\nzwei\rdrei\n").encode(encoding))
    assert read_text(path) == "größe\nzwei\ndrei\n"


def test_a_byte_order_mark_inside_the_text_stays(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_text("a\ufeffb", encoding="utf-8")
    assert read_text(path) == "a\ufeffb"


@pytest.mark.parametrize("content", [b"\xff", b"\xfe\xff\xd8", b"abc\x80"])
def test_what_is_no_text_is_refused_in_one_line(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "a.txt"
    path.write_bytes(content)
    with pytest.raises(ConfigError, match=r"settings file .*a\.txt is not UTF-8 text") as raised:
        read_text(path, "settings file")
    assert "\n" not in str(raised.value)


def test_a_file_that_is_too_large_is_refused_and_one_of_the_limit_is_not(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_bytes(b"x" * 10)
    assert read_text(path, largest_bytes=10) == "x" * 10
    with pytest.raises(ConfigError, match="larger than 9 bytes"):
        read_text(path, largest_bytes=9)


def test_what_cannot_be_read_is_the_error_asked_for(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="No such file"):
        read_text(tmp_path / "none")
    with pytest.raises(DatasetError, match="cannot read labels"):
        read_text(tmp_path, "labels", error=DatasetError)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no named pipes")
def test_a_pipe_is_read_to_its_end(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    writer = threading.Thread(target=lambda: pipe.write_text("mode", encoding="utf-8"))
    writer.start()
    assert read_text(pipe) == "mode"
    writer.join()


def test_a_users_path_is_expanded(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("USERPROFILE", str(tmp_path))
    assert user_path("~/x") == tmp_path / "x"


@pytest.mark.parametrize("path", ["~nosuchuser/x", "a\0b", "~" + "a" * 300_000, "\0" * 300_000])
def test_what_cannot_be_a_path_is_refused_in_a_short_line(path: str) -> None:
    with pytest.raises(ConfigError, match=r"home folder|zero byte") as failure:
        user_path(path)
    assert len(str(failure.value)) < 500
    with pytest.raises(DatasetError):
        read_text(path, error=DatasetError)
