"""The events of listening: frozen values that can cross threads and be written as JSON lines."""

import dataclasses
from dataclasses import dataclass, field
from typing import Any, ClassVar, Final

from kws_live.audio import SAMPLE_RATE_HZ
from kws_live.system.clock import wall_seconds

COMMAND_SECONDS: Final = 10.0
"""An action that has not started within this time after its word is skipped."""


@dataclass(frozen=True, kw_only=True)
class Event:
    """Something that happened at a position in the stream.

    Attributes
    ----------
    position : samples at 22,050 Hz since the start of the stream
    source : name of the audio source
    heard_at : when its audio reached this program, on the clock `kws_live.system.clock.wall_seconds`; None if time does
        not matter, as in a recording read faster than real time. Not part of the value or its JSON
    """

    type: ClassVar[str] = "event"
    position: int
    source: str = ""
    heard_at: float | None = field(default=None, compare=False, repr=False)

    @property
    def seconds(self) -> float:
        """The position in seconds since the start of the stream."""
        return self.position / SAMPLE_RATE_HZ

    @property
    def age_seconds(self) -> float:
        """Seconds since its audio reached this program; 0 if time does not matter."""
        return 0.0 if self.heard_at is None else max(0.0, wall_seconds() - self.heard_at)

    def to_dict(self) -> dict[str, Any]:
        """Return plain values for JSON: the type, then the fields, with seconds rounded to milliseconds."""
        fields = {one.name: getattr(self, one.name) for one in dataclasses.fields(self) if one.name != "heard_at"}
        position, source = fields.pop("position"), fields.pop("source")
        rounded = {name: round(value, 4) if isinstance(value, float) else value for name, value in fields.items()}
        return {"type": self.type, **rounded, "seconds": round(self.seconds, 3), "position": position, "source": source}


@dataclass(frozen=True, kw_only=True)
class Detection(Event):
    """A keyword was detected.

    Attributes
    ----------
    keyword : the word
    score : its highest smoothed score, 0 to 1
    position : end of the window in which the score was highest
    decided_position : end of the window at which the decision was made; later than ``position`` if the
        decision had to wait for the pause after the word
    margin : score minus threshold
    word_begin_position, word_end_position : beginning and end of the stretch of sound that contains the word
    level_db : mean level of that sound, relative to full scale
    snr_db : the same, relative to the noise level of the room

    These four are None if the room is too noisy to find the beginning and end. In mode "spotting" the stretch may be
    a whole sentence.
    """

    type: ClassVar[str] = "detection"
    keyword: str
    score: float
    decided_position: int
    margin: float = 0.0
    word_begin_position: int | None = None
    word_end_position: int | None = None
    level_db: float | None = None
    snr_db: float | None = None


@dataclass(frozen=True, kw_only=True)
class NearMiss(Event):
    """A keyword's score came close to its threshold, or reached it, but the word did not fire.

    Attributes
    ----------
    keyword, score : as in `Detection`
    threshold : the threshold that applied
    reason : why it did not fire, a value of `kws_live.spotting.decision.Reason`
    """

    type: ClassVar[str] = "near_miss"
    keyword: str
    score: float
    threshold: float
    reason: str


@dataclass(frozen=True, kw_only=True)
class SpeechStarted(Event):
    """The voice-activity gate opened."""

    type: ClassVar[str] = "speech_started"


@dataclass(frozen=True, kw_only=True)
class SpeechEnded(Event):
    """The voice-activity gate closed."""

    type: ClassVar[str] = "speech_ended"


@dataclass(frozen=True, kw_only=True)
class AudioSkipped(Event):
    """Audio was not processed: the machine was too slow, or the source had a gap. ``position`` is the end of the gap.

    Attributes
    ----------
    n_samples : length of the gap, at 22,050 Hz
    """

    type: ClassVar[str] = "audio_skipped"
    n_samples: int


@dataclass(frozen=True, kw_only=True)
class SourceLost(Event):
    """The source was lost; the session tries to reopen it.

    Attributes
    ----------
    reason : the cause, as text
    """

    type: ClassVar[str] = "source_lost"
    reason: str


@dataclass(frozen=True, kw_only=True)
class SourceReopened(Event):
    """The source is back.

    Attributes
    ----------
    lost_seconds : how long it was lost
    """

    type: ClassVar[str] = "source_reopened"
    lost_seconds: float


@dataclass(frozen=True, kw_only=True)
class EventsDropped(Event):
    """Callbacks or sinks were too slow, so some events were not delivered to them.

    Attributes
    ----------
    n_events : number of events dropped
    """

    type: ClassVar[str] = "events_dropped"
    n_events: int


@dataclass(frozen=True, kw_only=True)
class Health(Event):
    """A problem with the microphone or the machine was found, or has passed.

    Attributes
    ----------
    finding : name of the problem, a key of `kws_live.stream.findings.ADVICE`
    summary : what was found, with figures
    advice : what to do about it, on this system
    certainty : "certain", "likely" or "possible"
    over : True if the problem has passed
    """

    type: ClassVar[str] = "health"
    finding: str
    summary: str
    advice: str
    certainty: str
    over: bool = False


def event_types() -> dict[str, type[Event]]:
    """Return every event type by its name."""
    return {kind.type: kind for kind in Event.__subclasses__()}


def word_end(event: Event) -> int:
    """Return the position at which an event's word ended, or the event's own position if that is unknown."""
    at = event.word_end_position if isinstance(event, Detection) else None
    return event.position if at is None else at
