"""Runs a scan in local processes, which may die."""

import multiprocessing
import os
from collections import Counter, deque
from collections.abc import Callable, Generator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, wait
from concurrent.futures.process import BrokenProcessPool
from typing import Final

from kws_live.errors import ConfigError
from kws_live.model import Model
from kws_live.scan.excerpt import Excerpt, Found, spot_in_worker
from kws_live.spotting.decision_settings import DecisionSettings
from kws_live.system.native_output import silence_c_stderr
from kws_live.system.workers import WorkerPool

MOST_DEATHS: Final = 3
"""An excerpt in progress at this many worker deaths is considered their cause."""

Spot = Callable[[str, DecisionSettings, Excerpt], Found]


class LocalProcesses:
    """Local worker processes.

    Parameters
    ----------
    n_workers : number of processes; None: one per core
    spot : function that a worker runs
    """

    def __init__(self, n_workers: int | None = None, spot: Spot = spot_in_worker) -> None:
        self.n_workers = os.cpu_count() or 1 if n_workers is None else n_workers
        if self.n_workers < 1:
            raise ConfigError(f"{n_workers} workers are not enough; give at least 1")
        self._spot = spot

    def __call__(
        self, model: Model, settings: DecisionSettings, excerpts: Sequence[Excerpt]
    ) -> Generator[Found, None, None]:
        waiting = deque(excerpts)
        deaths: Counter[Excerpt] = Counter()
        while waiting:
            # After a death, repeat the excerpts in progress one at a time, to find the one that causes it.
            suspect = next((excerpt for excerpt in waiting if deaths[excerpt]), None)
            if suspect is None:
                interrupted = yield from self._work(model, settings, waiting, self.n_workers)
            else:
                waiting.remove(suspect)
                interrupted = yield from self._work(model, settings, deque([suspect]), 1)
            for excerpt in interrupted:
                deaths[excerpt] += 1
                if deaths[excerpt] < MOST_DEATHS:
                    waiting.append(excerpt)
                else:
                    yield Found(excerpt, broken=f"the worker died {MOST_DEATHS} times while reading this file")

    def _work(
        self, model: Model, settings: DecisionSettings, waiting: deque[Excerpt], n_workers: int
    ) -> Generator[Found, None, list[Excerpt]]:
        """Process the queue until it is empty or a worker dies; returns the excerpts in progress at that moment."""
        others = set(multiprocessing.active_children())
        pool = WorkerPool(n_workers, silence_c_stderr)  # the MP3 decoder reports every broken frame
        running: dict[Future[Found], Excerpt] = {}
        try:
            while waiting or running:
                while waiting and len(running) < n_workers:
                    future = pool.submit(self._spot, str(model.folder), settings, waiting[0])
                    running[future] = waiting.popleft()  # only now: a broken pool rejects work
                for future in wait(running, return_when=FIRST_COMPLETED).done:
                    found = future.result()
                    del running[future]
                    yield found
        except BrokenProcessPool:
            return list(running.values())
        except BaseException:  # Ctrl-C: work in progress is repeated next time, so do not wait for it
            for worker in set(multiprocessing.active_children()) - others:
                worker.terminate()
            raise
        finally:
            pool.shutdown(wait=True, cancel_futures=True)
        return []
