"""Actions of words: run a program, send an HTTP request or an MQTT message, press keys, play a sound.

An action blocks until it is done, so it is called from an `Outbox`, never from the dispatcher.
"""

import json
import re
from typing import Final, Protocol

from kws_live.events import Detection, Event
from kws_live.system.address import shown
from kws_live.system.text_file import LONGEST_NAME

LIMIT_SECONDS: Final = 10.0
"""Default time limit of a program or a network operation."""

_PLACE: Final = re.compile(r"\{(keyword|score|seconds|source)\}")
_ADDRESS: Final = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://\S+")


class Action(Protocol):
    """What is done for an event."""

    def describe(self, event: Event) -> str:
        """Describe the action in words."""

    def do(self, event: Event) -> None:
        """Do it and wait until it is done.

        Raises
        ------
        ActionError
            If it failed.
        """

    def close(self) -> None:
        """Release everything; an action in progress ends soon. Can be called repeatedly."""


def values_of(event: Event) -> dict[str, str]:
    """Return the values for `fill`: ``keyword``, ``score``, ``seconds``, ``source``."""
    keyword, score = (event.keyword, f"{event.score:.3f}") if isinstance(event, Detection) else ("", "")
    return {"keyword": keyword, "score": score, "seconds": f"{event.seconds:.3f}", "source": event.source}


def fill(text: str, event: Event) -> str:
    """Replace ``{keyword}``, ``{score}``, ``{seconds}`` and ``{source}``; other braces, as in JSON, stay.

    If the text is JSON, the values are escaped as JSON, so that they cannot break out of a string.
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
    """Return a text for a terminal or a log: control characters escaped, addresses without secrets."""
    text = _ADDRESS.sub(lambda match: shown(match.group()), text)
    return "".join(one if one.isprintable() else ascii(one)[1:-1] for one in text)


def plain(name: str) -> str:
    """Return a name for a message, printable and truncated if it is long."""
    return printable(name if len(name) <= LONGEST_NAME else f"{name[:LONGEST_NAME]}...")


def shortened(name: str) -> str:
    """Return a name in quotes for a message."""
    return repr(plain(name))
