"""One JSON object a line, in a file or on standard output."""

import json
import math
import sys

from kws_live.actions import plain
from kws_live.errors import ConfigError
from kws_live.events import COMMAND_SECONDS, Event
from kws_live.sinks.log_file import LogFile


class JsonLines:
    """Appends every event as one line, written out at once.

    Parameters
    ----------
    path : a file, as in `kws_live.sinks.log_file`, or "-" for standard output

    Raises
    ------
    ConfigError
        If the file cannot be opened for writing.
    """

    def __init__(self, path: str) -> None:
        if not path:
            raise ConfigError("jsonl: needs a path, as in jsonl:events.jsonl, or - for standard output")
        self.name = f"jsonl:{plain(path)}"
        self._file = None if path == "-" else LogFile(path)
        # A file is a record, whose lines may come late; what reads standard output may act on them.
        self.oldest_seconds = COMMAND_SECONDS if self._file is None else math.inf

    def send(self, event: Event) -> None:
        line = json.dumps(event.to_dict(), ensure_ascii=False)
        if self._file is None:
            sys.stdout.write(line + "\n")
            sys.stdout.flush()
        else:
            self._file.add(line)

    def close(self) -> None:
        if self._file is not None:
            self._file.close()
