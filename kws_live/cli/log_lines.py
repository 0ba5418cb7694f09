"""Log output of the command line, on standard error."""

import logging
import sys
import threading
from contextlib import suppress
from typing import Final

from kws_live.system.backlog import Backlog

CLOSE_SECONDS: Final = 0.5
"""Time limit for writing the last lines, because a stopped terminal blocks for ever."""


class LogLines(logging.Handler):
    """Writes log lines on its own thread, so that a stopped terminal does not block the threads that log."""

    def __init__(self) -> None:
        super().__init__()
        self._lines: Backlog[str] = Backlog()
        self._thread: threading.Thread | None = None

    def emit(self, record: logging.LogRecord) -> None:
        try:
            self._lines.put(self.format(record))
        except Exception:  # a message that does not fit its arguments
            self.handleError(record)
        if self._thread is None:
            self._thread = threading.Thread(target=self._write, name="kws-live log", daemon=True)
            self._thread.start()

    def _write(self) -> None:
        while (line := self._lines.get()) is not None:
            with suppress(OSError, ValueError):
                print(line, file=sys.stderr, flush=True)

    def close(self) -> None:
        """Write the last lines; can be called repeatedly."""
        self._lines.end()
        if self._thread is not None:
            self._thread.join(CLOSE_SECONDS)
        super().close()
