"""Where a scan runs: in processes of this machine, which may die."""

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
"""An excerpt that was being done when a worker died so often is taken for the cause."""

Spot = Callable[[str, DecisionSettings, Excerpt], Found]


class LocalProcesses:
    """Processes of this machine.

    Parameters
    ----------
    n_workers : how many; None: one for each core
    spot : what a worker does
    """

    def __init__(self, n_workers: int | None = None, spot: Spot = spot_in_worker) -> None:
        self.n_workers = os.cpu_count() or 1 if n_workers is None else n_workers
        if self.n_workers < 1:
            raise ConfigError(f"{n_workers} workers can do nothing; give at least 1")
        self._spot = spot

    def __call__(
        self, model: Model, settings: DecisionSettings, excerpts: Sequence[Excerpt]
    ) -> Generator[Found, None, None]:
        waiting = deque(excerpts)
        deaths: Counter[Excerpt] = Counter()
        while waiting:
            # After a death those that were being done go one at a time: the guilty one shows, the others are spared.
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
                    yield Found(excerpt, broken=f"the worker died {MOST_DEATHS} times while it read this file")

    def _work(
        self, model: Model, settings: DecisionSettings, waiting: deque[Excerpt], n_workers: int
    ) -> Generator[Found, None, list[Excerpt]]:
        """Do what waits until nothing does or a worker dies; returns what was being done then."""
        others = set(multiprocessing.active_children())
        pool = WorkerPool(n_workers, silence_c_stderr)  # the MP3 decoder tells of every broken frame
        running: dict[Future[Found], Excerpt] = {}
        try:
            while waiting or running:
                while waiting and len(running) < n_workers:
                    future = pool.submit(self._spot, str(model.folder), settings, waiting[0])
                    running[future] = waiting.popleft()  # not before: a broken pool takes nothing
                for future in wait(running, return_when=FIRST_COMPLETED).done:
                    found = future.result()
                    del running[future]
                    yield found
        except BrokenProcessPool:
            return list(running.values())
        except BaseException:  # Ctrl-C: what is under way is done again next time, so nobody waits for it
            for worker in set(multiprocessing.active_children()) - others:
                worker.terminate()
            raise
        finally:
            pool.shutdown(wait=True, cancel_futures=True)
        return []
