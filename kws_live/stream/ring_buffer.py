"""The newest seconds of audio, addressed by position: one thread writes, one takes, others look on."""

import threading
from collections import deque
from typing import NamedTuple

import numpy as np

from kws_live.audio import SAMPLE_RATE_HZ, Samples


class _Stretch(NamedTuple):
    """Audio without a gap: the position it begins at, and how many samples had been written before it."""

    position: int
    n_before: int


class RingBuffer:
    """Holds the newest ``capacity_samples`` samples of a stream.

    A position is a count of samples since the stream began; it is never reset. A gap (audio that was lost) takes up
    positions but no room, however long it is, and no read crosses it. A read answers by itself whether its samples
    are gone, so there is no race between asking and reading.

    Its one reader calls `consume`, which makes room for a writer that can wait; `read` and `read_on` only look. No wait
    is for more than can still come: a reader is let go at its position, which a gap reaches at once, at the end, and
    after its time-out; the writer when the reader has made room, and after its time-out.

    Parameters
    ----------
    capacity_samples : int, above 0
    position : where the stream begins
    """

    def __init__(self, capacity_samples: int, position: int = 0) -> None:
        if capacity_samples <= 0:
            raise ValueError(f"capacity_samples {capacity_samples} must be above 0")
        self._data = np.zeros(capacity_samples, np.float32)
        self._n_written = 0
        self._n_read = 0  # of those written, how many the reader is past
        self._stretches = deque([_Stretch(position, 0)])
        self._heard: deque[tuple[int, float | None]] = deque()  # up to which position, and when
        self._closed = False
        self._lock = threading.RLock()  # taken and let go in one step each, so that Ctrl-C cannot come between
        self._changed = threading.Condition(self._lock)
        self._wanted: int | None = None  # the least position waited for: waking a thread for less costs time

    @property
    def capacity_samples(self) -> int:
        """How many samples are kept."""
        return self._data.size

    @property
    def position(self) -> int:
        """Position that the next sample written will have."""
        with self._lock:
            return self._position()

    @property
    def n_unread(self) -> int:
        """How many samples it holds that the reader has not taken."""
        with self._lock:
            return self._n_written - max(self._n_read, self._n_gone())

    @property
    def closed(self) -> bool:
        """Whether nothing more will be written."""
        with self._lock:
            return self._closed

    def write(self, samples: Samples, heard_at: float | None = None) -> None:
        """Append a copy of the samples; the oldest give way.

        Parameters
        ----------
        samples : shape (n_samples,)
        heard_at : when the last of them was heard (`kws_live.system.clock.wall_seconds`); None where time plays no part
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
        """Say that nothing more will be written; wakes every waiter."""
        with self._lock:
            self._closed = True
            self._changed.notify_all()

    def heard_at(self, position: int) -> float | None:
        """When the sample before ``position`` was heard, by what `write` was told; None if that is not known."""
        with self._lock:
            latest = self._heard[-1] if self._heard else (0, None)
            end, at = next((one for one in self._heard if one[0] >= position), latest)
            return None if at is None else at - max(0, end - position) / SAMPLE_RATE_HZ

    def wait(self, position: int, timeout_seconds: float | None = None) -> bool:
        """Wait until the sample before ``position`` is there or no more can come; False on time-out."""

        def reached() -> bool:
            if self._is_due(position):
                return True
            self._wanted = position if self._wanted is None else min(self._wanted, position)
            return False

        with self._lock:
            return self._changed.wait_for(reached, timeout_seconds)

    def wait_for_room(self, timeout_seconds: float) -> bool:
        """For the writer: wait until at most half of the buffer is unread; False on time-out."""
        with self._lock:
            return self._changed.wait_for(lambda: self._closed or not self._is_half_full(), timeout_seconds)

    def read(self, start: int, n_samples: int) -> Samples | None:
        """Copy of ``n_samples`` samples from position ``start``; None if any is gone, in a gap, or not there yet."""
        with self._lock:
            first = self._index(start)
            last = self._index(start + n_samples)
            whole = self._n_gone() <= first and last - first == n_samples and start + n_samples <= self._position()
            return self._copy(first, n_samples) if whole and self._position_of(first) == start else None

    def consume(self, start: int, n_samples: int) -> tuple[int, Samples]:
        """For the reader: `read_on`; what is read or passed over so makes room."""
        with self._lock:
            begin, samples = self.read_on(start, n_samples)
            was_half_full = self._is_half_full()
            self._n_read = self._index(begin) + samples.size
            if was_half_full and not self._is_half_full():
                self._changed.notify_all()
            return begin, samples

    def read_on(self, start: int, n_samples: int) -> tuple[int, Samples]:
        """Read on from ``start``: at most ``n_samples`` samples without a gap, and the position they begin at.

        The position is ``start`` itself, or a later one where samples from ``start`` on are gone or a gap
        begins there. A reader that was overtaken goes on in the middle of what is kept, because at its oldest end it
        would be overtaken again at once. The array is empty where nothing more has been written.
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
        """How many of the samples written are no longer kept."""
        return max(0, self._n_written - self._data.size)

    def _index(self, position: int) -> int:
        """How many samples were written before a position; -1 if that is no longer known."""
        for stretch, after in zip(reversed(self._stretches), (None, *reversed(self._stretches)), strict=False):
            if position >= stretch.position:
                end = self._n_written if after is None else after.n_before
                return min(stretch.n_before + position - stretch.position, end)
        return -1

    def _position_of(self, index: int) -> int:
        """Position of the sample that so many were written before; where a gap lies there, the one after it."""
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
