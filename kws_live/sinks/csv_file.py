"""A table of events for spreadsheets."""

import csv
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from kws_live.errors import ConfigError
from kws_live.events import Event
from kws_live.sinks import naming

COLUMNS: Final = ("at", "type", "keyword", "score", "threshold", "reason", "seconds", "position", "source")


class CsvFile:
    """Appends every event as one row, written out at once; ``at`` is the time of day (UTC) it was written.

    Parameters
    ----------
    path : a file; one that begins with another header is refused

    Raises
    ------
    ConfigError
        If the file cannot be used.
    """

    def __init__(self, path: str) -> None:
        if not path:
            raise ConfigError("csv: needs a path, as in csv:events.csv")
        self._path = path
        try:
            self._file = Path(path).expanduser().open("a+", encoding="utf-8", errors="backslashreplace", newline="")
            self._file.seek(0)
            header = self._file.readline(1000).rstrip("\r\n")
        except (OSError, RuntimeError, UnicodeDecodeError) as error:  # RuntimeError: ~ of a user that does not exist
            raise ConfigError(f"cannot write events to {path!r}: {error}") from error
        if header and header != ",".join(COLUMNS):
            self._file.close()
            raise ConfigError(f"{path!r} is another table (its first line is {header[:60]!r}); give a new file")
        self._rows = csv.writer(self._file)
        if not header:
            self._write(COLUMNS)

    def send(self, event: Event) -> None:
        values = {**event.to_dict(), "at": datetime.now(UTC).isoformat(timespec="milliseconds")}
        self._write([values.get(column, "") for column in COLUMNS])

    def _write(self, row: Sequence[object]) -> None:
        with naming(self._path):
            self._rows.writerow(row)
            self._file.flush()

    def close(self) -> None:
        with naming(self._path):
            self._file.close()
