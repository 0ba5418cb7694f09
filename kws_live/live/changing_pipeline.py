"""A pipeline that another can take over from, between two hops."""

import threading
from collections.abc import Callable

from kws_live.errors import SessionError
from kws_live.spotting.pipeline import Pipeline, PipelineCounts, Played, Step, nothing_played
from kws_live.stream.ring_buffer import RingBuffer

LOOK_SECONDS = 0.1


class ChangingPipeline:
    """Does what its pipeline does, and on the detector thread goes over to another.

    Parameters
    ----------
    first : the pipeline to begin with
    played : what the machine itself plays, as of `Pipeline.step`
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
        """As of `Pipeline`."""
        return self._pipeline.next_position

    def step(self, ring: RingBuffer) -> Step | None:
        """As of `Pipeline`."""
        self._go_over()
        return self._pipeline.step(ring, self._played)

    def skip_to(self, start: int) -> Step:
        """As of `Pipeline`."""
        return self._pipeline.skip_to(start)

    def change(self, begin: Callable[[int], Pipeline], is_alive: Callable[[], bool]) -> None:
        """Go over to another pipeline, and return when that is done.

        Parameters
        ----------
        begin : position -> the pipeline from there on; called on the detector thread
        is_alive : whether the detector will still do a step

        Raises
        ------
        SessionError
            If it will not.
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
