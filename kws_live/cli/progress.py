"""Progress bars with percentage and time left, on standard error if it is a terminal.

A signal interrupts the work they show, so that partial files are removed. They need no library: a measurement must not
fail because a progress bar is missing.
"""

import shutil
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final, TextIO

from kws_live.cli.signals import signals

BAR_COLUMNS: Final = 30
DRAW_SECONDS: Final = 0.1
"""Minimum interval between updates, for terminals on slow connections."""

ERASE: Final = "\r\x1b[K"


@contextmanager
def steps(what: str, total: float | None) -> Iterator[Callable[[float], None]]:
    """Show a bar during the ``with`` block; yields the function that advances it.

    Parameters
    ----------
    what : a word or two before the bar
    total : total amount; None if unknown
    """
    bar, done = Bar(what), 0.0

    def advance(amount: float) -> None:
        nonlocal done
        done += amount
        bar.show(done, total)

    with signals.interrupting(), bar.shown():
        bar.show(0.0, total)
        yield advance


@contextmanager
def progress(what: str, in_bytes: bool = False) -> Iterator[Callable[[int, int], None]]:
    """Show a bar during the ``with`` block; yields the function that sets the amount done and the total."""
    bar = Bar(what, in_bytes)
    with signals.interrupting(), bar.shown():
        yield bar.show


class Bar:
    """One line of a terminal.

    Parameters
    ----------
    what : a word or two before the bar
    in_bytes : show how many megabytes are done
    stream, clock : the terminal, and a monotonic clock in seconds
    """

    def __init__(
        self,
        what: str,
        in_bytes: bool = False,
        stream: TextIO | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._what, self._in_bytes = what, in_bytes
        self._stream = sys.stderr if stream is None else stream
        self._clock = clock
        self._begin = clock()
        self._next = self._begin

    @contextmanager
    def shown(self) -> Iterator[None]:
        """Erase the bar at the end."""
        try:
            yield
        finally:
            if self._stream.isatty():
                self._stream.write(ERASE)
                self._stream.flush()

    def show(self, done: float, total: float | None) -> None:
        """Draw the amount done of the total; a total of None is unknown."""
        now = self._clock()
        if now < self._next or not self._stream.isatty():
            return
        self._next = now + DRAW_SECONDS
        line = self._line(done, total, now - self._begin)
        self._stream.write(ERASE + line[: shutil.get_terminal_size().columns - 1])
        self._stream.flush()

    def _line(self, done: float, total: float | None, passed: float) -> str:
        amount = f"  {done / 1e6:.1f} MB" if self._in_bytes else ""
        if not total:
            return f"{self._what}{amount}  {_minutes(passed)} so far"
        share = min(1.0, done / total)
        full = round(share * BAR_COLUMNS)
        bar = "#" * full + "." * (BAR_COLUMNS - full)
        left = f"{_minutes(passed * (1 - share) / share)} left" if share else ""
        return f"{self._what}  {bar}  {100 * share:3.0f} %{amount}  {left}"


def _minutes(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"
