"""A pipeline that can be replaced between two hops."""

import threading
from collections.abc import Callable

from kws_live.errors import SessionError
from kws_live.spotting.pipeline import Pipeline, PipelineCounts, Played, Step, nothing_played
from kws_live.stream.ring_buffer import RingBuffer

LOOK_SECONDS = 0.1


class ChangingPipeline:
    """Delegates to a pipeline, and replaces it on the detector thread on request.

    Parameters
    ----------
    first : the pipeline to begin with
    played : this machine's playback, as in `Pipeline.step`
    """

    def __init__(self, first: Pipeline, played: Played = nothing_played) -> None:
        self._played = played
        self._pipeline = first
        self._before = PipelineCounts()
        self._change: tuple[Callable[[int], Pipeline], threading.Event] | None = None
        self._lock = threading.Lock()

    @property
    def counts(self) -> PipelineCounts:
        """Running totals over all pipelines."""
        return self._before + self._pipeline.counts

    @property
    def next_position(self) -> int:
        """As in `Pipeline`."""
        return self._pipeline.next_position

    def step(self, ring: RingBuffer) -> Step | None:
        """As in `Pipeline`."""
        self._go_over()
        return self._pipeline.step(ring, self._played)

    def skip_to(self, start: int) -> Step:
        """As in `Pipeline`."""
        return self._pipeline.skip_to(start)

    def change(self, begin: Callable[[int], Pipeline], is_alive: Callable[[], bool]) -> None:
        """Switch to another pipeline; returns when that is done.

        Parameters
        ----------
        begin : position -> the pipeline starting there; called on the detector thread
        is_alive : whether the detector is still running

        Raises
        ------
        SessionError
            If it is not.
        """
        done = threading.Event()
        with self._lock:
            self._change = begin, done
        while not done.wait(LOOK_SECONDS):
            if not is_alive():
                raise SessionError("listening has ended, so there is nothing to change; start again")

    def _go_over(self) -> None:
        with self._lock:
            change, self._change = self._change, None
        if change is not None:
            begin, done = change
            following = begin(self._pipeline.position)
            self._before, self._pipeline = self.counts, following
            done.set()
