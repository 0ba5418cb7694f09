"""Detection of gaps in a live stream from arrival times alone. Pure."""

from typing import Final

from kws_live.audio import Block

LATE_SECONDS: Final = 0.4
"""On a busy machine blocks arrive up to 0.2 s late; a delay longer than this has another cause."""

PATIENCE_SECONDS: Final = 0.6
"""A sound server that was delayed delivers its backlog within milliseconds or, if it is short of CPU itself, gradually.
If the delay has not shrunk for this long, the rest is lost."""

MADE_UP_SECONDS: Final = 0.1

DRIFT: Final = 0.02
"""Tolerated clock difference between device and machine, as a share; it does not count as a gap."""


class GapFinder:
    """Takes blocks with their arrival times, and returns them with the gaps between them.

    A late block is held back for a moment: either the missing ones follow immediately, or they are lost.

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
        """Process the next block.

        Parameters
        ----------
        block : float32 (n_samples, n_channels)
        seconds : when it arrived, by `kws_live.system.clock.wall_seconds`
        is_spliced : whether samples are known to be missing before it

        Returns
        -------
        list of blocks and of gaps in seconds, in the order of the stream
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
        if lag < self._kept_lag - MADE_UP_SECONDS:  # still catching up
            self._kept_since, self._kept_lag = seconds, lag
        return self.give_up(seconds)

    def give_up(self, seconds: float) -> list[Block | float]:
        """Return the blocks held back for too long, with the gap before them."""
        if not self._kept or seconds - self._kept_since < PATIENCE_SECONDS:
            return []
        assert self._least is not None
        lag = self._last_seconds - self._n_samples / self._rate_hz - self._least
        self._least += lag
        self._is_spliced = False
        return [lag, *self.flush()]

    def flush(self) -> list[Block | float]:
        """Return the blocks held back."""
        kept, self._kept = self._kept, []
        self._n_kept = 0
        return [*kept]

    def leave_gap(self, seconds: float) -> None:
        """Account for a gap that the source itself reported before the next block."""
        if self._least is not None:
            self._least += seconds

    def heard_at(self, n_after: int = 0) -> float:
        """Return when a sample would have arrived without delays, on the same clock.

        Parameters
        ----------
        n_after : number of samples returned after it
        """
        assert self._least is not None, "no block yet"
        return min(self._last_seconds, self._least + (self._n_samples - self._n_kept - n_after) / self._rate_hz)

    def _lag(self, n_samples: int, seconds: float) -> float:
        """Return the current delay of the stream relative to its earliest arrival."""
        self._n_samples += n_samples
        offset = seconds - self._n_samples / self._rate_hz
        elapsed, self._last_seconds = seconds - self._last_seconds, seconds
        if self._least is None or offset < self._least:
            self._least = offset
        elif offset - self._least <= LATE_SECONDS:  # during a delay, do not attribute it to clock drift
            self._least = min(offset, self._least + DRIFT * elapsed)
        return offset - self._least
