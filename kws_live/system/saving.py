"""Files and folders written whole or not at all, wherever they lie: behind a link, mounted one by one, or devices."""

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
"""Held while a file is overwritten where it is: two at once would mix."""


def write_file(path: str | Path, content: bytes | str, private: bool = False) -> None:
    """Write a file whole; see `replacing`. Text is written as UTF-8."""
    with replacing(path, private) as file:
        file.write(content.encode() if isinstance(content, str) else content)


@contextmanager
def replacing(path: str | Path, private: bool = False) -> Iterator[BinaryIO]:
    """Open a new file that takes the place of ``path`` when the ``with`` block has ended without an error.

    A link stays a link: the file that it leads to is replaced. Owner and mode of a file that is there are kept. Where
    nothing can be put in its place (a file mounted by itself, a folder one may not write to, a device such as
    ``/dev/stdout``) it is overwritten where it is, in one go at the end.

    Parameters
    ----------
    path : of the file
    private : readable by its owner alone, whatever it was before; otherwise a new file is as the umask has it

    Raises
    ------
    OSError
        If it cannot be written; what was there stays, unless it had to be overwritten where it is.
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
    """Give an empty folder that takes the place of ``path`` when the ``with`` block has ended without an error.

    It lies beside ``path`` and is called ``NAME.writing``; what a kill has left of one is removed.
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
    """Make a folder that its owner alone may enter; one that is there already, of the same owner, becomes one.

    Raises
    ------
    OSError
        If it cannot be made.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    path.mkdir(mode=PRIVATE_FOLDER, exist_ok=True)
    with suppress(OSError):
        if stat.S_IMODE(path.stat().st_mode) & ~PRIVATE_FOLDER:
            path.chmod(PRIVATE_FOLDER)


def _target(path: str | Path) -> Path | int:
    """The file behind all links, or the number of one that is open already: ``/dev/stdout`` and the like."""
    place = Path(path)
    for _ in range(40):  # as many links as Linux follows
        if place.name.isdecimal() and place.parent.resolve() == Path("/dev/fd").resolve():
            return int(place.name)
        if not place.is_symlink():
            return Path(os.path.realpath(place))
        place = place.parent / place.readlink()
    raise OSError(errno.ELOOP, os.strerror(errno.ELOOP), str(path))


def _beside(target: Path | int, private: bool) -> tuple[Path | None, BinaryIO]:
    """A new file in the target's folder; without a name and elsewhere, if it could not take the target's place."""
    if isinstance(target, int) or (target.exists() and not target.is_file()):
        return None, cast(BinaryIO, tempfile.TemporaryFile())
    partial = target.with_name(f".{secrets.token_hex(8)}.partial")  # no other save has the same
    flags = os.O_RDWR | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0)
    try:
        return partial, os.fdopen(os.open(partial, flags, PRIVATE_FILE if private else 0o666), "w+b")
    except OSError as error:
        if not target.exists() or error.errno not in (errno.EACCES, errno.EPERM, errno.EROFS):
            raise
    return None, cast(BinaryIO, tempfile.TemporaryFile())


def _moved(partial: Path, target: Path, private: bool) -> bool:
    """Put a new file in the place of an old one, with the old one's owner and mode; False if that cannot be done."""
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
    """Write over a file where it is."""
    with _overwriting, open(target, "wb", closefd=isinstance(target, Path)) as file:
        content.seek(0)
        shutil.copyfileobj(content, file)
        file.flush()
        if stat.S_ISREG(os.fstat(file.fileno()).st_mode):
            os.fsync(file.fileno())
            if private and isinstance(target, Path):
                target.chmod(PRIVATE_FILE)
