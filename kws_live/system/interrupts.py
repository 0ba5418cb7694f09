"""Calls and waits that leave no lock held when Ctrl-C raises KeyboardInterrupt inside them.

Python raises it in the main thread only, but between any two bytecodes, even after ``Condition.__enter__`` has acquired
its lock and before the ``with`` block that releases it has started.
"""

import _thread
import math
import queue
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Final, NoReturn, TypeVar

Result = TypeVar("Result")

LONGEST_SECONDS: Final = 0.25
"""Longest single wait of the main thread; a signal just before it does not end it, and on Windows no signal does."""


def shielded(call: Callable[[], Result]) -> Result:
    """Run a call protected from KeyboardInterrupt, and wait until it returns.

    From the main thread it runs on another thread: an interrupt ends only the wait, and the call completes.
    """
    if threading.current_thread() is not threading.main_thread():
        return call()
    answer: queue.SimpleQueue[Callable[[], Result]] = queue.SimpleQueue()

    def run() -> None:
        try:
            result = call()
        except BaseException as error:
            answer.put(_raiser(error))
        else:
            answer.put(lambda: result)

    def launch() -> None:  # starting a thread takes locks too
        try:
            threading.Thread(target=run, name="kws-live call", daemon=True).start()
        except RuntimeError:
            run()

    try:
        _thread.start_new_thread(launch, ())
    except RuntimeError:  # the interpreter is shutting down and starts no more threads
        return call()
    while True:
        with suppress(queue.Empty):
            return answer.get(timeout=LONGEST_SECONDS)()


def _raiser(error: BaseException) -> Callable[[], NoReturn]:
    def throw() -> NoReturn:
        raise error

    return throw


@contextmanager
def children_without_interrupts() -> Iterator[None]:
    """Shield processes started in the ``with`` block from Ctrl-C, even during their start-up."""
    if sys.platform == "win32":
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})  # inherited by the children
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


class Latch:
    """A one-shot event that stays consistent even if an interrupt aborts one of its methods."""

    def __init__(self) -> None:
        self._is_set = False
        self._waiters: list[queue.SimpleQueue[None]] = []

    def is_set(self) -> bool:
        """Whether it is set."""
        return self._is_set

    def set(self) -> None:
        """Set it; can be called repeatedly."""
        self._is_set = True
        for waiter in self._waiters.copy():
            waiter.put(None)

    def wait(self, timeout_seconds: float | None = None) -> bool:
        """Wait until it is set; False at the time-out."""
        if self._is_set:
            return True
        waiter: queue.SimpleQueue[None] = queue.SimpleQueue()
        self._waiters.append(waiter)
        end = time.monotonic() + (math.inf if timeout_seconds is None else timeout_seconds)
        longest = LONGEST_SECONDS if threading.current_thread() is threading.main_thread() else threading.TIMEOUT_MAX
        try:
            while not self._is_set and (rest := end - time.monotonic()) > 0:
                with suppress(queue.Empty):
                    waiter.get(timeout=min(rest, longest))
        finally:
            with suppress(ValueError):
                self._waiters.remove(waiter)
        return self._is_set
