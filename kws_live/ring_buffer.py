"""The newest seconds of audio, addressed by position: one thread writes, others read."""

import threading
from collections import deque

import numpy as np

from kws_live.audio import Samples


class RingBuffer:
    """Holds the newest ``capacity_samples`` samples of a stream.

    A position is a count of samples since the stream began; it is never reset. A gap (audio that was lost)
    takes up positions but holds nothing, and no read crosses it. A read answers by itself whether its
    samples are gone, so there is no race between asking and reading.

    Parameters
    ----------
    capacity_samples : int, above 0
    position : where the stream begins
    """

    def __init__(self, capacity_samples: int, position: int = 0) -> None:
        if capacity_samples <= 0:
            raise ValueError(f"capacity_samples {capacity_samples} must be above 0")
        self._data = np.zeros(capacity_samples, np.float32)
        self._begin = position
        self._position = position
        self._gaps: deque[tuple[int, int]] = deque()
        self._closed = False
        self._changed = threading.Condition()
        self._wanted: int | None = None  # the least position waited for: waking a thread for less costs time
        self._planned: int | None = None  # the writer rests until it can write so far

    @property
    def capacity_samples(self) -> int:
        """How many samples are kept."""
        return self._data.size

    @property
    def position(self) -> int:
        """Position that the next sample written will have."""
        with self._changed:
            return self._position

    @property
    def wanted(self) -> int | None:
        """The least position that somebody waits for; None: nobody waits."""
        return self._wanted

    @property
    def closed(self) -> bool:
        """Whether nothing more will be written."""
        with self._changed:
            return self._closed

    def write(self, samples: Samples) -> None:
        """Append a copy of the samples; the oldest give way."""
        capacity = self._data.size
        with self._changed:
            kept = samples[-capacity:]
            start = (self._position + samples.size - kept.size) % capacity
            until_end = min(kept.size, capacity - start)
            self._data[start : start + until_end] = kept[:until_end]
            self._data[: kept.size - until_end] = kept[until_end:]
            self._advance(samples.size)

    def skip(self, n_samples: int) -> None:
        """Leave a gap: ``n_samples`` positions that hold nothing."""
        if n_samples <= 0:
            return
        with self._changed:
            self._gaps.append((self._position, self._position + n_samples))
            self._advance(n_samples)

    def close(self) -> None:
        """Say that nothing more will be written; wakes every waiter."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()

    def _advance(self, n_samples: int) -> None:
        self._position += n_samples
        while self._gaps and self._gaps[0][1] <= self._position - self._data.size:
            self._gaps.popleft()
        if self._wanted is not None and self._position >= self._wanted:
            self._wanted = None
            self._changed.notify_all()

    def wait(self, position: int, timeout_seconds: float | None = None) -> bool:
        """Wait until the sample before ``position`` is written or the buffer is closed; False on time-out."""

        def reached() -> bool:
            if self._closed or self._position >= position:
                return True
            self._wanted = position if self._wanted is None else min(self._wanted, position)
            if self._planned is not None and self._wanted < self._planned:
                self._changed.notify_all()
            return False

        with self._changed:
            return self._changed.wait_for(reached, timeout_seconds)

    def rest(self, position: int, timeout_seconds: float) -> None:
        """For the writer: wait until the time-out, or a reader waits for less than ``position``, or it is closed."""
        with self._changed:
            self._planned = position
            self._changed.wait_for(
                lambda: self._closed or (self._wanted is not None and self._wanted < position), timeout_seconds
            )
            self._planned = None

    def held_from(self, start: int) -> int:
        """How many samples it holds from position ``start`` on; gaps hold none."""
        with self._changed:
            start = max(start, self._oldest())
            in_gaps = sum(end - max(begin, start) for begin, end in self._gaps if end > start)
            return max(0, self._position - start - in_gaps)

    def read(self, start: int, n_samples: int) -> Samples | None:
        """Copy of ``n_samples`` samples from position ``start``; None if any is gone, in a gap, or not there yet."""
        with self._changed:
            if start < self._oldest() or start + n_samples > self._position:
                return None
            if any(begin < start + n_samples and start < end for begin, end in self._gaps):
                return None
            return self._copy(start, n_samples)

    def read_on(self, start: int, n_samples: int) -> tuple[int, Samples]:
        """Read on from ``start``: at most ``n_samples`` samples without a gap, and the position they begin at.

        The position is ``start`` itself, or a later one where samples from ``start`` on are gone or a gap
        begins there. A reader who was overtaken goes on in the middle of what is kept, because at its oldest end he
        would be overtaken again at once. The array is empty where nothing more has been written.
        """
        with self._changed:
            if start < self._oldest():
                start = max(self._oldest(), self._position - self._data.size // 2)
            end = min(start + n_samples, self._position)
            for gap_begin, gap_end in self._gaps:
                if gap_begin <= start < gap_end:
                    start = gap_end
                    end = min(start + n_samples, self._position)
                elif start < gap_begin < end:
                    end = gap_begin
            return start, self._copy(start, max(0, end - start))

    def _oldest(self) -> int:
        return max(self._begin, self._position - self._data.size)

    def _copy(self, start: int, n_samples: int) -> Samples:
        first = start % self._data.size
        straight = self._data[first : first + n_samples]
        if straight.size == n_samples:
            return straight.copy()
        return np.concatenate((straight, self._data[: n_samples - straight.size]))
