"""One JSON object a line, in a file or on standard output."""

import json
import sys
from pathlib import Path

from kws_live.errors import ConfigError
from kws_live.events import Event
from kws_live.sinks import naming


class JsonLines:
    """Appends every event as one line, written out at once.

    Parameters
    ----------
    path : a file, or "-" for standard output

    Raises
    ------
    ConfigError
        If the file cannot be opened for writing.
    """

    def __init__(self, path: str) -> None:
        if not path:
            raise ConfigError("jsonl: needs a path, as in jsonl:events.jsonl, or - for standard output")
        self._path = None if path == "-" else path
        try:
            self._file = (
                sys.stdout
                if path == "-"
                else Path(path).expanduser().open("a", encoding="utf-8", errors="backslashreplace")
            )
        except (OSError, RuntimeError) as error:  # RuntimeError: ~ of a user that does not exist
            raise ConfigError(
                f"cannot write events to {path!r}: {getattr(error, 'strerror', None) or error}"
            ) from error

    def send(self, event: Event) -> None:
        with naming(self._path):
            self._file.write(json.dumps(event.to_dict(), ensure_ascii=False) + "\n")
            self._file.flush()

    def close(self) -> None:
        if self._file is not sys.stdout:
            with naming(self._path):
                self._file.close()
