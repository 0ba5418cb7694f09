"""Worker processes that are spawned (not forked), ignore Ctrl-C, and end with their parent."""

import multiprocessing
import os
import signal
import threading
from collections.abc import Callable
from concurrent.futures import Future, ProcessPoolExecutor
from typing import Any, ParamSpec, TypeVar

from kws_live.system.interrupts import children_without_interrupts

Given = ParamSpec("Given")
Result = TypeVar("Result")


class WorkerPool(ProcessPoolExecutor):
    """A pool of worker processes.

    They are spawned because a fork of a process with threads (TensorFlow, BLAS, a progress bar) may deadlock. Ctrl-C is
    left to the parent. When the parent ends, for whatever reason, they end too.

    Parameters
    ----------
    n_workers : at least 1
    set_up, arguments : a module-level function that each worker calls at its start
    """

    def __init__(self, n_workers: int, set_up: Callable[..., object] | None = None, arguments: tuple[Any, ...] = ()):
        super().__init__(n_workers, multiprocessing.get_context("spawn"), _begin, (set_up, arguments))

    def submit(self, work: Callable[Given, Result], /, *args: Given.args, **kwargs: Given.kwargs) -> Future[Result]:
        """Submit work to a worker; the first call starts the workers."""
        with children_without_interrupts():
            return super().submit(work, *args, **kwargs)


def _begin(set_up: Callable[..., object] | None, arguments: tuple[Any, ...]) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with_parent, daemon=True).start()
    if set_up is not None:
        set_up(*arguments)


def _end_with_parent() -> None:
    """End the worker when its parent dies: a killed parent cannot do so, and the worker would wait for ever."""
    parent = multiprocessing.parent_process()
    assert parent is not None
    parent.join()
    os._exit(1)
