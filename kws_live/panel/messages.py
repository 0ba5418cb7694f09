"""The messages that a page may send, and their validation."""

import json
from collections.abc import Callable, Mapping
from typing import Any, Final

from kws_live.errors import ConfigError
from kws_live.panel.feedback import KINDS

LARGEST_MESSAGE: Final = 4096
"""In characters; the longest message of a page has about 500."""


def _text(value: object) -> bool:
    return isinstance(value, str) and len(value) <= 200


def _scalar(value: object) -> bool:
    """Whether it is small; the settings check the rest."""
    return _text(value) or value is None or (isinstance(value, (int, float)) and not isinstance(value, bool))


def _position(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 2**53


def _by_word(value: object) -> bool:
    return (
        isinstance(value, dict) and len(value) <= 200 and all(map(_text, value)) and all(map(_scalar, value.values()))
    )


CHECKS: Final[Mapping[str, tuple[Callable[[object], bool], str]]] = {
    "word": (_text, "a word"),
    "new": (_text, "a word"),
    "model": (_text, "a name"),
    "value": (_scalar, "a number or a text"),
    "values": (_by_word, "numbers by word"),
    "right": (lambda value: isinstance(value, bool), "true or false"),
    "adapt": (lambda value: isinstance(value, bool), "true or false"),
    "keep": (lambda value: isinstance(value, bool), "true or false"),
    "on": (lambda value: isinstance(value, bool), "true or false"),
    "name": (_text, "a name"),
    "kind": (lambda value: value in KINDS, f"one of {', '.join(KINDS)}"),
    "position": (_position, "a whole number"),
}

FIELDS: Final[Mapping[str, tuple[str, ...]]] = {
    "threshold": ("word", "value"),
    "thresholds": ("values",),
    "listen": ("word", "on"),
    "change": ("name", "value"),
    "reset": (),
    "hindsight": ("values",),
    "why": ("position", "word?"),
    "sources": (),
    "source": ("name",),
    "play": (),
    "loop": ("on",),
    "models": (),
    "use_model": ("name",),
    "saving": ("on",),
    "mark": ("kind", "position", "word"),
    "refit": (),
    "profiles": (),
    "save_profile": ("name",),
    "load_profile": ("name",),
    "delete_profile": ("name",),
    "marks": (),
    "unmark": ("name",),
    "clips": (),
    "sort_clip": ("name", "right"),
    "teach": ("word", "adapt?"),
    "stop_teaching": (),
    "words": (),
    "forget": ("model", "word"),
    "rename": ("model", "word", "new"),
    "not_this": ("position", "word", "keep?"),
}
"""Fields of each message besides ``type`` and ``id``; those with a question mark are optional."""


def parse(text: str) -> dict[str, Any]:
    """A page's message with its fields checked.

    Raises
    ------
    ConfigError
        If it is not valid; the message names what was expected.
    """
    if len(text) > LARGEST_MESSAGE:
        raise ConfigError(f"a message of {len(text):,} characters is too long; at most {LARGEST_MESSAGE:,}")
    try:
        message = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise ConfigError("a message must be JSON") from error
    if not isinstance(message, dict) or not isinstance(message.get("type"), str) or message["type"] not in FIELDS:
        raise ConfigError(f"a message must be an object whose type is one of: {', '.join(FIELDS)}")
    if not isinstance(message.get("id", 0), int):
        raise ConfigError("id must be a whole number")
    fields = FIELDS[message["type"]]
    known = {field.rstrip("?") for field in fields}
    if strange := sorted(set(message) - known - {"type", "id"}):
        raise ConfigError(f"a {message['type']} message has no field {strange[0][:40]!r}")
    for field in fields:
        name = field.rstrip("?")
        if name not in message:
            if field.endswith("?"):
                continue
            raise ConfigError(f"a {message['type']} message needs {name}")
        check, wanted = CHECKS[name]
        if not check(message[name]):
            raise ConfigError(f"{name} must be {wanted}")
    return message
