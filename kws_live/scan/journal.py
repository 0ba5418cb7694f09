"""What a scan has done so far, line by line in a file, so that one that was killed goes on where it was."""

import json
import os
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from typing import Any, Final

from kws_live.errors import ConfigError
from kws_live.events import Detection
from kws_live.scan.excerpt import Excerpt, Found

JOURNAL_FORMAT: Final = 1


class Journal:
    """Remembers which excerpts are done, line by line, so that a scan that was killed goes on where it was.

    Parameters
    ----------
    path : a file of JSON lines; the first line says what is scanned with
    header : must be what the first line says

    Raises
    ------
    ConfigError
        If the file is of another scan, or cannot be written.
    """

    def __init__(self, path: Path, header: dict[str, Any]) -> None:
        self.path = path
        self.done: dict[tuple[str, int], Found] = {}
        self._stamps: dict[str, str] = {}
        header = json.loads(json.dumps({"format": JOURNAL_FORMAT, **header}))
        complete = 0
        try:
            if path.is_file():
                complete = self._read(header)
            if complete:
                os.truncate(path, complete)  # a line that was being written when the scan was killed
            self._file = path.open("a", encoding="utf-8")
        except OSError as error:
            raise ConfigError(f"cannot write {path}: {error.strerror}") from error
        if not complete:
            self._file.truncate(0)
            self._write(header)

    def _read(self, header: dict[str, Any]) -> int:
        """Read what is done; gives the length of the complete lines."""
        complete = 0
        with self.path.open("rb") as file:
            for number, line in enumerate(file):
                if not line.endswith(b"\n"):
                    break
                try:
                    entry = json.loads(line)
                    if number and entry["stamp"] == self._stamp(entry["excerpt"]["path"]):
                        found = _from_json(entry)
                        self.done[found.excerpt.path, found.excerpt.begin_seconds] = found
                except (ValueError, KeyError, TypeError) as error:
                    raise ConfigError(f"{self.path}, line {number + 1} is no journal of a scan; delete it") from error
                if number == 0 and entry != header:
                    raise ConfigError(
                        f"{self.path} belongs to a scan with another model, other settings or other lengths; "
                        "delete it, or give another --out"
                    )
                complete += len(line)
        return complete

    def add(self, found: Found) -> None:
        """Remember an excerpt as done."""
        self._write({"stamp": self._stamp(found.excerpt.path), **asdict(found)})
        self.done[found.excerpt.path, found.excerpt.begin_seconds] = found

    def _stamp(self, path: str) -> str:
        """Size and time of a file: one that has changed since is scanned again."""
        if path not in self._stamps:
            try:
                status = Path(path).stat()
                self._stamps[path] = f"{status.st_size} {status.st_mtime_ns}"
            except OSError:
                self._stamps[path] = "gone"
        return self._stamps[path]

    def _write(self, entry: dict[str, Any]) -> None:
        try:
            self._file.write(json.dumps(entry) + "\n")  # in ASCII: a file's name need not be text
            self._file.flush()
        except OSError as error:
            raise ConfigError(
                f"cannot write {self.path}: {error.strerror}; what is in it stays done: give the same command again"
            ) from error

    def close(self) -> None:
        """Close the file; it stays."""
        with suppress(OSError):  # a line that did not fit on the disk is done again
            self._file.close()


def _from_json(entry: dict[str, Any]) -> Found:
    return Found(
        Excerpt(**entry["excerpt"]),
        tuple(Detection(**event) for event in entry["detections"]),
        entry["audio_seconds"],
        entry["cpu_seconds"],
        entry["broken"],
    )
