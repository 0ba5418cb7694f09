"""From a source's blocks to the ring buffer: mono, resampled to 22,050 Hz, with positions."""

from collections.abc import Iterator
from typing import Final

import numpy as np

from kws_live.audio import SAMPLE_RATE_HZ, Block, to_mono
from kws_live.resampling import Resampler
from kws_live.ring_buffer import RingBuffer

TAIL_SECONDS: Final = 1.0
"""Silence after the last sample, so that a word at the very end still gets its windows and its pause."""


def pieces(block: Block, rate_hz: int) -> Iterator[Block]:
    """Cut a block into parts of at most a second: a long one, written at once, would overrun the ring buffer."""
    for start in range(0, block.shape[0], rate_hz):
        yield block[start : start + rate_hz]


class Intake:
    """Writes blocks of one rate into a ring buffer.

    Parameters
    ----------
    ring : at 22,050 Hz
    rate_hz : of the blocks
    """

    def __init__(self, ring: RingBuffer, rate_hz: int) -> None:
        self._ring = ring
        self._resampler = Resampler(rate_hz, SAMPLE_RATE_HZ)

    def take(self, block: Block, heard_at: float | None = None) -> None:
        """Write one block, float32 (n_samples, n_channels), heard at that time by `kws_live.clock.wall_seconds`."""
        if block.shape[0]:
            self._ring.write(self._resampler.process(to_mono(block)), heard_at)

    def flush(self) -> None:
        """The stretch ends here: write what is held back; a new stretch needs a new intake."""
        self._ring.write(self._resampler.finish())

    def finish(self) -> None:
        """The source has ended: write what is held back, then the tail, and close the ring buffer."""
        self.flush()
        self._ring.write(np.zeros(round(TAIL_SECONDS * SAMPLE_RATE_HZ), np.float32))
        self._ring.close()
