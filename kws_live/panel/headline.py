"""The headline: the state in one line and a colour, with what to do."""

from dataclasses import dataclass
from typing import Final, Literal

from kws_live.stream.findings import Finding

Tone = Literal["alarm", "warning", "idle", "good"]


@dataclass(frozen=True)
class Headline:
    """The state of the spotter.

    Attributes
    ----------
    tone : "alarm": nothing is detected; "warning": something may be missed; "idle": no input now; "good": listening
    text : the state
    advice : what to do about it
    """

    tone: Tone
    text: str
    advice: str


LISTENING: Final = Headline("good", "Listening", "Say one of the words.")
QUIET: Final = Headline(
    "idle",
    "Quiet: waiting for speech",
    "Speak, and this turns green. If it does not, the gate lets too little through: lower it under Fine tuning.",
)
WAITING: Final = Headline("idle", "Waiting for sound", "The sender pauses; listening goes on when it sends again.")
OVER: Final = Headline(
    "alarm", "The sound has ended", "Start the program again; what was heard is still here to look at."
)
ENDED: Final = Headline("warning", "The recording has ended", "Play it again, or choose another source.")
MUTED: Final = Headline(
    "warning", "Muted: words reach nothing", "It goes on by itself when the program has spoken, or the call is over."
)
LESSON: Final = Headline("warning", "Teaching: other words reach nothing", "They do again when the lesson is over.")
NO_WORDS: Final = Headline("warning", "No word is switched on", "Switch on those that should be heard.")


def broken(error: str) -> Headline:
    """Return the headline after an error has ended the listening."""
    return Headline("alarm", f"Stopped by an error: {error}", OVER.advice)


def of_finding(tone: Tone, finding: Finding) -> Headline:
    """Return a finding as a headline."""
    return Headline(tone, _capitalised(finding.summary), _capitalised(finding.advice) + ".")


def _capitalised(text: str) -> str:
    return text[:1].upper() + text[1:].rstrip(".")
