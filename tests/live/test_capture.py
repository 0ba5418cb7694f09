"""Capture by itself, on a clock of the test's own: positions, and what is told of the signal, over losses and gaps."""

from collections.abc import Callable, Iterable

import numpy as np
import pytest

from kws_live.audio import SAMPLE_RATE_HZ, Block
from kws_live.errors import AudioGapError, SourceLostError
from kws_live.events import Event, Health, SourceReopened
from kws_live.live.capture import Capture
from kws_live.sources import AudioSource
from kws_live.stream.ring_buffer import RingBuffer

BLOCK_SECONDS = 0.1


class Clock:
    """Shows what it was set to."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


class TimedSource:
    """A live source whose script says when, on the test's clock, it gives a block or what it raises; then its end."""

    name = "timed"
    rate_hz = SAMPLE_RATE_HZ
    live = True
    n_overflows = 0

    def __init__(self, clock: Clock, script: Iterable[tuple[float, Exception | None]]) -> None:
        self._clock = clock
        self._script = iter(script)
        self._rng = np.random.default_rng(0)

    def read(self, timeout_seconds: float) -> Block | None:
        for at, error in self._script:
            self._clock.now = at
            if error is not None:
                raise error
            return self._rng.normal(0, 1e-3, (round(BLOCK_SECONDS * SAMPLE_RATE_HZ), 1)).astype(np.float32)
        return None

    def close(self) -> None:
        """Nothing to release."""


def run(clock: Clock, source: AudioSource, reopen: Callable[[], AudioSource] | None = None) -> list[Event]:
    """What capture told until the source ended; the ring buffer holds all of it."""
    told: list[Event] = []
    ring = RingBuffer(600 * SAMPLE_RATE_HZ)
    Capture(ring, source, reopen, told.append, clock=clock).run()
    return told


@pytest.mark.parametrize("late_seconds", [0.0, 0.05])
def test_positions_stay_on_the_clock_over_any_number_of_losses(late_seconds: float) -> None:
    clock, n_losses, stretch_seconds, away_seconds = Clock(), 12, 2.0, 1.0
    begun = clock.now

    def microphone(number: int) -> TimedSource:
        """Each time it is back its first block comes a little late, as drivers have it, and the others on time."""
        begin = begun + number * (stretch_seconds + away_seconds)
        times = [begin + (k + 1) * BLOCK_SECONDS for k in range(round(stretch_seconds / BLOCK_SECONDS))]
        times[0] += late_seconds
        script: list[tuple[float, Exception | None]] = [(at, None) for at in times]
        return TimedSource(clock, [*script, (times[-1], SourceLostError("gone"))] if number < n_losses else script)

    microphones = map(microphone, range(1, n_losses + 1))
    told = run(clock, microphone(0), lambda: next(microphones))
    back = [event for event in told if isinstance(event, SourceReopened)]
    assert len(back) == n_losses
    # Were each absence measured from the loss before it, the last would be off by twelve times the lateness.
    off = [
        event.position / SAMPLE_RATE_HZ - number * (stretch_seconds + away_seconds)
        for number, event in enumerate(back, 1)
    ]
    assert off == pytest.approx([0.0] * n_losses, abs=late_seconds + 0.001)


def findings(script: Iterable[tuple[float, Exception | None]]) -> list[str]:
    clock = Clock()
    return [event.finding for event in run(clock, TimedSource(clock, script)) if isinstance(event, Health)]


@pytest.mark.twin("test_a_device_that_is_late_bit_by_bit_has_a_wrong_rate")
@pytest.mark.parametrize("told", [False, True], ids=["found by the clock", "told by the source"])
def test_a_gap_in_the_network_is_no_wrong_rate(told: bool) -> None:
    def script() -> Iterable[tuple[float, Exception | None]]:
        for k in range(800):
            if told and k == 400:
                yield 1000 + k * BLOCK_SECONDS + 3, AudioGapError(3.0)
            yield 1000 + (k + 1) * BLOCK_SECONDS + (3.0 if k >= 400 else 0.0), None

    assert findings(script()) == []


@pytest.mark.parametrize("slowness", [1.018, 48_000 / 44_100, 1.5])
def test_a_device_that_is_late_bit_by_bit_has_a_wrong_rate(slowness: float) -> None:
    assert findings((1000 + (k + 1) * BLOCK_SECONDS * slowness, None) for k in range(800)) == ["wrong_rate"]
