"""The stages from the ring buffer to events: no threads, no devices, no clock.

The live session, files, evaluation and tests all run this class.
"""

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Final, Protocol

import numpy as np

from kws_live.audio import HOP_SECONDS, SAMPLE_RATE_HZ, SPEECH_RATE_HZ, WINDOW_SECONDS, Samples
from kws_live.events import AudioSkipped, Event, SpeechEnded, SpeechStarted
from kws_live.spotting.decision import Decider
from kws_live.spotting.decision_settings import DecisionSettings
from kws_live.spotting.verdict import Heard, Hop, Verdict
from kws_live.stream.resampling import Resampler
from kws_live.stream.ring_buffer import RingBuffer

HOP_SAMPLES: Final = round(HOP_SECONDS * SAMPLE_RATE_HZ)
LAG_SAMPLES: Final = 483
"""Maximum lag of the resampler before a hop is complete (measured; at least 63)."""

READ_AHEAD_HOPS: Final = 7
"""Hops read from the ring buffer at once if available, since features of several hops cost less."""

QUIET_HOPS: Final = 6
"""Hops processed at a time without speech: waking up costs more than processing, and no word is this short."""

_SPEECH_HOP: Final = round(HOP_SECONDS * SPEECH_RATE_HZ)
_LEVEL_FRAME: Final = SPEECH_RATE_HZ // 50


Played = Callable[[float | None], Mapping[str, float]]


def nothing_played(_heard_at: float | None) -> Mapping[str, float]:
    """Stand-in for unknown or no playback."""
    return {}


class SpeechGate(Protocol):
    """Decides whether a hop is worth scoring."""

    def reset(self) -> None:
        """Discard the state."""

    def is_open(self, samples: Samples) -> bool:
        """Process the next hop, at 16 kHz."""


@dataclass(frozen=True)
class Step:
    """Result of one hop, or one gap.

    Attributes
    ----------
    events : in the order of the stream
    verdict : None for a gap
    """

    events: tuple[Event, ...]
    verdict: Verdict | None

    def of(self, source: str) -> "Step":
        """Return the step with the source's name set in its events."""
        return (
            replace(self, events=tuple(replace(event, source=source) for event in self.events)) if self.events else self
        )


@dataclass
class PipelineCounts:
    """Running totals, for statistics."""

    hops: int = 0
    hops_scored: int = 0
    hops_scored_twice: int = 0
    samples_skipped: int = 0

    def __add__(self, other: "PipelineCounts") -> "PipelineCounts":
        return PipelineCounts(
            self.hops + other.hops,
            self.hops_scored + other.hops_scored,
            self.hops_scored_twice + other.hops_scored_twice,
            self.samples_skipped + other.samples_skipped,
        )


class Pipeline:
    """Processes audio from a ring buffer hop by hop and returns events.

    The result depends only on the samples and their positions, not on how they were cut into blocks or
    when they arrived. A window never spans a gap: after one, the window begins with silence, as at the start.

    Parameters
    ----------
    score : (stream, follows) -> the networks' output for a window
        The window is at the beginning of the stream, at ``window_rate_hz``; the rest has been read ahead.
        ``follows``: whether it is the previous window advanced by one hop.
    window_rate_hz : 16,000 or 22,050
    labels, keywords : the network's outputs, and those that can fire
    make_gate : gate mode (None: always open) -> a new gate
    settings : called once per hop
    position : start of the stream
    window_seconds : length of the window
    """

    def __init__(
        self,
        score: Callable[[Samples, bool], Heard],
        window_rate_hz: int,
        labels: tuple[str, ...],
        keywords: tuple[str, ...],
        make_gate: Callable[[int | None], SpeechGate],
        settings: Callable[[], DecisionSettings],
        position: int = 0,
        window_seconds: float = WINDOW_SECONDS,
    ) -> None:
        now = settings()
        now.require_thresholds(keywords)
        self._settings = settings
        self.counts = PipelineCounts()
        self._score = score
        self._at_stream_rate = window_rate_hz == SAMPLE_RATE_HZ
        self._window_seconds = window_seconds
        self._make_gate = make_gate
        self._gate_mode = now.gate_mode
        self._gate = make_gate(self._gate_mode)
        self._gate_was_open = False
        self._decider = Decider(labels, keywords)
        self._restart(position)

    @property
    def position(self) -> int:
        """Position of the next sample to read from the ring buffer."""
        return self._read_position

    @property
    def next_position(self) -> int:
        """The ring buffer's position at which `step` is worth calling again: a hint only."""
        if self._speech.size >= self._speech_window + _SPEECH_HOP:
            return self._hop_end  # already read
        n_more = 0 if self._gate_was_open else QUIET_HOPS - 1
        return max(self._hop_end + LAG_SAMPLES + n_more * HOP_SAMPLES, self._read_position + 1)

    def _restart(self, position: int) -> None:
        """Start a stretch without gaps at ``position``."""
        self._read_position = position
        self._hop_end = position + HOP_SAMPLES
        self._resampler = Resampler(SAMPLE_RATE_HZ, SPEECH_RATE_HZ, "LQ")
        # Audio read so far, starting one window before the current hop; silence before the stretch.
        self._stream = np.zeros(round(self._window_seconds * SAMPLE_RATE_HZ), np.float32)
        self._speech = np.zeros(round(self._window_seconds * SPEECH_RATE_HZ), np.float32)
        self._speech_window = self._speech.size
        self._follows = False
        self._gate.reset()
        self._decider.reset()

    def step(self, ring: RingBuffer, played: Played = nothing_played) -> Step | None:
        """Process the next hop, or cross the next gap; None if the ring buffer does not contain enough yet.

        Parameters
        ----------
        played : arrival time of a hop -> highest score of each word in this machine's playback around that time
        """
        while self._speech.size < self._speech_window + _SPEECH_HOP:
            start, block = ring.consume(self._read_position, READ_AHEAD_HOPS * HOP_SAMPLES)
            if start != self._read_position:
                return self.skip_to(start)
            if not block.size:
                return None
            self._read_position += block.size
            if self._at_stream_rate:
                self._stream = np.concatenate((self._stream, block))
            self._speech = np.concatenate((self._speech, self._resampler.process(block)))
        return self._hop(played(ring.heard_at(self._hop_end)))

    def steps(self, ring: RingBuffer) -> Iterator[Step]:
        """Process every hop in the ring buffer."""
        while (step := self.step(ring)) is not None:
            yield step

    def skip_to(self, start: int) -> Step:
        """Skip the audio before position ``start``, because it was lost or there is no time for it."""
        unlooked = (self._speech.size - self._speech_window) // _SPEECH_HOP * HOP_SAMPLES
        n_samples = start - self._read_position + unlooked
        self.counts.samples_skipped += n_samples
        events: list[Event] = []
        if self._gate_was_open:
            events.append(SpeechEnded(position=self._read_position))
            self._gate_was_open = False
        events.append(AudioSkipped(position=start, n_samples=n_samples))
        self._restart(start)
        return Step(tuple(events), None)

    def _hop(self, played: Mapping[str, float]) -> Step:
        settings = self._settings()
        if settings.gate_mode != self._gate_mode:
            self._gate_mode = settings.gate_mode
            self._gate = self._make_gate(self._gate_mode)
        if self._at_stream_rate:
            self._stream = self._stream[HOP_SAMPLES:]
        self._speech = self._speech[_SPEECH_HOP:]
        new = self._speech[self._speech_window - _SPEECH_HOP : self._speech_window]
        is_open = self._gate.is_open(new)
        heard = None
        if is_open:
            self.counts.hops_scored += 1
            # The 22,050 Hz stream is read ahead of its resampled copy: both windows end where the hop ends.
            heard = self._score(self._stream if self._at_stream_rate else self._speech, self._follows)
            self.counts.hops_scored_twice += bool(heard.opinions)
        self.counts.hops += 1
        self._follows = is_open
        frames = new.reshape(-1, _LEVEL_FRAME)
        powers = np.einsum("ij,ij->i", frames, frames).tolist()
        levels = tuple(10.0 * math.log10(power / _LEVEL_FRAME + 1e-12) for power in powers)
        posteriors, opinions = (heard.posteriors, heard.opinions) if heard else (None, ())
        hop = Hop(self._hop_end, is_open, levels, posteriors, played, opinions)
        verdict = self._decider.step(hop, settings)
        events = verdict.events
        if is_open != self._gate_was_open:
            kind = SpeechStarted if is_open else SpeechEnded
            events = (kind(position=self._hop_end), *events)
            self._gate_was_open = is_open
        self._hop_end += HOP_SAMPLES
        return Step(events, verdict)
