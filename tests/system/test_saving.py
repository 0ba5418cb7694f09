"""Files are written whole, and stay what they are: links, modes, mounts, devices."""

import os
import stat
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from kws_live.system.saving import private_folder, replacing, replacing_folder, write_file

ON_POSIX = pytest.mark.skipif(sys.platform == "win32", reason="modes and links as POSIX has them")


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def fails(path: Path) -> None:
    with replacing(path) as file:
        file.write(b"ne")
        raise RuntimeError


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


@pytest.fixture(params=[0o022, 0o077, 0o002])
def umask(request: pytest.FixtureRequest) -> Iterator[int]:
    old = os.umask(request.param)
    yield request.param
    os.umask(old)


def test_a_file_is_written_and_nothing_else_is_left(tmp_path: Path) -> None:
    write_file(tmp_path / "a", "größe\n")
    assert (tmp_path / "a").read_bytes() == "größe\n".encode()
    write_file(tmp_path / "a", b"new")
    assert (tmp_path / "a").read_bytes() == b"new"
    assert names(tmp_path) == ["a"]


def test_an_error_while_writing_leaves_the_old_file(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("old")
    with pytest.raises(RuntimeError):
        fails(tmp_path / "a")
    assert (tmp_path / "a").read_text() == "old"
    assert names(tmp_path) == ["a"]


@ON_POSIX
def test_a_new_file_is_as_the_umask_has_it_and_a_private_one_is_not(tmp_path: Path, umask: int) -> None:
    write_file(tmp_path / "a", "")
    assert mode(tmp_path / "a") == 0o666 & ~umask
    write_file(tmp_path / "b", "", private=True)
    assert mode(tmp_path / "b") == 0o600


@ON_POSIX
@pytest.mark.parametrize("kept", [0o600, 0o640, 0o444, 0o755])
def test_the_mode_of_a_file_is_kept(tmp_path: Path, kept: int) -> None:
    path = tmp_path / "a"
    path.touch()
    path.chmod(kept)
    write_file(path, "new")
    assert mode(path) == kept


@ON_POSIX
def test_a_private_file_that_was_open_to_all_is_so_no_more(tmp_path: Path) -> None:
    path = tmp_path / "a"
    path.touch(mode=0o666)
    write_file(path, "new", private=True)
    assert mode(path) == 0o600


@ON_POSIX
def test_a_link_stays_and_what_it_leads_to_is_written(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "real" / "a").write_text("old")
    (tmp_path / "b").symlink_to(Path("real") / "a")
    (tmp_path / "c").symlink_to(tmp_path / "b")
    write_file(tmp_path / "c", "new")
    assert (tmp_path / "c").is_symlink()
    assert (tmp_path / "b").is_symlink()
    assert (tmp_path / "real" / "a").read_text() == "new"
    (tmp_path / "real" / "a").unlink()
    write_file(tmp_path / "c", "made")
    assert (tmp_path / "real" / "a").read_text() == "made"


@ON_POSIX
def test_links_in_a_circle_are_an_error(tmp_path: Path) -> None:
    (tmp_path / "a").symlink_to(tmp_path / "b")
    (tmp_path / "b").symlink_to(tmp_path / "a")
    with pytest.raises(OSError):
        write_file(tmp_path / "a", "new")


@ON_POSIX
def test_every_name_of_a_file_has_the_new_content(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("old and long")
    os.link(tmp_path / "a", tmp_path / "b")
    write_file(tmp_path / "a", "new")
    assert (tmp_path / "b").read_text() == "new"


def test_what_is_a_folder_is_an_error_and_nothing_is_left(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    with pytest.raises(OSError):
        write_file(tmp_path / "a", "new")
    assert names(tmp_path) == ["a"]


@pytest.mark.slow
def test_two_threads_that_save_the_same_file_never_fail(tmp_path: Path) -> None:
    path = tmp_path / "a"
    failures: list[BaseException] = []

    def save(content: bytes) -> None:
        try:
            for _ in range(200):
                write_file(path, content)
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=save, args=(letter * 5000,)) for letter in (b"a", b"b", b"c")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failures
    assert path.read_bytes() in (b"a" * 5000, b"b" * 5000, b"c" * 5000)
    assert names(tmp_path) == ["a"]


@pytest.mark.usefixtures("can_mount")
def test_a_file_that_is_mounted_by_itself_is_overwritten_where_it_is(tmp_path: Path) -> None:
    inside, outside = tmp_path / "inside", tmp_path / "outside"
    inside.write_text("")
    outside.write_text("old and long")
    outside.chmod(0o640)
    program = f"from kws_live.system.saving import write_file; write_file({str(inside)!r}, 'new')"
    mount = 'mount --bind "$1" "$2" && "$3" -c "$4"'
    subprocess.run(["unshare", "-m", "sh", "-c", mount, "sh", outside, inside, sys.executable, program], check=True)
    assert (outside.read_text(), inside.read_text()) == ("new", "")
    assert mode(outside) == 0o640
    assert names(tmp_path) == ["inside", "outside"]


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no such device")
def test_a_device_is_written_to_and_not_replaced() -> None:
    before = Path("/dev/full").stat()
    with pytest.raises(OSError, match="No space left"):
        write_file("/dev/full", "new")
    write_file("/dev/null", "new")
    assert Path("/dev/full").stat().st_rdev == before.st_rdev


@pytest.mark.skipif(not Path("/dev/stdout").exists(), reason="no such device")
@pytest.mark.parametrize("name", ["/dev/stdout", "/dev/fd/1", "/proc/self/fd/1"])
@pytest.mark.parametrize("to_file", [True, False], ids=["file", "pipe"])
def test_the_standard_output_is_written_to_in_turn(tmp_path: Path, name: str, to_file: bool) -> None:
    if not Path(name).exists():
        pytest.skip("no such name here")
    program = f"from kws_live.system.saving import write_file; write_file({name!r}, 'one '); print('two')"
    if to_file:
        with (tmp_path / "a").open("wb") as file:
            subprocess.run([sys.executable, "-c", program], stdout=file, check=True)
        assert (tmp_path / "a").read_text() == "one two\n"
    else:
        assert subprocess.run([sys.executable, "-c", program], capture_output=True, check=True).stdout == b"one two\n"


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() != 0, reason="needs another user")
def test_what_another_user_owns_stays_theirs(tmp_path: Path) -> None:
    (tmp_path / "a").touch(mode=0o600)
    os.chown(tmp_path / "a", 12345, 54321)
    write_file(tmp_path / "a", "new")
    status = (tmp_path / "a").stat()
    assert (status.st_uid, status.st_gid, mode(tmp_path / "a")) == (12345, 54321, 0o600)


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() != 0, reason="needs another user")
def test_a_file_is_overwritten_where_its_folder_may_not_be_written_to() -> None:
    program = (
        "import os, sys; sys.path[:] = eval(sys.argv[2]); from kws_live.system.saving import write_file\n"
        "os.setgid(12345); os.setuid(12345); write_file(sys.argv[1], 'new')"
    )
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)
        path = Path(folder) / "a"
        path.write_text("old and long")
        os.chown(path, 12345, 12345)
        subprocess.run([sys.executable, "-c", program, str(path), repr(sys.path)], check=True)
        assert path.read_text() == "new"


@ON_POSIX
def test_a_private_folder_is_its_owners_alone(tmp_path: Path, umask: int) -> None:
    private_folder(tmp_path / "a" / "b")
    assert mode(tmp_path / "a" / "b") == 0o700
    (tmp_path / "a" / "b").chmod(0o755)
    private_folder(tmp_path / "a" / "b")
    assert mode(tmp_path / "a" / "b") == 0o700


def test_a_folder_appears_whole_in_the_place_of_another(tmp_path: Path) -> None:
    (tmp_path / "a" / "old").mkdir(parents=True)
    (tmp_path / "a.writing" / "of a kill").mkdir(parents=True)
    with replacing_folder(tmp_path / "a") as new:
        (new / "new").touch()
        assert (tmp_path / "a" / "old").exists()
    assert list(tmp_path.rglob("*")) == [tmp_path / "a", tmp_path / "a" / "new"]


def test_a_folder_that_cannot_be_finished_leaves_the_old_one_and_nothing_else(tmp_path: Path) -> None:
    (tmp_path / "a" / "old").mkdir(parents=True)

    def interrupted() -> None:
        with replacing_folder(tmp_path / "a") as new:
            (new / "new").touch()
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert list(tmp_path.rglob("*")) == [tmp_path / "a", tmp_path / "a" / "old"]
