"""Makes training batches in worker processes, which import no network library: that would cost each 10 s and 600 MB."""

from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future
from pathlib import Path

from kws_live.model.features import Features
from kws_live.system.workers import WorkerPool
from kws_live.training.augmentation import Augmenter
from kws_live.training.clips import Clips, Floats
from kws_live.training.dataset import FeatureArchive
from kws_live.training.recipe import Recipe


def augmenter_of(archives: Sequence[FeatureArchive], recipe: Recipe) -> Augmenter:
    """Return the augmenter for a recipe's training batches."""
    clips = Clips.of_set(archives, recipe.keywords, "train")
    return Augmenter(clips, recipe.augmentation, recipe.batch_size, recipe.seed)


class BatchMaker:
    """Makes batches in worker processes, in order and a few ahead."""

    def __init__(self, folders: Sequence[Path], recipe: Recipe, workers: int) -> None:
        self._ahead = 2 * workers + 2
        self._pool = WorkerPool(workers, _keep, (folders, recipe))

    def __enter__(self) -> "BatchMaker":
        return self

    def __exit__(self, *_: object) -> None:
        self._pool.shutdown(cancel_futures=True)

    def batches(self, wanted: Iterator[tuple[int, int]]) -> Iterator[tuple[Features, Floats]]:
        """Yield the batches for a sequence of (epoch, number), in that order."""
        pending: deque[Future[tuple[Features, Floats]]] = deque()
        for epoch, number in wanted:
            pending.append(self._pool.submit(_make, epoch, number))
            if len(pending) > self._ahead:
                yield pending.popleft().result()
        while pending:
            yield pending.popleft().result()


_augmenter: Augmenter | None = None  # one per worker process


def _keep(folders: Sequence[Path], recipe: Recipe) -> None:
    """Open the archives in this process: their arrays are memory-mapped, not sent."""
    global _augmenter
    _augmenter = augmenter_of([FeatureArchive.open(folder) for folder in folders], recipe)


def _make(epoch: int, number: int) -> tuple[Features, Floats]:
    assert _augmenter is not None
    return _augmenter.batch(epoch, number)
