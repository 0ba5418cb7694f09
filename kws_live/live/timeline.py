"""Mapping of positions to the clock, across losses of the source."""

from kws_live.audio import SAMPLE_RATE_HZ


class Timeline:
    """Aligns the positions of live audio with the clock; times in seconds, on the clock of arrival times.

    Parameters
    ----------
    now : start of the timeline
    """

    def __init__(self, now: float) -> None:
        self._last_at = now
        self._anchor: tuple[int, float] | None = None  # a position of a live source, and its time

    def note(self, position: int, begun: float, arrived: float, is_live: bool) -> None:
        """Note a block: its first position, and the times of its beginning and its arrival."""
        self._last_at = arrived
        if not is_live:
            self._anchor = None
        elif self._anchor is None:
            self._anchor = position, begun

    def absence(self, position: int, begun: float, is_live: bool) -> tuple[float, int]:
        """Return the seconds without audio before ``begun``, and the samples missing up to then."""
        away_seconds = max(0.0, begun - self._last_at)
        if self._anchor is None or not is_live:
            return away_seconds, round(away_seconds * SAMPLE_RATE_HZ)
        anchor, at = self._anchor  # relative to the whole stream, so that errors do not accumulate
        return away_seconds, anchor + round((begun - at) * SAMPLE_RATE_HZ) - position
