"""Calls and waits that leave no lock held when Ctrl-C raises KeyboardInterrupt in their middle.

Python raises it in the main thread alone, but there between any two steps: also after ``Condition.__enter__`` has taken
its lock and before the ``with`` block has begun that gives it back.
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
"""Longest wait of the main thread in one piece: a signal just before it does not end it, and on Windows none does."""


def shielded(call: Callable[[], Result]) -> Result:
    """Run a call where no signal raises anything into it, and wait for its end.

    In the main thread it runs on another thread: an interrupt ends the wait alone, and the call goes on to its end.
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

    def launch() -> None:  # starting a thread takes locks, too
        try:
            threading.Thread(target=run, name="kws-live call", daemon=True).start()
        except RuntimeError:
            run()

    try:
        _thread.start_new_thread(launch, ())
    except RuntimeError:  # the interpreter is about to end, and starts no more threads
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
    """Let no Ctrl-C reach processes that are started in the ``with`` block, not even while they begin."""
    if sys.platform == "win32":
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})  # which they inherit
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


class Latch:
    """An event that happens once; of it an interrupt may leave any number of steps undone."""

    def __init__(self) -> None:
        self._is_set = False
        self._waiters: list[queue.SimpleQueue[None]] = []

    def is_set(self) -> bool:
        """Whether it has happened."""
        return self._is_set

    def set(self) -> None:
        """Let it happen; may be called again."""
        self._is_set = True
        for waiter in self._waiters.copy():
            waiter.put(None)

    def wait(self, timeout_seconds: float | None = None) -> bool:
        """Wait until it has happened; False at the time-out."""
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
