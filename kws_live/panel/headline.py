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
    "Speak, and this turns green. If it does not, choose a more lenient speech gate under Fine tuning.",
)
WAITING: Final = Headline(
    "idle", "Waiting for audio", "The sender is pausing; listening continues when it sends again."
)
OVER: Final = Headline(
    "alarm", "The audio has ended", "Restart kws-live to listen again. The last ten minutes can still be viewed here."
)
ENDED: Final = Headline("warning", "The recording has ended", "Play it again or choose another source.")
MUTED: Final = Headline(
    "warning", "Muted: words have no effect", "This ends automatically when the program has spoken or the call is over."
)
LESSON: Final = Headline("warning", "Teaching: other words have no effect", "They work again when the lesson is over.")
NO_WORDS: Final = Headline("warning", "No word is switched on", "Switch on the words to listen for.")


def broken(error: str) -> Headline:
    """Return the headline after an error has ended the listening."""
    return Headline("alarm", f"Stopped by an error: {error}", OVER.advice)


def of_finding(tone: Tone, finding: Finding) -> Headline:
    """Return a finding as a headline."""
    return Headline(tone, _capitalised(finding.summary), _capitalised(finding.advice) + ".")


def _capitalised(text: str) -> str:
    return text[:1].upper() + text[1:].rstrip(".")
