"""How much of a live stream never arrived? Told from arrival times alone. Pure."""

from typing import Final

from kws_live.audio import Block

LATE_SECONDS: Final = 0.4
"""Blocks come up to 0.2 s late on a busy machine; later than this, something happened."""

PATIENCE_SECONDS: Final = 0.6
"""A server that was held up hands over what it kept within milliseconds, or, itself short of time, bit by bit; where
for so long nothing of the delay has been made up, the rest is lost."""

MADE_UP_SECONDS: Final = 0.1

DRIFT: Final = 0.02
"""A device's clock may be slower than the machine's: that share is no loss."""


class GapFinder:
    """Takes blocks with their arrival times, and gives them back with the gaps between them.

    A late block is kept for a moment: either the missing ones follow at once, or they are lost.

    Parameters
    ----------
    rate_hz : of the blocks
    """

    def __init__(self, rate_hz: int) -> None:
        self._rate_hz = rate_hz
        self._n_samples = 0
        self._n_kept = 0
        self._least: float | None = None
        self._last_seconds = 0.0
        self._kept: list[Block] = []
        self._kept_since = 0.0
        self._kept_lag = 0.0
        self._is_spliced = False

    def feed(self, block: Block, seconds: float, is_spliced: bool = False) -> list[Block | float]:
        """Take the next block.

        Parameters
        ----------
        block : float32 (n_samples, n_channels)
        seconds : when it arrived, by `kws_live.system.clock.wall_seconds`
        is_spliced : whether it is known that something is missing before it

        Returns
        -------
        list of blocks, and of gaps as seconds, in the order of the stream
        """
        lag = self._lag(block.shape[0], seconds)
        if not self._kept:
            if lag <= LATE_SECONDS and not is_spliced:
                return [block]
            self._kept_since, self._kept_lag = seconds, lag
        self._is_spliced |= is_spliced
        self._kept.append(block)
        self._n_kept += block.shape[0]
        if lag <= LATE_SECONDS and not self._is_spliced:
            return self.flush()
        if lag < self._kept_lag - MADE_UP_SECONDS:  # it is still catching up
            self._kept_since, self._kept_lag = seconds, lag
        return self.give_up(seconds)

    def give_up(self, seconds: float) -> list[Block | float]:
        """Give back what was kept for too long by then: with what is missing before it, if any."""
        if not self._kept or seconds - self._kept_since < PATIENCE_SECONDS:
            return []
        assert self._least is not None
        lag = self._last_seconds - self._n_samples / self._rate_hz - self._least
        self._least += lag
        self._is_spliced = False
        return [lag, *self.flush()]

    def flush(self) -> list[Block | float]:
        """Give back what is kept."""
        kept, self._kept = self._kept, []
        self._n_kept = 0
        return [*kept]

    def leave_gap(self, seconds: float) -> None:
        """The source itself tells of a gap before the next block."""
        if self._least is not None:
            self._least += seconds

    def heard_at(self, n_after: int = 0) -> float:
        """When a sample would have arrived if nothing had held it up, by the same clock.

        Parameters
        ----------
        n_after : how many samples after it were given back
        """
        assert self._least is not None, "nothing was taken yet"
        return min(self._last_seconds, self._least + (self._n_samples - self._n_kept - n_after) / self._rate_hz)

    def _lag(self, n_samples: int, seconds: float) -> float:
        """How much later than the earliest the stream arrives now."""
        self._n_samples += n_samples
        offset = seconds - self._n_samples / self._rate_hz
        elapsed, self._last_seconds = seconds - self._last_seconds, seconds
        if self._least is None or offset < self._least:
            self._least = offset
        elif offset - self._least <= LATE_SECONDS:  # while something is amiss nothing is put down to the clocks
            self._least = min(offset, self._least + DRIFT * elapsed)
        return offset - self._least
