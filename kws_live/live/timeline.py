"""Where audio lies on the clock, over the absences of its source."""

from kws_live.audio import SAMPLE_RATE_HZ


class Timeline:
    """Keeps the positions of live audio on the clock; times in seconds, by the clock that blocks are timed by.

    Parameters
    ----------
    now : what has not come since then was away
    """

    def __init__(self, now: float) -> None:
        self._last_at = now
        self._anchor: tuple[int, float] | None = None  # a position of what is live, and when it was heard

    def note(self, position: int, begun: float, arrived: float, is_live: bool) -> None:
        """A block has come: its first position, and when its sound began and was there."""
        self._last_at = arrived
        if not is_live:
            self._anchor = None
        elif self._anchor is None:
            self._anchor = position, begun

    def absence(self, position: int, begun: float, is_live: bool) -> tuple[float, int]:
        """How long nothing came before sound that began then, in seconds, and the samples it is behind the clock."""
        away_seconds = max(0.0, begun - self._last_at)
        if self._anchor is None or not is_live:
            return away_seconds, round(away_seconds * SAMPLE_RATE_HZ)
        anchor, at = self._anchor  # by the whole stream, so that no errors add up
        return away_seconds, anchor + round((begun - at) * SAMPLE_RATE_HZ) - position
