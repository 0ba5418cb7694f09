"""Files and folders written completely or not at all, including links, mounted files and devices."""

import errno
import os
import secrets
import shutil
import stat
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO, Final, cast

PRIVATE_FILE: Final = 0o600
PRIVATE_FOLDER: Final = 0o700

_overwriting = threading.Lock()
"""Held while a file is overwritten in place, so that two writers do not interleave."""


def write_file(path: str | Path, content: bytes | str, private: bool = False) -> None:
    """Write a file completely or not at all; see `replacing`. Text is written as UTF-8."""
    with replacing(path, private) as file:
        file.write(content.encode() if isinstance(content, str) else content)


@contextmanager
def replacing(path: str | Path, private: bool = False) -> Iterator[BinaryIO]:
    """Open a new file that replaces ``path`` when the ``with`` block ends without an error.

    A link stays a link: its target is replaced. Owner and mode of an existing file are kept. A file that cannot be
    replaced (a mounted file, a folder without write permission, a device such as ``/dev/stdout``) is overwritten in
    place, at the end.

    Parameters
    ----------
    path : of the file
    private : readable only by its owner, whatever its mode was before; otherwise the umask applies to a new file

    Raises
    ------
    OSError
        If it cannot be written; the old content stays, unless it had to be overwritten in place.
    """
    target = _target(path)
    partial, file = _beside(target, private)
    try:
        with file:
            yield file
            file.flush()
            if partial is None:
                _overwrite(target, file, private)
            else:
                os.fsync(file.fileno())
        if isinstance(target, Path) and partial is not None and not _moved(partial, target, private):
            with partial.open("rb") as written:
                _overwrite(target, written, private)
    finally:
        if partial is not None:
            partial.unlink(missing_ok=True)


@contextmanager
def replacing_folder(path: Path) -> Iterator[Path]:
    """Yield an empty folder that replaces ``path`` when the ``with`` block ends without an error.

    It is next to ``path`` and called ``NAME.writing``; one left over from a killed process is removed first.
    """
    partial = path.with_name(path.name + ".writing")
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir(parents=True)
    try:
        yield partial
        if path.exists():
            shutil.rmtree(path)
        partial.replace(path)
    except BaseException:
        shutil.rmtree(partial, ignore_errors=True)
        raise


def private_folder(path: Path) -> None:
    """Create a folder that only its owner can enter, or make an existing one of the same owner private.

    Raises
    ------
    OSError
        If it cannot be created.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    path.mkdir(mode=PRIVATE_FOLDER, exist_ok=True)
    with suppress(OSError):
        if stat.S_IMODE(path.stat().st_mode) & ~PRIVATE_FOLDER:
            path.chmod(PRIVATE_FOLDER)


def why_unwritable(folder: Path) -> str:
    """Return why a folder can be neither written nor created, as far as that is known beforehand; empty: it can."""
    there = folder
    while not os.path.lexists(there):
        there = there.parent
    if not there.is_dir():
        return f"{str(there)!r} is not a folder"
    return "" if os.access(there, os.W_OK | os.X_OK) else "permission denied"


def _target(path: str | Path) -> Path | int:
    """Return the file behind all links, or the descriptor number of an open one such as ``/dev/stdout``."""
    place = Path(path)
    for _ in range(40):  # as many links as Linux follows
        if place.name.isdecimal() and place.parent.resolve() == Path("/dev/fd").resolve():
            return int(place.name)
        if not place.is_symlink():
            return Path(os.path.realpath(place))
        place = place.parent / place.readlink()
    raise OSError(errno.ELOOP, os.strerror(errno.ELOOP), str(path))


def _beside(target: Path | int, private: bool) -> tuple[Path | None, BinaryIO]:
    """Create a new file in the target's folder, or an anonymous temporary one if the target cannot be replaced."""
    if isinstance(target, int) or (target.exists() and not target.is_file()):
        return None, cast(BinaryIO, tempfile.TemporaryFile())
    partial = target.with_name(f".{secrets.token_hex(8)}.partial")  # unique to this save
    flags = os.O_RDWR | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0)
    try:
        return partial, os.fdopen(os.open(partial, flags, PRIVATE_FILE if private else 0o666), "w+b")
    except OSError as error:
        if not target.exists() or error.errno not in (errno.EACCES, errno.EPERM, errno.EROFS):
            raise
    return None, cast(BinaryIO, tempfile.TemporaryFile())


def _moved(partial: Path, target: Path, private: bool) -> bool:
    """Replace an old file by a new one with the old owner and mode; False if that is impossible."""
    try:
        if target.exists():
            old, new = target.stat(), partial.stat()
            if old.st_nlink > 1:
                return False  # its other names would keep the old content
            if (old.st_uid, old.st_gid) != (new.st_uid, new.st_gid):
                os.chown(partial, old.st_uid, old.st_gid)
            partial.chmod(PRIVATE_FILE if private else stat.S_IMODE(old.st_mode))
        partial.replace(target)
    except OSError:
        return False
    return True


def _overwrite(target: Path | int, content: BinaryIO, private: bool) -> None:
    """Overwrite a file in place."""
    with _overwriting, open(target, "wb", closefd=isinstance(target, Path)) as file:
        content.seek(0)
        shutil.copyfileobj(content, file)
        file.flush()
        if stat.S_ISREG(os.fstat(file.fileno()).st_mode):
            os.fsync(file.fileno())
            if private and isinstance(target, Path):
                target.chmod(PRIVATE_FILE)
