"""Where events go. One string opens any sink::

jsonl:PATH           JSON lines, appended to a file that only you can read; may be rotated; jsonl:- is standard output
csv:PATH             a table for spreadsheets
sqlite:PATH          a database
exec:PROGRAM ARGS    run a program for each word: exec:./lamp.sh {keyword}
http://  https://    POST each word as JSON; http://host/path#all: every event; #detection,near_miss: these types
mqtt://  mqtts://    each event to TOPIC/TYPE: mqtts://user:${PASSWORD}@host/TOPIC?ca=FILE&discovery=homeassistant
ws://127.0.0.1:8765  a WebSocket that programs and pages of this machine connect to; others: ?origin=http://host:8123
clips:DIR            each word and near miss as a short recording: clips:DIR?megabytes=200&kinds=detection
bindings:FILE        what each word does, from a TOML file (see `kws_live.sinks.bindings`)

With ``arbitrate=0.3``, of several listeners that hear the same word within 0.3 s, the one that hears it best publishes
it. With ``discovery``, Home Assistant can also change thresholds and mode, and switch the listening on and off.

In the addresses of ``http``, ``https``, ``mqtt`` and ``mqtts``, ``${NAME}`` is the environment variable NAME, and
``${PATH}``, which has a slash, the first line of a file: that keeps secrets out of process lists and logs.

An event is delivered within a minute of its word or not at all, by ``bindings:`` and ``jsonl:-`` within 10 s; files get
everything. At most 1,000 events wait; the oldest are dropped first. Undelivered events are counted and reported.

More come from packages with an entry point in the group ``kws_live.sinks``: its name is the scheme, its object takes
what follows the colon and the model's keywords, and returns an `EventSink`.
"""

from collections.abc import Sequence
from importlib import metadata
from pathlib import Path
from typing import Final, Protocol

from kws_live.actions import printable, shortened
from kws_live.errors import ConfigError
from kws_live.events import Event

GROUP: Final = "kws_live.sinks"


class EventSink(Protocol):
    """Receives events, in order, on a thread of its own.

    For optional attributes see `kws_live.sinks.optional`.
    """

    def send(self, event: Event) -> None:
        """Handle one event; exceptions are logged and counted, and an ``ActionError(again=True)`` is retried."""

    def close(self) -> None:
        """Flush and release everything; may be called twice."""


SCHEMES: Final = ("jsonl", "csv", "sqlite", "exec", "http", "https", "mqtt", "mqtts", "ws", "clips", "bindings")


def open_sink(sink: str | Path, keywords: Sequence[str] = ()) -> EventSink:
    """Open a sink by its string.

    Parameters
    ----------
    sink : see the module's docstring
    keywords : words of the model that sends the events

    Raises
    ------
    ConfigError
        If the scheme is unknown or the sink cannot be opened.
    """
    sink = str(sink)
    scheme, colon, rest = sink.partition(":")
    # Imported only when used: most need an additional package.
    match scheme if colon else "":
        case "jsonl" | "csv" | "sqlite" | "clips":
            return _open_file(scheme, rest)
        case "exec":
            from kws_live.sinks.action_sink import open_exec

            return open_exec(rest)
        case "http" | "https":
            from kws_live.sinks.action_sink import open_http

            return open_http(sink)
        case "mqtt" | "mqtts":
            from kws_live.sinks.mqtt import Mqtt

            return Mqtt(sink, keywords)
        case "ws":
            from kws_live.sinks.websocket_server import WebsocketServer

            return WebsocketServer(sink)
        case "bindings":
            from kws_live.sinks.bindings import Bindings

            return Bindings(rest, keywords)
    added = {entry.name: entry for entry in metadata.entry_points(group=GROUP)}
    if colon and scheme in added:
        return _open_added(added[scheme], rest, keywords)
    known = ", ".join(f"{name}:" for name in (*SCHEMES, *added))
    raise ConfigError(f"unknown sink {shortened(sink)}; use one of {known} such as jsonl:events.jsonl")


def _open_file(scheme: str, rest: str) -> EventSink:
    """Open a sink that stores events on this machine."""
    match scheme:
        case "jsonl":
            from kws_live.sinks.json_lines import JsonLines

            return JsonLines(rest)
        case "csv":
            from kws_live.sinks.csv_file import CsvFile

            return CsvFile(rest)
        case "sqlite":
            from kws_live.sinks.sqlite_file import SqliteFile

            return SqliteFile(rest)
        case _:
            from kws_live.sinks.clips import Clips

            return Clips(rest)


def _open_added(entry: metadata.EntryPoint, rest: str, keywords: Sequence[str]) -> EventSink:
    """Open a sink of another package, which may raise anything."""
    try:
        opened: EventSink = entry.load()(rest, keywords)
    except ConfigError:
        raise
    except Exception as error:
        why = printable(f"{type(error).__name__}: {error}")
        raise ConfigError(f"the sink {entry.name}: of {entry.value} cannot be opened: {why}") from error
    return opened
