"""The signals that end the program: Ctrl-C, SIGTERM, a closed terminal.

A thread of its own is told of them, whatever the main thread does at that moment. What it does then is up to the
command: end the process at once, where nothing has to be put away (so every command begins); note the signal, for a
command that looks whether one came (`Signals.noted`); or note it while Python raises an exception in the main thread,
as it does at Ctrl-C (`Signals.interrupting`). If that takes too long, a second signal or a deadline ends the process.
"""

import _thread
import ctypes
import os
import signal
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from types import FrameType
from typing import Final, NoReturn

PATIENCE_SECONDS: Final = 8.0
"""``docker stop`` kills after 10."""

REPEAT_SECONDS: Final = 0.5
"""A signal that comes again within this is the same one: ``timeout`` and terminals send theirs twice."""

NUMBERS: Final = tuple(
    getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP", "SIGBREAK") if hasattr(signal, name)
)


class EndedBySignalError(KeyboardInterrupt):
    """A signal asked the program to end.

    Attributes
    ----------
    code : the exit code by which shells know it
    """

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.code = 128 + number


def end_at_once(number: int) -> NoReturn:
    """End the process by a signal, as if it had never been handled; in a container's first process by its exit code.

    Shells and service managers see how it ended: a loop in a shell ends at Ctrl-C, systemd finds a service clean.
    """
    if sys.platform != "win32":
        with suppress(OSError, AttributeError):
            ctypes.CDLL(None).signal(number, None)  # signal.signal may be called in the main thread alone
            signal.raise_signal(number)
    os._exit(128 + number)


class Signals:
    """What has come, and what is done about it. The command line has one: `signals`.

    Parameters
    ----------
    patience_seconds : from the first signal to the end of the process, if the command has not ended by then

    Attributes
    ----------
    number : of the first signal; None before it
    """

    def __init__(self, patience_seconds: float = PATIENCE_SECONDS) -> None:
        self.number: int | None = None
        self._patience_seconds = patience_seconds
        self._first = _thread.allocate_lock()
        self._first_at = 0.0
        self._on_first: Callable[[int], object] = end_at_once
        self._raises = False

    def install(self) -> None:
        """Begin to handle them; in the main thread. One that is ignored, as under nohup, stays so."""
        reader, writer = os.pipe()
        if sys.platform != "win32":
            os.set_blocking(writer, False)
        _thread.start_new_thread(self._watch, (reader,))  # no thread that is ever waited for
        signal.set_wakeup_fd(writer, warn_on_full_buffer=False)
        for number in NUMBERS:
            if signal.getsignal(number) != signal.SIG_IGN:
                signal.signal(number, self._handle)

    def uninstall(self) -> None:
        """Let the system handle them from now on."""
        for number in NUMBERS:
            if signal.getsignal(number) == self._handle:
                signal.signal(number, signal.SIG_DFL)

    def _watch(self, reader: int) -> None:
        while True:
            for number in os.read(reader, 64):
                if number in NUMBERS and not self._note(number) and time.monotonic() > self._first_at + REPEAT_SECONDS:
                    end_at_once(number)

    def _note(self, number: int) -> bool:
        """Do what is to be done at the first signal; False if this is not the first."""
        if not self._first.acquire(blocking=False):
            return False
        self._first_at = time.monotonic()
        self.number = number
        _thread.start_new_thread(self._end_later, (number,))
        self._on_first(number)
        return True

    def _end_later(self, number: int) -> None:
        time.sleep(self._patience_seconds)
        end_at_once(number)

    def _handle(self, number: int, _frame: FrameType | None) -> None:
        """Run by Python in the main thread, later than the thread: or not at all, while that is in foreign code."""
        self._note(number)
        if self._raises:
            self._raises = False  # once
            raise EndedBySignalError(number)

    def check(self) -> None:
        """Raise an EndedBySignalError if a signal has come."""
        if self.number is not None:
            raise EndedBySignalError(self.number)

    @contextmanager
    def noted(self, call: Callable[[], object] = lambda: None) -> Iterator[None]:
        """Note a signal while the ``with`` block runs, which has to `check` or is told by a call on another thread."""
        with self._mode(lambda _: call(), raises=False):
            yield

    @contextmanager
    def interrupting(self) -> Iterator[None]:
        """Raise an EndedBySignalError wherever the ``with`` block is when a signal comes."""
        with self._mode(lambda _: None, raises=True):
            yield

    @contextmanager
    def _mode(self, on_first: Callable[[int], object], raises: bool) -> Iterator[None]:
        before = self._on_first, self._raises
        self._on_first, self._raises = on_first, raises
        try:
            yield
        finally:
            self._on_first, self._raises = before
        self.check()


signals: Final = Signals()
