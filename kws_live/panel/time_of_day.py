"""The time of day of a position in the stream, noted as audio arrives, so that it does not change later."""

from bisect import bisect_right
from collections import deque
from typing import Final

from kws_live.audio import SAMPLE_RATE_HZ

JUMP_SECONDS: Final = 1.0
"""Blocks arrive up to a quarter of a second late; a larger difference means that the stream paused or ran ahead."""

STRETCHES_KEPT: Final = 8000


class TimeOfDay:
    """The clock along the stream; seconds since 1970."""

    def __init__(self) -> None:
        self._begins: deque[int] = deque([0], STRETCHES_KEPT)
        self._offsets: deque[float] = deque(maxlen=STRETCHES_KEPT)
        self._position = 0

    def note(self, position: int, now: float) -> None:
        """Note that all audio before ``position`` has arrived by now."""
        offset = now - position / SAMPLE_RATE_HZ
        if not self._offsets:
            self._offsets.append(offset)
        elif position > self._position and abs(offset - self._offsets[-1]) > JUMP_SECONDS:
            self._begins.append(self._position)
            self._offsets.append(offset)
        self._position = max(position, self._position)

    def at(self, position: int) -> float:
        """Return the time of a position; 0 before any audio."""
        if not self._offsets:
            return 0.0
        stretch = max(0, bisect_right(self._begins, position) - 1)
        return self._offsets[stretch] + position / SAMPLE_RATE_HZ
