"""The newest seconds of audio, addressed by position: one thread writes, one consumes, others may read."""

import threading
from collections import deque
from typing import NamedTuple

import numpy as np

from kws_live.audio import SAMPLE_RATE_HZ, Samples


class _Stretch(NamedTuple):
    """Audio without a gap: its first position, and the number of samples written before it."""

    position: int
    n_before: int


class RingBuffer:
    """Holds the newest ``capacity_samples`` samples of a stream.

    A position is a count of samples since the start of the stream; it is never reset. A gap (lost audio) takes up
    positions but no memory, and no read crosses it. A read itself reports whether its samples are gone, so there is no
    race between checking and reading.

    The single consumer calls `consume`, which makes room for a writer that can wait; `read` and `read_on` leave no
    trace. Every wait ends: a reader's at its position (which a gap reaches immediately), at the end of the stream, or
    at its time-out; the writer's when there is room, or at its time-out.

    Parameters
    ----------
    capacity_samples : int, above 0
    position : of the first sample
    """

    def __init__(self, capacity_samples: int, position: int = 0) -> None:
        if capacity_samples <= 0:
            raise ValueError(f"capacity_samples {capacity_samples} must be above 0")
        self._data = np.zeros(capacity_samples, np.float32)
        self._n_written = 0
        self._n_read = 0  # how many of them the consumer has passed
        self._stretches = deque([_Stretch(position, 0)])
        self._heard: deque[tuple[int, float | None]] = deque()  # (end position, time)
        self._closed = False
        self._lock = threading.RLock()  # acquired and released atomically, so that Ctrl-C cannot interrupt
        self._changed = threading.Condition(self._lock)
        self._wanted: int | None = None  # lowest position waited for, to avoid needless wake-ups

    @property
    def capacity_samples(self) -> int:
        """Capacity in samples."""
        return self._data.size

    @property
    def position(self) -> int:
        """Position that the next sample written will have."""
        with self._lock:
            return self._position()

    @property
    def n_unread(self) -> int:
        """Number of samples held that the consumer has not read."""
        with self._lock:
            return self._n_written - max(self._n_read, self._n_gone())

    @property
    def closed(self) -> bool:
        """Whether nothing more will be written."""
        with self._lock:
            return self._closed

    def write(self, samples: Samples, heard_at: float | None = None) -> None:
        """Append a copy of the samples, overwriting the oldest.

        Parameters
        ----------
        samples : shape (n_samples,)
        heard_at : arrival time of the last of them (`kws_live.system.clock.wall_seconds`); None if time does not matter
        """
        capacity = self._data.size
        with self._lock:
            kept = samples[-capacity:]
            start = (self._n_written + samples.size - kept.size) % capacity
            until_end = min(kept.size, capacity - start)
            self._data[start : start + until_end] = kept[:until_end]
            self._data[: kept.size - until_end] = kept[until_end:]
            self._n_written += samples.size
            while len(self._stretches) > 1 and self._stretches[1].n_before < self._n_gone():
                self._stretches.popleft()
            if self._heard and self._heard[-1][1] == heard_at:
                self._heard.pop()
            self._heard.append((self._position(), heard_at))
            while len(self._heard) > 1 and self._heard[0][0] <= self._position_of(self._n_gone()):
                self._heard.popleft()
            self._wake()

    def skip(self, n_samples: int) -> None:
        """Leave a gap: ``n_samples`` positions that hold nothing."""
        if n_samples <= 0:
            return
        with self._lock:
            after = _Stretch(self._position() + n_samples, self._n_written)
            if len(self._stretches) > 1 and self._stretches[-1].n_before == self._n_written:  # one gap after another
                self._stretches.pop()
            self._stretches.append(after)
            self._wake()

    def close(self) -> None:
        """Declare the end of the stream; wakes every waiter."""
        with self._lock:
            self._closed = True
            self._changed.notify_all()

    def heard_at(self, position: int) -> float | None:
        """Return the arrival time of the sample before ``position``, as given to `write`; None if unknown."""
        with self._lock:
            latest = self._heard[-1] if self._heard else (0, None)
            end, at = next((one for one in self._heard if one[0] >= position), latest)
            return None if at is None else at - max(0, end - position) / SAMPLE_RATE_HZ

    def wait(self, position: int, timeout_seconds: float | None = None) -> bool:
        """Wait until the sample before ``position`` is written or the stream is closed; False on time-out."""

        def reached() -> bool:
            if self._is_due(position):
                return True
            self._wanted = position if self._wanted is None else min(self._wanted, position)
            return False

        with self._lock:
            return self._changed.wait_for(reached, timeout_seconds)

    def wait_for_room(self, timeout_seconds: float) -> bool:
        """Wait, as the writer, until at most half of the buffer is unread; False on time-out."""
        with self._lock:
            return self._changed.wait_for(lambda: self._closed or not self._is_half_full(), timeout_seconds)

    def read(self, start: int, n_samples: int) -> Samples | None:
        """Return a copy of ``n_samples`` samples from ``start``; None if any is gone, in a gap, or not yet written."""
        with self._lock:
            first = self._index(start)
            last = self._index(start + n_samples)
            whole = self._n_gone() <= first and last - first == n_samples and start + n_samples <= self._position()
            return self._copy(first, n_samples) if whole and self._position_of(first) == start else None

    def consume(self, start: int, n_samples: int) -> tuple[int, Samples]:
        """`read_on` for the consumer: frees the space of what was read or passed over."""
        with self._lock:
            begin, samples = self.read_on(start, n_samples)
            was_half_full = self._is_half_full()
            self._n_read = self._index(begin) + samples.size
            if was_half_full and not self._is_half_full():
                self._changed.notify_all()
            return begin, samples

    def read_on(self, start: int, n_samples: int) -> tuple[int, Samples]:
        """Read at most ``n_samples`` samples without a gap from ``start``; returns their first position and themselves.

        The position is ``start``, or a later one if the samples at ``start`` are gone or a gap
        begins there. A reader that was overtaken continues in the middle of the buffer, because at the oldest end it
        would be overtaken again immediately. The array is empty if nothing more has been written.
        """
        with self._lock:
            first = self._index(start)
            if first < self._n_gone():
                first = max(self._n_gone(), self._n_written - self._data.size // 2)
                start = self._position_of(first)
            begin = max(start, self._position_of(first))
            end = next((one.n_before for one in self._stretches if one.n_before > first), self._n_written)
            return begin, self._copy(first, max(0, min(n_samples, end - first)))

    def _position(self) -> int:
        last = self._stretches[-1]
        return last.position + self._n_written - last.n_before

    def _n_gone(self) -> int:
        """Return how many of the samples written have been overwritten."""
        return max(0, self._n_written - self._data.size)

    def _index(self, position: int) -> int:
        """Return how many samples were written before a position; -1 if unknown."""
        for stretch, after in zip(reversed(self._stretches), (None, *reversed(self._stretches)), strict=False):
            if position >= stretch.position:
                end = self._n_written if after is None else after.n_before
                return min(stretch.n_before + position - stretch.position, end)
        return -1

    def _position_of(self, index: int) -> int:
        """Return the position of the sample with this index; at a gap, that of the one after it."""
        stretch = next(one for one in reversed(self._stretches) if one.n_before <= index or one is self._stretches[0])
        return stretch.position + index - stretch.n_before

    def _is_half_full(self) -> bool:
        return self._n_written - max(self._n_read, self._n_gone()) > self._data.size // 2

    def _is_due(self, position: int) -> bool:
        return self._closed or self._position() >= position

    def _wake(self) -> None:
        if self._wanted is not None and self._is_due(self._wanted):
            self._wanted = None
            self._changed.notify_all()

    def _copy(self, index: int, n_samples: int) -> Samples:
        first = index % self._data.size
        straight = self._data[first : first + n_samples]
        if straight.size == n_samples:
            return straight.copy()
        return np.concatenate((straight, self._data[: n_samples - straight.size]))
