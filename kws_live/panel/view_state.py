"""The content of a view: filled from steps and audio, read as plain values. Without sockets or threads."""

import base64
from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from kws_live.audio import SAMPLE_RATE_HZ, level_db
from kws_live.events import Detection, Event
from kws_live.model.features import FeatureExtractor
from kws_live.panel.history import AudioMemory, History
from kws_live.panel.spectrogram import Spectrogram
from kws_live.panel.time_of_day import TimeOfDay
from kws_live.spotting.decision_settings import DecisionSettings
from kws_live.spotting.pipeline import Step
from kws_live.stream.ring_buffer import RingBuffer
from kws_live.stream.signal_health import SignalHealth

PEAK_SECONDS: Final = 3.0
CLIPPING_SECONDS: Final = 2.0
CLIPPED: Final = 0.999
N_COLUMNS: Final = 500
"""Columns of the spectrogram: ten seconds."""


@dataclass(frozen=True)
class Now:
    """The current values.

    Attributes
    ----------
    position : end of the newest hop
    level_db, peak_db : of the newest audio
    clipping : whether samples reached the limit in the last two seconds
    gate_open : whether the gate is open
    scores, peaks : each keyword's smoothed score, and its maximum in the last three seconds
    """

    position: int
    level_db: float
    peak_db: float
    clipping: bool
    gate_open: bool
    scores: tuple[float, ...]
    peaks: tuple[float, ...]


@dataclass
class Cursor:
    """What one view has already received."""

    position: int = 0
    column: int = 0
    n_events: int = 0

    def move(self, position: int, column: int, n_events: int) -> None:
        """Note that everything up to here was sent."""
        self.position, self.column, self.n_events = position, column, n_events


class ViewState:
    """The state behind every view.

    Parameters
    ----------
    keywords : in the order of the scores
    extractor : the model's front end
    """

    def __init__(self, keywords: Sequence[str], extractor: FeatureExtractor) -> None:
        self.keywords = tuple(keywords)
        self.history = History()
        self.audio = AudioMemory()
        self.times = TimeOfDay()
        self.spectrogram = Spectrogram(extractor)
        self.signal_health = SignalHealth(SAMPLE_RATE_HZ)
        self._columns: deque[NDArray[np.uint8]] = deque(maxlen=N_COLUMNS)
        self._n_columns = 0
        self._level_db = self._peak_db = -120.0
        self._clipped_at = -SAMPLE_RATE_HZ * 3600

    def feed_steps(self, steps: Iterable[Step]) -> None:
        """Add steps of the detector."""
        for step in steps:
            self.history.add(step)

    def feed_audio(self, ring: RingBuffer) -> None:
        """Add the new audio."""
        for position, samples in self.audio.follow(ring):
            self._level_db = level_db(samples)
            peak = float(np.max(np.abs(samples)))
            self._peak_db = 20.0 * float(np.log10(max(peak, 1e-6)))
            if peak >= CLIPPED:
                self._clipped_at = position + samples.size
            self.signal_health.feed(samples[:, np.newaxis])
            columns = self.spectrogram.feed(position, samples)
            self._columns.extend(columns)
            self._n_columns += len(columns)

    def now(self) -> Now:
        """Return the current values."""
        recent = self.history.near(self.history.position, PEAK_SECONDS)
        silent = np.zeros(len(self.keywords), np.float32)
        peaks = np.max([verdict.scores for verdict in recent], axis=0) if recent else silent
        return Now(
            position=self.history.position,
            level_db=self._level_db,
            peak_db=self._peak_db,
            clipping=self.audio.position - self._clipped_at < CLIPPING_SECONDS * SAMPLE_RATE_HZ,
            gate_open=bool(recent and recent[-1].hop.gate_open),
            scores=tuple(map(float, recent[-1].scores if recent else silent)),
            peaks=tuple(map(float, peaks)),
        )

    def frame(self, cursor: Cursor) -> dict[str, Any]:
        """Return everything that is new to a view, and move its cursor."""
        now = self.now()
        verdicts = self.history.since(max(cursor.position, self.history.begin - 1))
        first = max(cursor.column, self._n_columns - len(self._columns))
        columns = list(self._columns)[len(self._columns) - (self._n_columns - first) :]
        scores = np.array([verdict.scores for verdict in verdicts], np.float32)
        message = {
            "type": "frame",
            "position": now.position,
            "level": round(now.level_db, 1),
            "peak": round(now.peak_db, 1),
            "clipping": now.clipping,
            "gate": now.gate_open,
            "scores": [round(score, 3) for score in now.scores],
            "peaks": [round(peak, 3) for peak in now.peaks],
            "hops": {
                "positions": [verdict.hop.position for verdict in verdicts],
                "gates": [int(verdict.hop.gate_open) for verdict in verdicts],
                "scores": to_base64(np.rint(scores * 255).astype(np.uint8)),
            },
            "columns": {"first": first, "data": to_base64(np.array(columns, np.uint8))},
            "events": [self._event(event) for event in self.history.events_since(cursor.n_events)],
        }
        cursor.move(now.position, self._n_columns, self.history.n_events)
        return message

    def _event(self, event: Event) -> dict[str, Any]:
        return {**event_to_dict(event), "at": round(self.times.at(event.position), 3)}


def event_to_dict(event: Event) -> dict[str, Any]:
    """Return an event as plain values; ``moment`` is the position of its verdict."""
    moment = event.decided_position if isinstance(event, Detection) else event.position
    return {**event.to_dict(), "moment": moment}


CHANGEABLE: Final = (
    "mode",
    "refractory_seconds",
    "gate_mode",
    "pause_before_seconds",
    "pause_after_seconds",
    "smoothing_hops",
    "evidence",
    "evidence_beside_sound",
)
"""The settings that a page shows and changes, in addition to those of each word."""


def settings_to_dict(settings: DecisionSettings) -> dict[str, Any]:
    """Return the settings that the page shows."""
    return {
        "thresholds": dict(settings.thresholds),
        "listens": {word: settings.listens_to(word) for word in settings.thresholds},
        **{name: value for name, value in vars(settings).items() if name in CHANGEABLE},
    }


def to_base64(values: NDArray[np.uint8]) -> str:
    """Return bytes as text, ten times shorter than a JSON list and faster to parse."""
    return base64.b64encode(values.tobytes()).decode("ascii")
