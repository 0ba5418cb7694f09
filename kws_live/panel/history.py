"""The last ten minutes: the verdict of each hop, and the audio."""

from collections import deque
from typing import Final

import numpy as np
from numpy.typing import NDArray

from kws_live.audio import SAMPLE_RATE_HZ, Samples, float_to_pcm16
from kws_live.events import AudioSkipped, Detection, Event, NearMiss
from kws_live.spotting.pipeline import HOP_SAMPLES, Step
from kws_live.spotting.verdict import Verdict
from kws_live.stream.ring_buffer import RingBuffer

HISTORY_SECONDS: Final = 600.0

WARM_UP_SECONDS: Final = 10.0
"""Kept in addition to the ten minutes, so that a replay starts them with the right levels and pauses."""


class History:
    """Verdicts and events, oldest first.

    Parameters
    ----------
    seconds : how far back; `WARM_UP_SECONDS` more are kept
    """

    def __init__(self, seconds: float = HISTORY_SECONDS) -> None:
        self.seconds = seconds
        self.verdicts: deque[Verdict] = deque(maxlen=round((seconds + WARM_UP_SECONDS) * SAMPLE_RATE_HZ / HOP_SAMPLES))
        self.events: deque[Event] = deque()
        self.n_events = 0

    @property
    def position(self) -> int:
        """End of the newest hop; 0 before the first one."""
        return self.verdicts[-1].hop.position if self.verdicts else 0

    @property
    def begin(self) -> int:
        """Position from which hops and events are shown and counted."""
        return max(0, self.position - round(self.seconds * SAMPLE_RATE_HZ))

    def add(self, step: Step) -> None:
        """Add the next step."""
        if step.verdict is not None:
            self.verdicts.append(step.verdict)
        new = [event for event in step.events if isinstance(event, (Detection, NearMiss, AudioSkipped))]
        self.events.extend(new)
        self.n_events += len(new)
        while self.events and self.events[0].position < self.begin:
            self.events.popleft()

    def since(self, position: int) -> list[Verdict]:
        """Return the verdicts of the hops that end after ``position``, oldest first."""
        newest: list[Verdict] = []
        for verdict in reversed(self.verdicts):
            if verdict.hop.position <= position:
                break
            newest.append(verdict)
        return newest[::-1]

    def events_since(self, n_events: int) -> list[Event]:
        """Return the events after the first ``n_events`` of all, as far as they are kept."""
        n_new = min(self.n_events - n_events, len(self.events))
        return list(self.events)[len(self.events) - n_new :]

    def at(self, position: int) -> Verdict | None:
        """Return the verdict of the hop that contains the sample before ``position``; None if there is none."""
        low, high = 0, len(self.verdicts)
        while low < high:
            middle = (low + high) // 2
            if self.verdicts[middle].hop.position < position:
                low = middle + 1
            else:
                high = middle
        if low == len(self.verdicts):
            return None
        found = self.verdicts[low]
        return found if found.hop.position - position < HOP_SAMPLES else None

    def near(self, position: int, seconds: float) -> list[Verdict]:
        """Return the verdicts whose hops end at most ``seconds`` away, oldest first."""
        reach = round(seconds * SAMPLE_RATE_HZ)
        return [verdict for verdict in self.since(position - reach - 1) if verdict.hop.position <= position + reach]


class AudioMemory:
    """The last ten minutes of audio as 16-bit integers (26 MB), copied from the ring buffer as it arrives.

    A longer ring buffer would do the same, but its length is also how far the detector may fall behind.
    """

    def __init__(self, seconds: float = HISTORY_SECONDS + WARM_UP_SECONDS) -> None:
        self.position = 0
        self._n_kept = round(seconds * SAMPLE_RATE_HZ)
        self._pieces: deque[tuple[int, NDArray[np.int16]]] = deque()

    def follow(self, ring: RingBuffer) -> list[tuple[int, Samples]]:
        """Copy new samples and return them as (position, samples)."""
        new = []
        while True:
            start, samples = ring.read_on(self.position, ring.capacity_samples)
            if not samples.size:
                break
            self.position = start + samples.size
            self._pieces.append((start, float_to_pcm16(samples)))
            new.append((start, samples))
        while self._pieces and self._pieces[0][0] + self._pieces[0][1].size < self.position - self._n_kept:
            self._pieces.popleft()
        return new

    def read(self, start: int, n_samples: int) -> NDArray[np.int16] | None:
        """Return a copy of samples, with zeros before the stream's start; None if any is lost or in a gap."""
        before = min(n_samples, max(0, -start))
        wanted = range(start + before, start + n_samples)
        parts = [np.zeros(before, np.int16)]
        position = wanted.start
        for begin, piece in self._pieces:
            if position < wanted.stop and begin <= position < begin + piece.size:
                part = piece[position - begin : wanted.stop - begin]
                parts.append(part)
                position += part.size
        return np.concatenate(parts) if position == wanted.stop else None
