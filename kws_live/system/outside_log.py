"""Log lines that outsiders can trigger: limited in number and length, one line each, without control characters."""

import asyncio
import logging
import time
import traceback
from collections.abc import Callable
from typing import Any, Final

LONGEST: Final = 300
PAUSE_SECONDS: Final = 60.0


def one_line(text: object, longest: int = LONGEST) -> str:
    """Return a text with control characters escaped and truncated to ``longest`` characters."""
    cut = str(text)[: longest + 1]
    clean = "".join(one if one.isprintable() else repr(one)[1:-1] for one in cut)
    return clean if len(clean) <= longest else clean[: longest - 3] + "..."


class Sparing(logging.Filter):
    """Passes one record of a kind, then none for a while; the next one says how many were suppressed.

    Records from the same line of code are of the same kind. A traceback is reduced to its last line and location.

    Parameters
    ----------
    pause_seconds : minimum interval between two records of a kind
    now : a clock, in seconds
    """

    def __init__(self, pause_seconds: float = PAUSE_SECONDS, now: Callable[[], float] = time.monotonic) -> None:
        super().__init__()
        self._pause_seconds = pause_seconds
        self._now = now
        self._kinds: dict[tuple[str, int], tuple[float, int]] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        kind = (record.pathname, record.lineno)
        due, n_left_out = self._kinds.get(kind, (0.0, 0))
        now = self._now()
        if now < due:
            self._kinds[kind] = (due, n_left_out + 1)
            return False
        self._kinds[kind] = (now + self._pause_seconds, 0)
        text = record.getMessage().strip()
        error = record.exc_info[1] if record.exc_info else None
        if error is not None:
            place = traceback.extract_tb(error.__traceback__)[-1:]
            where = f" ({place[0].name}, line {place[0].lineno})" if place else ""
            text = f"{text}: {type(error).__name__}: {error}{where}"
            record.exc_info = None
        more = f" (and {n_left_out} more like it)" if n_left_out else ""
        record.msg, record.args = one_line(text) + more, ()
        return True


def spare(log: logging.Logger) -> logging.Logger:
    """Add a `Sparing` filter to a logger and return the logger."""
    if not any(isinstance(one, Sparing) for one in log.filters):
        log.addFilter(Sparing())
    return log


def report_to(log: logging.Logger) -> Callable[[asyncio.AbstractEventLoop, dict[str, Any]], None]:
    """Return an event-loop exception handler that logs uncaught errors, such as running out of descriptors."""

    def handle(_loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        log.warning("%s: %s", context.get("message"), context.get("exception"))

    return handle
