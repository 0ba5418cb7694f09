"""What a command can do: run a program, send an HTTP request or an MQTT message, press keys, play a sound.

Each action blocks until it is done, so each is called from an `Outbox`, never from the dispatcher itself.
"""

from typing import Final, Protocol

from kws_live.events import Detection, Event

LIMIT_SECONDS: Final = 10.0
"""How long a program or a network step may take unless told otherwise."""


class Action(Protocol):
    """Does one thing for one event."""

    def describe(self, event: Event) -> str:
        """What it would do, for people."""

    def do(self, event: Event) -> None:
        """Do it and wait until it is done.

        Raises
        ------
        ActionError
            If it could not be done.
        """

    def close(self) -> None:
        """Let go; what is under way ends soon. May be called twice."""


def values_of(event: Event) -> dict[str, str]:
    """What `fill` puts in: ``keyword``, ``score``, ``seconds``, ``source``."""
    keyword, score = (event.keyword, f"{event.score:.3f}") if isinstance(event, Detection) else ("", "")
    return {"keyword": keyword, "score": score, "seconds": f"{event.seconds:.3f}", "source": event.source}


def fill(text: str, event: Event) -> str:
    """Replace ``{keyword}``, ``{score}``, ``{seconds}`` and ``{source}``; other braces, as in JSON, stay."""
    for name, value in values_of(event).items():
        text = text.replace(f"{{{name}}}", value)
    return text
