import os
from pathlib import Path

import pytest

from kws_live.system.file_watch import FileWatch


def touch_later(path: Path) -> None:
    """A time of change that is another, however coarse the clock of the file system is."""
    status = path.stat()
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns + 2_000_000_000))


def test_a_change_is_seen_once(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_text("one")
    watch = FileWatch(path)
    assert not watch.changed()
    path.write_text("two")
    touch_later(path)
    assert watch.changed()
    assert not watch.changed()


def test_a_file_that_comes_back_as_another_has_changed_and_one_that_is_gone_has_not(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_text("one")
    watch = FileWatch(path)
    path.unlink()
    assert not watch.changed()
    path.write_text("three")
    assert watch.changed()


@pytest.mark.twin("test_a_change_is_seen_once")
@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no named pipes")
def test_a_pipe_never_changes(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    watch = FileWatch(pipe)
    touch_later(pipe)
    assert not watch.changed()
