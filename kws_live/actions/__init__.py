"""What a command can do: run a program, send an HTTP request or an MQTT message, press keys, play a sound.

Each action blocks until it is done, so each is called from an `Outbox`, never from the dispatcher itself.
"""

import json
import re
from typing import Final, Protocol

from kws_live.events import Detection, Event
from kws_live.system.address import shown
from kws_live.system.text_file import LONGEST_NAME

LIMIT_SECONDS: Final = 10.0
"""How long a program or a network step may take unless told otherwise."""

_PLACE: Final = re.compile(r"\{(keyword|score|seconds|source)\}")
_ADDRESS: Final = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://\S+")


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
    """Replace ``{keyword}``, ``{score}``, ``{seconds}`` and ``{source}``; other braces, as in JSON, stay.

    In a text that is JSON the values are written as JSON writes them, so that none can end a string and add to it.
    """
    values = values_of(event)
    if _is_json(text):
        values = {name: json.dumps(value, ensure_ascii=False)[1:-1] for name, value in values.items()}
    return _PLACE.sub(lambda match: values[match.group(1)], text)


def _is_json(text: str) -> bool:
    if not text.lstrip().startswith(("{", "[")):
        return False
    try:
        json.loads(_PLACE.sub("0", text))
    except (ValueError, RecursionError):
        return False
    return True


def printable(text: str) -> str:
    """One line for a terminal or a log: control characters escaped, addresses without their secrets."""
    text = _ADDRESS.sub(lambda match: shown(match.group()), text)
    return "".join(one if one.isprintable() else ascii(one)[1:-1] for one in text)


def shortened(name: str) -> str:
    """A name as a message shows it, in quotes."""
    return repr(printable(name if len(name) <= LONGEST_NAME else f"{name[:LONGEST_NAME]}..."))
