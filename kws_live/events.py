"""Everything that can happen while listening, as frozen values that cross threads and become JSON lines."""

import dataclasses
from dataclasses import dataclass, field
from typing import Any, ClassVar, Final

from kws_live.audio import SAMPLE_RATE_HZ
from kws_live.system.clock import wall_seconds

COMMAND_SECONDS: Final = 10.0
"""A spoken command that could not be begun by then surprises more than it helps."""


@dataclass(frozen=True, kw_only=True)
class Event:
    """Something that happened at a position of the stream.

    Attributes
    ----------
    position : samples at 22,050 Hz since the stream began
    source : name of the audio source
    heard_at : when the sound it is about reached this program, by `kws_live.system.clock.wall_seconds`; None where time
        plays no part, as in a recording that is read faster than it was spoken. Not part of the value or its JSON
    """

    type: ClassVar[str] = "event"
    position: int
    source: str = ""
    heard_at: float | None = field(default=None, compare=False, repr=False)

    @property
    def seconds(self) -> float:
        """The position in seconds since the stream began."""
        return self.position / SAMPLE_RATE_HZ

    @property
    def age_seconds(self) -> float:
        """How long ago its sound reached this program; 0 where time plays no part."""
        return 0.0 if self.heard_at is None else max(0.0, wall_seconds() - self.heard_at)

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON: the type first, then the fields, seconds to the millisecond."""
        fields = {one.name: getattr(self, one.name) for one in dataclasses.fields(self) if one.name != "heard_at"}
        position, source = fields.pop("position"), fields.pop("source")
        rounded = {name: round(value, 4) if isinstance(value, float) else value for name, value in fields.items()}
        return {"type": self.type, **rounded, "seconds": round(self.seconds, 3), "position": position, "source": source}


@dataclass(frozen=True, kw_only=True)
class Detection(Event):
    """A keyword was spotted.

    Attributes
    ----------
    keyword : the word
    score : its highest smoothed score, 0 to 1
    position : end of the window in which the score was highest
    decided_position : end of the window at which the decision fell; later than ``position`` where the
        decision waited for the pause after the word
    margin : by how much the score is over its threshold
    word_begin_position, word_end_position : where the sound that holds the word began and ended
    level_db : mean level of that sound, relative to full scale
    snr_db : the same, relative to the room's level

    In a room too noisy to tell where the sound begins and ends, these four are None. In mode "spotting" the sound may
    be a sentence.
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
    """A keyword's score came close to its threshold, or passed it, and yet nothing was spotted.

    Attributes
    ----------
    keyword, score : as in `Detection`
    threshold : what the score was compared with
    reason : why not, a value of `kws_live.spotting.decision.Reason`
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
    """Audio was not looked at: the machine was too slow, or the source had a gap. ``position`` is where it goes on.

    Attributes
    ----------
    n_samples : how much, at 22,050 Hz
    """

    type: ClassVar[str] = "audio_skipped"
    n_samples: int


@dataclass(frozen=True, kw_only=True)
class SourceLost(Event):
    """The source went away; the session tries to reopen it.

    Attributes
    ----------
    reason : why, in words
    """

    type: ClassVar[str] = "source_lost"
    reason: str


@dataclass(frozen=True, kw_only=True)
class SourceReopened(Event):
    """The source is back.

    Attributes
    ----------
    lost_seconds : how long it was away
    """

    type: ClassVar[str] = "source_reopened"
    lost_seconds: float


@dataclass(frozen=True, kw_only=True)
class EventsDropped(Event):
    """Callbacks or sinks were too slow for some events, which never reached them.

    Attributes
    ----------
    n_events : how many
    """

    type: ClassVar[str] = "events_dropped"
    n_events: int


@dataclass(frozen=True, kw_only=True)
class Health(Event):
    """Something is wrong with the microphone or the machine, or is well again.

    Attributes
    ----------
    finding : its name, a key of `kws_live.stream.findings.ADVICE`
    summary : what was found, with the figures
    advice : what to do about it, on this system
    certainty : how sure: "certain", "likely" or "possible"
    over : True once it has passed
    """

    type: ClassVar[str] = "health"
    finding: str
    summary: str
    advice: str
    certainty: str
    over: bool = False


def event_types() -> dict[str, type[Event]]:
    """Every type of event by its name."""
    return {kind.type: kind for kind in Event.__subclasses__()}


def word_end(event: Event) -> int:
    """Position at which an event's word ended, as far as that is known; of other events, their own."""
    at = event.word_end_position if isinstance(event, Detection) else None
    return event.position if at is None else at
