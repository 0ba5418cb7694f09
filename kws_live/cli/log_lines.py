"""What the command line logs, on standard error."""

import logging
import sys
import threading
from contextlib import suppress
from typing import Final

from kws_live.system.backlog import Backlog

CLOSE_SECONDS: Final = 0.5
"""How long the last lines may take; a terminal that was stopped takes for ever."""


class LogLines(logging.Handler):
    """Writes log lines on a thread of its own: a terminal that was stopped does not stop what logs."""

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
        """Write the last lines; may be called twice."""
        self._lines.end()
        if self._thread is not None:
            self._thread.join(CLOSE_SECONDS)
        super().close()
