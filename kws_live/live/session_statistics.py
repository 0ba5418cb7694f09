"""Statistics of a session."""

import statistics
from collections import deque
from dataclasses import dataclass
from typing import Final

DELAYS_KEPT: Final = 10_000


class Delays:
    """Delays from the end of each recent word to its callback, in seconds."""

    def __init__(self) -> None:
        self._seconds: deque[float] = deque(maxlen=DELAYS_KEPT)

    def add(self, seconds: float) -> None:
        """Add the delay of a delivered word."""
        self._seconds.append(seconds)

    def figures_ms(self) -> tuple[float | None, float | None]:
        """Return median and 95th percentile in milliseconds; None without words."""
        delays = sorted(self._seconds)
        if not delays:
            return None, None
        return 1000 * statistics.median(delays), 1000 * delays[min(len(delays) - 1, int(0.95 * len(delays)))]


@dataclass(frozen=True)
class Statistics:
    """Statistics of a session.

    Attributes
    ----------
    audio_seconds : length of the stream so far
    samples_skipped : audio not processed, at 22,050 Hz: gaps of the source, and audio skipped for lack of time
    n_overflows : how often the source lost audio before delivering it
    n_lost, lost_seconds : how often, and how long, the source was lost
    hops, hops_scored : all hops, and those passed by the gate
    hops_scored_twice : hops for which the model's second network was used too
    cpu_ms_per_second : CPU time of the whole process per second of audio
    delay_median_ms, delay_95_ms : from the arrival of a word's end to its callback; None without words
    callback_errors : exceptions raised by callbacks and sinks
    events_dropped : events for which callbacks and iterators were too slow
    events_undelivered : events that sinks and bindings could not deliver: too late, refused, left at the end
    """

    audio_seconds: float
    samples_skipped: int
    n_overflows: int
    n_lost: int
    lost_seconds: float
    hops: int
    hops_scored: int
    hops_scored_twice: int
    cpu_ms_per_second: float
    delay_median_ms: float | None
    delay_95_ms: float | None
    callback_errors: int = 0
    events_dropped: int = 0
    events_undelivered: int = 0

    @property
    def delivered_all(self) -> bool:
        """Whether no callback or sink failed, and every event for a sink or binding was delivered."""
        return not self.callback_errors and not self.events_undelivered

    @property
    def gate_open_percent(self) -> float:
        """Share of hops that were scored."""
        return 100.0 * self.hops_scored / self.hops if self.hops else 0.0

    def rows(self) -> list[tuple[str, str]]:
        """Return names and values as text."""
        delay = "no words"
        if self.delay_median_ms is not None and self.delay_95_ms is not None:
            delay = (
                f"{self.delay_median_ms:.0f} ms median, {self.delay_95_ms:.0f} ms at 95 %, from word end to callback"
            )
        twice = f", {self.hops_scored_twice} of them by two networks" if self.hops_scored_twice else ""
        share = f"the gate was open {self.gate_open_percent:.1f} %"
        return [
            ("audio", f"{self.audio_seconds:.1f} s"),
            ("skipped", f"{self.samples_skipped} samples"),
            ("overflows", f"{self.n_overflows}"),
            ("source lost", f"{self.n_lost} times, {self.lost_seconds:.1f} s"),
            ("scored", f"{self.hops_scored} of {self.hops} hops{twice}; {share}"),
            ("CPU", f"{self.cpu_ms_per_second:.1f} ms for a second of audio"),
            ("delay", delay),
            ("callbacks", f"{self.callback_errors} failed, {self.events_dropped} events dropped"),
            ("sinks", f"{self.events_undelivered} events not delivered"),
        ]
