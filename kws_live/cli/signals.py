"""The signals that end the program: Ctrl-C, SIGTERM, a closed terminal.

A separate thread receives them, whatever the main thread is doing. What it does then depends on the command: end the
process immediately, if there is nothing to clean up (the default); record the signal, for a command that polls for it
(`Signals.noted`); or record it while Python raises an exception in the main thread, as for Ctrl-C
(`Signals.interrupting`). If that takes too long, a second signal or a time limit ends the process.
"""

import _thread
import ctypes
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from types import FrameType
from typing import Final, NoReturn

PATIENCE_SECONDS: Final = 8.0
"""Below the 10 s after which ``docker stop`` kills."""

REPEAT_SECONDS: Final = 0.5
"""A signal repeated within this time counts once: ``timeout`` and terminals send it twice."""

WAKE_SECONDS: Final = 0.2
"""Time from a signal until the main thread is woken, if it began to wait at the very moment of the signal."""

NUMBERS: Final = tuple(
    getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP", "SIGBREAK") if hasattr(signal, name)
)


class EndedBySignalError(KeyboardInterrupt):
    """A signal requested the program to end.

    Attributes
    ----------
    code : the exit code that shells use for it
    """

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.code = 128 + number


def end_at_once(number: int) -> NoReturn:
    """End the process by a signal, as if it had never been handled; as process 1 of a container, by its exit code.

    Shells and service managers then see the signal: Ctrl-C ends a shell loop, and systemd counts a clean exit.
    """
    if sys.platform != "win32":
        with suppress(OSError, AttributeError):
            ctypes.CDLL(None).signal(number, None)  # signal.signal works in the main thread only
            signal.raise_signal(number)
    os._exit(128 + number)


class Signals:
    """The signal received and the reaction to it. The command line has one instance: `signals`.

    Parameters
    ----------
    patience_seconds : time from the first signal until the process is ended, if the command has not ended by itself

    Attributes
    ----------
    number : the first signal's number; None before it
    """

    def __init__(self, patience_seconds: float = PATIENCE_SECONDS) -> None:
        self.number: int | None = None
        self._patience_seconds = patience_seconds
        self._first = _thread.allocate_lock()
        self._first_at = 0.0
        self._on_first: Callable[[int], object] = end_at_once
        self._raises = False

    def install(self) -> None:
        """Start to handle the signals; call it in the main thread. Ignored signals, as under nohup, stay ignored."""
        reader, writer = os.pipe()
        if sys.platform != "win32":
            os.set_blocking(writer, False)
        _thread.start_new_thread(self._watch, (reader,))  # never joined
        signal.set_wakeup_fd(writer, warn_on_full_buffer=False)
        for number in NUMBERS:
            if signal.getsignal(number) != signal.SIG_IGN:
                signal.signal(number, self._handle)

    def uninstall(self) -> None:
        """Restore the system's default handling."""
        for number in NUMBERS:
            if signal.getsignal(number) == self._handle:
                signal.signal(number, signal.SIG_DFL)

    def _watch(self, reader: int) -> None:
        while True:
            for number in os.read(reader, 64):
                if number in NUMBERS and not self._note(number) and time.monotonic() > self._first_at + REPEAT_SECONDS:
                    end_at_once(number)

    def _note(self, number: int) -> bool:
        """React to the first signal; False if this is not the first."""
        if not self._first.acquire(blocking=False):
            return False
        self._first_at = time.monotonic()
        self.number = number
        _thread.start_new_thread(self._end_later, (number,))
        self._on_first(number)
        return True

    def _end_later(self, number: int) -> None:
        time.sleep(WAKE_SECONDS)
        if self._raises and sys.platform != "win32":
            self._first_at = time.monotonic()  # no second signal of the user's
            signal.pthread_kill(threading.main_thread().ident or 0, number)
        time.sleep(self._patience_seconds)
        end_at_once(number)

    def _handle(self, number: int, _frame: FrameType | None) -> None:
        """Called by Python in the main thread, after the thread's note; not at all while that is in foreign code."""
        self._note(number)
        if self._raises:
            self._raises = False  # once
            raise EndedBySignalError(number)

    def check(self) -> None:
        """Raise an EndedBySignalError if a signal has arrived."""
        if self.number is not None:
            raise EndedBySignalError(self.number)

    @contextmanager
    def noted(self, call: Callable[[], object] = lambda: None) -> Iterator[None]:
        """Record a signal during the ``with`` block, which must `check`; ``call`` is called on the signal thread."""
        with self._mode(lambda _: call(), raises=False):
            yield

    @contextmanager
    def interrupting(self) -> Iterator[None]:
        """Raise an EndedBySignalError in the ``with`` block when a signal arrives."""
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
