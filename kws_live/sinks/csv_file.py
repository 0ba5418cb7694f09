"""A table of events for spreadsheets."""

import csv
import io
import math
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Final

from kws_live.actions import plain
from kws_live.errors import ConfigError
from kws_live.events import Event
from kws_live.sinks.log_file import LogFile

COLUMNS: Final = ("at", "type", "keyword", "score", "threshold", "reason", "seconds", "position", "source")

FORMULA: Final = ("=", "+", "-", "@", "\t", "\r")


class CsvFile:
    """Appends every event as one row, written out at once; ``at`` is the time of day (UTC) it was written.

    A text that a spreadsheet would take for a formula, because it begins with one of ``= + - @``, a tab or a carriage
    return, is written with an apostrophe before it.

    Parameters
    ----------
    path : a file, as in `kws_live.sinks.log_file`; refused if it begins with another header

    Raises
    ------
    ConfigError
        If the file cannot be used.
    """

    oldest_seconds = math.inf

    def __init__(self, path: str) -> None:
        if not path:
            raise ConfigError("csv: needs a path, as in csv:events.csv")
        self.name = f"csv:{plain(path)}"
        self._file = LogFile(path, _line(COLUMNS))
        self._sent: tuple[Event, str] | None = None

    def send(self, event: Event) -> None:
        # The same line at each retry, so that a partly written one is completed.
        if self._sent is None or self._sent[0] is not event:
            values = {**event.to_dict(), "at": datetime.now(UTC).isoformat(timespec="milliseconds")}
            self._sent = event, _line([_defused(values.get(column, "")) for column in COLUMNS])
        self._file.add(self._sent[1])
        self._sent = None

    def close(self) -> None:
        self._file.close()


def _line(row: Sequence[object]) -> str:
    text = io.StringIO()
    csv.writer(text, lineterminator="\r\n").writerow(row)  # so that it quotes both of these within a cell
    return text.getvalue().removesuffix("\r\n")


def _defused(value: object) -> object:
    return f"'{value}" if isinstance(value, str) and value.startswith(FORMULA) else value
