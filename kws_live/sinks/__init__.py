"""Where events go. One string opens any sink::

jsonl:PATH      JSON lines appended to a file        jsonl:-    JSON lines on standard output
"""

from collections.abc import Callable
from typing import Protocol

from kws_live.errors import ConfigError
from kws_live.events import Event


class EventSink(Protocol):
    """Takes events, in order, on the dispatcher thread."""

    def send(self, event: Event) -> None:
        """Take one event; what it raises is logged and counted, and listening goes on."""

    def close(self) -> None:
        """Write out what is held back and let go; may be called twice."""


def _json_lines(rest: str) -> EventSink:
    from kws_live.sinks.json_lines import JsonLines

    return JsonLines(rest)


SCHEMES: dict[str, Callable[[str], EventSink]] = {"jsonl": _json_lines}


def open_sink(sink: str) -> EventSink:
    """Open a sink by its string.

    Raises
    ------
    ConfigError
        If the scheme is unknown or the sink cannot be opened.
    """
    scheme, colon, rest = sink.partition(":")
    if not colon or scheme not in SCHEMES:
        known = ", ".join(f"{name}:" for name in SCHEMES)
        raise ConfigError(f"unknown sink {sink!r}; use one of {known} such as jsonl:events.jsonl")
    return SCHEMES[scheme](rest)
