"""A file that lines are added to for as long as it takes: rotated, deleted, on a disk that fills up."""

import os
import stat
from pathlib import Path
from typing import Final

from kws_live.actions import shortened
from kws_live.errors import ActionError, ConfigError
from kws_live.system.text_file import user_path

OWNER_ONLY: Final = 0o600
"""Speech from a home is private to its owner."""


def private_folders(path: Path) -> None:
    """Make the folders above a file that are not there, for the owner alone.

    Raises
    ------
    OSError
        If that is not possible.
    """
    missing = []
    folder = path.parent
    while not folder.exists():
        missing.append(folder)
        folder = folder.parent
    for folder in reversed(missing):
        folder.mkdir(mode=0o700, exist_ok=True)


class LogFile:
    """Adds whole lines to a file, which only its owner may read if it is made here.

    A file that was renamed, deleted or replaced is made anew at the next line; an emptied one begins anew. A line that
    was cut, because the disk was full or the program died, ends where it was cut.

    Parameters
    ----------
    path : created with its folders if missing
    header : first line of each new file; a file that begins with another one is refused

    Raises
    ------
    ConfigError
        If it cannot be written.
    """

    def __init__(self, path: str, header: str = "") -> None:
        self._path = user_path(path)
        self._named = shortened(path)
        self._header = header
        self._file = -1
        self._rest: tuple[bytes, bytes] = (b"", b"")
        try:
            self._open()
        except OSError as error:
            raise ConfigError(f"cannot write events to {self._named}: {error.strerror or error}") from error

    def _open(self) -> None:
        private_folders(self._path)
        begin, end = self._ends()
        if self._header and begin and begin != self._header:
            raise ConfigError(f"{self._named} is another table (its first line is {begin[:60]!r}); give a new file")
        self._file = os.open(
            self._path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | getattr(os, "O_BINARY", 0), OWNER_ONLY
        )
        self._rest = (b"", b"")
        if end not in (b"", b"\n"):  # a truncated line: the next one must not become part of it
            os.write(self._file, b"\n")
        self._begin()

    def _ends(self) -> tuple[str, bytes]:
        """Return the first line and the last byte of the file; empty if it has none or is not a regular file."""
        try:
            if not stat.S_ISREG(self._path.stat().st_mode):
                return "", b""
            with self._path.open("rb") as file:
                first = file.readline(1000).decode("utf-8-sig", errors="replace").rstrip("\r\n")
                file.seek(max(0, file.seek(0, os.SEEK_END) - 1))
                return first, file.read(1)
        except (FileNotFoundError, PermissionError):  # it may be write-only
            return "", b""

    def _begin(self) -> None:
        """Write the header if the file is empty."""
        if self._header and os.fstat(self._file).st_size == 0:
            self._write(f"{self._header}\n".encode())

    def _is_gone(self) -> bool:
        """Whether the path no longer leads to the open file."""
        ours = os.fstat(self._file)
        try:
            there = self._path.stat()
        except FileNotFoundError:
            return True
        return (there.st_dev, there.st_ino) != (ours.st_dev, ours.st_ino)

    def add(self, line: str) -> None:
        """Append a line and flush it.

        Raises
        ------
        ActionError
            If it cannot be written, perhaps temporarily: retry with the same line.
        """
        content = f"{line}\n".encode("utf-8", errors="backslashreplace")
        try:
            if self._file < 0 or self._is_gone():
                self._close()
                self._open()
            else:
                self._begin()
            self._write(content)
        except ConfigError as error:
            raise ActionError(str(error)) from error
        except OSError as error:
            raise ActionError(f"cannot write events: {error.strerror or error}: {self._named}", again=True) from error

    def _write(self, content: bytes) -> None:
        whole, rest = self._rest
        if rest and whole != content:
            rest = b"\n" + content  # the rest of the truncated line will not be written
        elif not rest:
            rest = content
        while rest:
            self._rest = (content, rest)
            rest = rest[os.write(self._file, rest) :]
        self._rest = (b"", b"")

    def _close(self) -> None:
        if self._file >= 0:
            file, self._file = self._file, -1
            os.close(file)

    def close(self) -> None:
        """Close the file; may be called twice.

        Raises
        ------
        OSError
            If the system could not write its buffer.
        """
        self._close()
