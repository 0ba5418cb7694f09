"""Mixing to one channel: the mean, or the louder one of two channels that cancel each other. Pure."""

from typing import Final

import numpy as np

from kws_live.audio import Block, Samples, to_mono

PART_SECONDS: Final = 0.05
"""Interval between decisions on how to mix."""

MEMORY_SECONDS: Final = 2.0

CANCELLED: Final = 0.1
"""-10 dB: power of the mean relative to the louder channel; for uncorrelated channels it is -3 dB."""

RESTORED: Final = 0.35
"""-4.6 dB: return to the mean. With one silent channel the ratio is -6 dB, which is below this threshold."""


def mean_share(block: Block) -> float:
    """Return the power of the mean of two channels relative to the louder one: 1 if equal, 0 in antiphase."""
    left, right, both = _powers(block)
    return _share(left, right, both)


class Mixer:
    """Mixes a stream of blocks to mono; the result does not depend on how the stream is cut into blocks.

    Two channels in antiphase, as some laptop microphones deliver them, cancel each other in the mean; then only the
    louder one is used.

    Parameters
    ----------
    rate_hz : of the blocks
    """

    def __init__(self, rate_hz: int) -> None:
        self._n_part = max(1, round(PART_SECONDS * rate_hz))
        self._n_in_part = 0
        self._part = np.zeros(3)
        self._powers = np.zeros(3)
        self._chosen: int | None = None

    @property
    def chosen(self) -> int | None:
        """The channel in use, from 0; None: the mean."""
        return self._chosen

    def mono(self, block: Block) -> Samples:
        """Mix the next block, float32 (n_samples, n_channels), to float32 (n_samples,)."""
        if block.shape[1] != 2:
            return to_mono(block)
        parts = []
        at = 0
        while at < block.shape[0]:
            piece = block[at : at + self._n_part - self._n_in_part]
            parts.append(to_mono(piece) if self._chosen is None else piece[:, self._chosen])
            at += piece.shape[0]
            self._n_in_part += piece.shape[0]
            self._part += _powers(piece)
            if self._n_in_part == self._n_part:
                self._decide()
        return np.concatenate(parts) if parts else to_mono(block)

    def _decide(self) -> None:
        self._powers = self._powers * (1 - PART_SECONDS / MEMORY_SECONDS) + self._part
        self._part = np.zeros(3)
        self._n_in_part = 0
        left, right, both = (float(power) for power in self._powers)
        share = _share(left, right, both)
        if self._chosen is None and share < CANCELLED:
            self._chosen = int(right > left)
        elif share > RESTORED:
            self._chosen = None


def _powers(block: Block) -> tuple[float, float, float]:
    """Return the sums of left², right² and left × right, with samples beyond full scale clipped."""
    block = np.minimum(np.maximum(block, -1.0), 1.0)
    left, right = np.ascontiguousarray(block[:, 0]), np.ascontiguousarray(block[:, 1])
    return float(left @ left), float(right @ right), float(left @ right)


def _share(left: float, right: float, both: float) -> float:
    louder = max(left, right)
    return 1.0 if louder <= 0 else max(0.0, (left + right + 2 * both) / 4 / louder)
