"""A file that records the progress of a scan line by line, so that a killed scan can resume."""

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
    """Records which excerpts are done, so that a killed scan can resume.

    Parameters
    ----------
    path : a file of JSON lines; the first line is the header
    header : model and settings; must equal the first line of an existing file

    Raises
    ------
    ConfigError
        If the file belongs to another scan, or cannot be written.
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
                os.truncate(path, complete)  # remove a partial line
            self._file = path.open("a", encoding="utf-8")
        except OSError as error:
            raise ConfigError(f"cannot write {path}: {error.strerror}") from error
        if not complete:
            self._file.truncate(0)
            self._write(header)

    def _read(self, header: dict[str, Any]) -> int:
        """Read the completed excerpts; returns the length of the complete lines in bytes."""
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
                    raise ConfigError(f"{self.path}, line {number + 1} is not a scan journal; delete it") from error
                if number == 0 and entry != header:
                    raise ConfigError(
                        f"{self.path} belongs to a scan with another model, other settings or other lengths; "
                        "delete it, or give another --out"
                    )
                complete += len(line)
        return complete

    def add(self, found: Found) -> None:
        """Record an excerpt as done."""
        self._write({"stamp": self._stamp(found.excerpt.path), **asdict(found)})
        self.done[found.excerpt.path, found.excerpt.begin_seconds] = found

    def _stamp(self, path: str) -> str:
        """Return size and modification time of a file; a changed file is scanned again."""
        if path not in self._stamps:
            try:
                status = Path(path).stat()
                self._stamps[path] = f"{status.st_size} {status.st_mtime_ns}"
            except OSError:
                self._stamps[path] = "gone"
        return self._stamps[path]

    def _write(self, entry: dict[str, Any]) -> None:
        try:
            self._file.write(json.dumps(entry) + "\n")  # in ASCII: a file name need not be valid text
            self._file.flush()
        except OSError as error:
            raise ConfigError(
                f"cannot write {self.path}: {error.strerror}; what it contains is kept: run the same command again"
            ) from error

    def close(self) -> None:
        """Close the file without deleting it."""
        with suppress(OSError):  # an excerpt whose line did not fit on the disk is repeated
            self._file.close()


def _from_json(entry: dict[str, Any]) -> Found:
    return Found(
        Excerpt(**entry["excerpt"]),
        tuple(Detection(**event) for event in entry["detections"]),
        entry["audio_seconds"],
        entry["cpu_seconds"],
        entry["broken"],
    )
