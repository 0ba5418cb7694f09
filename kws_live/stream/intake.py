"""From a source's blocks to the ring buffer: mono, resampled to 22,050 Hz, at positions that follow the clock."""

from collections.abc import Callable, Iterator
from typing import Final

import numpy as np

from kws_live.audio import SAMPLE_RATE_HZ, Block
from kws_live.stream.channels import Mixer
from kws_live.stream.gap_finder import GapFinder
from kws_live.stream.resampling import Resampler
from kws_live.stream.ring_buffer import RingBuffer

TAIL_SECONDS: Final = 1.0
"""Silence appended after the last sample, so that a word at the very end still gets its windows and its pause."""

AHEAD_SECONDS: Final = 2.0
"""Audio this far ahead of the clock is being read faster than real time, so it gets no arrival times."""


def pieces(block: Block, rate_hz: int) -> Iterator[Block]:
    """Cut a block into parts of at most a second; a long one written at once would overrun the ring buffer."""
    for start in range(0, block.shape[0], rate_hz):
        yield block[start : start + rate_hz]


class Intake:
    """Writes the blocks of one source into a ring buffer.

    Parameters
    ----------
    ring : at 22,050 Hz
    rate_hz : of the blocks
    is_live : whether blocks arrive in real time; then lost audio becomes a gap
    make_room : called before each write
    """

    def __init__(
        self, ring: RingBuffer, rate_hz: int, is_live: bool = False, make_room: Callable[[], object] = lambda: None
    ) -> None:
        self._ring = ring
        self._rate_hz = rate_hz
        self._make_room = make_room
        self._gaps = GapFinder(rate_hz) if is_live else None
        self._mixer = Mixer(rate_hz)
        self._resampler = Resampler(rate_hz, SAMPLE_RATE_HZ)
        self._n_samples = 0
        self._begun: float | None = None
        self._heard_last: float | None = None

    def feed(self, block: Block, arrived: float | None = None, is_spliced: bool = False) -> None:
        """Write one block, and any gap detected before it.

        Parameters
        ----------
        block : float32 (n_samples, n_channels); empty if nothing arrived
        arrived : when it arrived, by `kws_live.system.clock.wall_seconds`; required for live sources
        is_spliced : whether samples are known to be missing before it
        """
        if not block.shape[0]:
            if self._gaps is not None and arrived is not None:
                self._write_parts(self._gaps, self._gaps.give_up(arrived))
            return
        if self._gaps is None:
            self._write(block, self._heard_at(block.shape[0], arrived))
            return
        assert arrived is not None
        self._write_parts(self._gaps, self._gaps.feed(block, arrived, is_spliced))

    def leave_gap(self, seconds: float) -> None:
        """Leave a gap that the source itself reported before the next block."""
        self.flush()
        self._skip(seconds)
        if self._gaps is not None:
            self._gaps.leave_gap(seconds)

    def flush(self) -> None:
        """Write the samples held back and end the current stretch; the next block starts a new one."""
        if self._gaps is not None:
            self._write_parts(self._gaps, self._gaps.flush())
        self._end_stretch()

    def finish(self, close: bool = True) -> None:
        """End the source: write the samples held back, then the silent tail; ``close``: also close the ring buffer."""
        self.flush()
        heard_at = None if self._heard_last is None else self._heard_last + TAIL_SECONDS
        self._ring.write(np.zeros(round(TAIL_SECONDS * SAMPLE_RATE_HZ), np.float32), heard_at)
        if close:
            self._ring.close()

    def _write_parts(self, gaps: GapFinder, parts: list[Block | float]) -> None:
        n_after = sum(part.shape[0] for part in parts if not isinstance(part, float))
        for part in parts:
            if isinstance(part, float):
                self._end_stretch()
                self._skip(part)
            else:
                n_after -= part.shape[0]
                self._write(part, gaps.heard_at(n_after))

    def _write(self, block: Block, heard_at: float | None) -> None:
        self._heard_last = heard_at
        for piece in pieces(block, self._rate_hz):
            self._make_room()
            self._ring.write(self._resampler.process(self._mixer.mono(piece)), heard_at)

    def _end_stretch(self) -> None:
        self._ring.write(self._resampler.finish(), self._heard_last)
        self._resampler = Resampler(self._rate_hz, SAMPLE_RATE_HZ)

    def _skip(self, seconds: float) -> None:
        self._ring.skip(max(1, round(seconds * SAMPLE_RATE_HZ)))

    def _heard_at(self, n_samples: int, arrived: float | None) -> float | None:
        """Return the arrival time of a block from a non-live source; None if it is read faster than real time."""
        if arrived is None:
            return None
        if self._begun is None:
            self._begun = arrived
        self._n_samples += n_samples
        is_ahead = self._n_samples / self._rate_hz - (arrived - self._begun) > AHEAD_SECONDS
        return None if is_ahead else arrived
