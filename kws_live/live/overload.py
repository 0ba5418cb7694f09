"""Detection of a machine too slow for a live source; audio is then skipped and reported."""

import time
from collections.abc import Callable
from typing import Final

from kws_live.audio import HOP_SECONDS, SAMPLE_RATE_HZ
from kws_live.stream.findings import Finding

LARGEST_DELAY_SECONDS: Final = 2.0
"""Maximum lag of the detector behind a live source before it skips to the newest audio,"""

CATCH_UP_SECONDS: Final = 1.0
CATCH_UP_SPEED: Final = 2.0
"""unless after this time it catches up at this speed: a source may deliver seconds of audio at once."""

CALM_SECONDS: Final = 60.0
"""Time without lag after which the machine counts as fast enough again."""


class Overload:
    """Monitors the lag of the detector.

    Parameters
    ----------
    tell : called with the finding, and whether it is over
    """

    def __init__(self, tell: Callable[[Finding, bool], object]) -> None:
        self._tell = tell
        self._behind_since: tuple[float, int] | None = None  # (time, number of hops)
        self._skipped_at: int | None = None

    def must_skip(self, n_unread: int, n_hops: int, position: int) -> bool:
        """Whether to skip to the newest audio.

        Parameters
        ----------
        n_unread : samples waiting for the detector; 0 if the source can wait
        n_hops : number of hops processed so far
        position : of the newest audio
        """
        behind_seconds = n_unread / SAMPLE_RATE_HZ
        if behind_seconds <= LARGEST_DELAY_SECONDS:
            self._behind_since = None
        elif self._is_slow(n_hops):
            if self._skipped_at is None:
                summary = f"{behind_seconds:.1f} s of audio not yet processed; the oldest is dropped"
                self._tell(Finding("slow_machine", summary), False)
            self._skipped_at = position
            return True
        if self._skipped_at is not None and position - self._skipped_at > CALM_SECONDS * SAMPLE_RATE_HZ:
            self._skipped_at = None
            self._tell(Finding("slow_machine", "the machine keeps up again"), True)
        return False

    def _is_slow(self, n_hops: int) -> bool:
        """Whether the detector lags and does not catch up."""
        now = time.monotonic()
        if self._behind_since is None:
            self._behind_since = now, n_hops
        since, n_hops_before = self._behind_since
        if now - since < CATCH_UP_SECONDS:
            return False
        self._behind_since = None
        return (n_hops - n_hops_before) * HOP_SECONDS < CATCH_UP_SPEED * (now - since)
