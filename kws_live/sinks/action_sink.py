"""Run one action for each event of some types: the sinks ``exec:`` and ``http://``."""

import shlex
from urllib.parse import urldefrag

from kws_live.actions import Action, plain
from kws_live.actions.command import Command
from kws_live.actions.http_request import HttpRequest
from kws_live.actions.outbox import Outbox
from kws_live.errors import ConfigError
from kws_live.events import Event, event_types
from kws_live.system.address import shown


class ActionSink:
    """Runs an action for each event of some types, in order, on a thread of its own.

    Parameters
    ----------
    action : closed with the sink
    name : for messages
    types : names of event types
    """

    def __init__(self, action: Action, name: str, types: frozenset[str] = frozenset({"detection"})) -> None:
        self.name = name
        self._action = action
        self._types = types
        self._outbox = Outbox(name, action.do, abort=action.close)

    @property
    def n_lost(self) -> int:
        """Number of undelivered events."""
        return self._outbox.n_lost

    def send(self, event: Event) -> None:
        if event.type in self._types:
            self._outbox.put(event)

    def close(self) -> None:
        self._outbox.close()
        self._action.close()


def open_exec(rest: str) -> ActionSink:
    """Open ``PROGRAM ARGUMENTS``, quoted as in a shell but run without one."""
    try:
        arguments = shlex.split(rest)
    except ValueError as error:
        raise ConfigError(f"exec:{plain(rest)} cannot be parsed: {error}") from error
    return ActionSink(Command(arguments), f"exec:{plain(arguments[0])}")


def open_http(url: str) -> ActionSink:
    """Open an address; ``#``, not sent to the server, selects the events: ``#all``, ``#detection,near_miss``."""
    address, chosen = urldefrag(url)
    known = frozenset(event_types())
    types = known if chosen == "all" else frozenset(chosen.split(",")) if chosen else frozenset({"detection"})
    if types - known:
        raise ConfigError(f"{shown(url)!r} asks for unknown events; after the # use: all, {', '.join(sorted(known))}")
    return ActionSink(HttpRequest(address), shown(address), types)
