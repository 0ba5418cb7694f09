"""One JSON object a line, in a file or on standard output."""

import json
import sys
from pathlib import Path

from kws_live.errors import ConfigError
from kws_live.events import Event


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
        try:
            self._file = (
                sys.stdout if path == "-" else Path(path).open("a", encoding="utf-8", errors="backslashreplace")  # noqa: SIM115 - see close()
            )
        except OSError as error:
            raise ConfigError(f"cannot write events to {path!r}: {error.strerror}") from error

    def send(self, event: Event) -> None:
        self._file.write(json.dumps(event.to_dict(), ensure_ascii=False) + "\n")
        self._file.flush()

    def close(self) -> None:
        if self._file is not sys.stdout:
            self._file.close()
