"""A wake-word service for Home Assistant and other clients of the Wyoming protocol.

Each client has its own pipeline; all share one model. A client sends ``describe`` to get the list of
words, ``detect`` to choose some of them, then ``audio-start``, ``audio-chunk`` ..., ``audio-stop``; it receives a
``detection`` for each word and ``not-detected`` at the end of audio without one.

References
----------
The protocol: https://github.com/OHF-Voice/wyoming, and its package ``wyoming``.
"""

import asyncio
import logging
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager, nullcontext
from functools import partial
from importlib import metadata
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from wyoming.event import async_get_stdin
from wyoming.info import Attribution, Info, WakeModel, WakeProgram

from kws_live.detection import make_settings
from kws_live.errors import AudioError, ConfigError
from kws_live.live.live_settings import LiveSettings
from kws_live.model import Model
from kws_live.system.address import shown
from kws_live.system.door import keep_alive
from kws_live.system.outside_log import report_to, spare
from kws_live.wyoming.client import Client, Patience, Service

log = spare(logging.getLogger(__name__))

MOST_CLIENTS: Final = 64
TURNS_TO_LEAVE: Final = 5
"""Iterations of the event loop until a disconnected client is noticed."""


class _Clients:
    """The connected clients, each with the task that serves it.

    When there are too many, the one that has been silent longest is disconnected, if it has been silent long enough.
    """

    def __init__(self, service: Service) -> None:
        self._service = service
        self._tasks: dict[Client, asyncio.Task[None]] = {}
        self._all: set[asyncio.Task[None]] = set()

    def welcome(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Start to serve a client."""
        keep_alive(writer.get_extra_info("socket"))
        client = Client(self._service, reader, writer)
        task = asyncio.create_task(self._serve(client))
        self._all.add(task)
        task.add_done_callback(self._all.discard)

    async def _serve(self, client: Client) -> None:
        for _ in range(TURNS_TO_LEAVE):
            if self._has_room():
                break
            await asyncio.sleep(0)
        else:
            log.warning("more than %d clients; a new one was rejected", MOST_CLIENTS)
            client.dismiss(AudioError(f"more than {MOST_CLIENTS} clients"))
            return
        task = asyncio.current_task()
        assert task is not None
        self._tasks[client] = task
        try:
            await client.run()
        finally:
            self._tasks.pop(client, None)

    def _has_room(self) -> bool:
        if len(self._tasks) < MOST_CLIENTS:
            return True
        idlest = min(self._tasks, key=lambda client: client.heard_from)
        silent_seconds = asyncio.get_running_loop().time() - idlest.heard_from
        if silent_seconds < self._service.patience.displaced_seconds:
            return False
        self._tasks.pop(idlest).cancel()
        idlest.dismiss(AudioError(f"more than {MOST_CLIENTS} clients, and this one was silent longest"))
        return True

    async def end(self) -> None:
        """Disconnect all clients."""
        for task in self._all:
            task.cancel()
        await asyncio.gather(*self._all, return_exceptions=True)


def describe(model: Model) -> Info:
    """Return the description for clients: one wake-word program whose models are the words."""
    version = metadata.version("kws-live")
    attribution = Attribution(name="kws_live", url="")
    words = [
        WakeModel(
            name=word,
            attribution=attribution,
            installed=True,
            description=f'the word "{word}"',
            version=version,
            languages=["en"],
            phrase=word,
        )
        for word in model.card.keywords
    ]
    program = WakeProgram(
        name="kws-live",
        attribution=attribution,
        installed=True,
        description=model.card.description,
        version=version,
        models=words,
    )
    return Info(wake=[program])


@asynccontextmanager
async def _listening(uri: str, clients: _Clients) -> AsyncIterator[int]:
    """Accept clients at an address during the ``with`` block; yields the TCP port, or 0."""
    path = Path(urlsplit(uri).path)
    try:
        parts = urlsplit(uri)
        if parts.scheme == "tcp" and parts.hostname and parts.port is not None:
            server = await asyncio.start_server(clients.welcome, parts.hostname, parts.port, backlog=MOST_CLIENTS)
        elif parts.scheme == "unix" and parts.path:
            if path.is_socket():  # left behind by a server that did not exit cleanly
                path.unlink()
            server = await asyncio.start_unix_server(clients.welcome, path, backlog=MOST_CLIENTS)
        else:
            raise ValueError("unknown kind of address")
    except (OSError, ValueError) as error:
        raise ConfigError(
            f"cannot listen on {shown(uri)!r}: {error.args[-1]}; use one such as tcp://127.0.0.1:10400"
        ) from error
    try:
        yield int(server.sockets[0].getsockname()[1]) if parts.scheme == "tcp" else 0
    finally:
        server.close()
        if parts.scheme == "unix":
            path.unlink(missing_ok=True)


async def serve(
    uri: str,
    model: Model,
    settings: LiveSettings | None = None,
    on_ready: Callable[[], object] = lambda: None,
    announce_as: str | None = None,
    patience: Patience = Patience(),  # noqa: B008 - frozen
) -> None:
    """Serve clients until cancelled.

    Parameters
    ----------
    uri : ``tcp://127.0.0.1:10400``, ``unix:///run/kws-live.sock`` or ``stdio://``
    model : shared by all clients
    settings : thresholds and other settings, shared by all clients; default: the model's
    on_ready : called once clients can connect
    announce_as : name under which Home Assistant discovers the service; None: it is not announced
    patience : time limits for slow or silent clients

    Raises
    ------
    ConfigError
        If it cannot listen there or be announced.
    """
    asyncio.get_running_loop().set_exception_handler(report_to(log))
    service = Service(model, settings or make_settings(model), describe(model).event(), patience)
    if uri.startswith("stdio:"):
        return await Client(service, *await _standard_streams()).run()
    clients = _Clients(service)
    announce: Callable[[int], AbstractAsyncContextManager[object]] = nullcontext
    if announce_as is not None:
        from kws_live.wyoming.discovery import announced

        host = urlsplit(uri).hostname
        if host is None:
            raise ConfigError(f"{shown(uri)!r} cannot be reached over the network; use one such as tcp://0.0.0.0:10400")
        announce = partial(announced, announce_as, host)
    try:
        async with _listening(uri, clients) as port, announce(port):
            on_ready()
            await asyncio.Event().wait()
    finally:
        await clients.end()


async def _standard_streams() -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    reader = await async_get_stdin()
    loop = asyncio.get_running_loop()
    transport, protocol = await loop.connect_write_pipe(asyncio.streams.FlowControlMixin, sys.stdout)
    return reader, asyncio.StreamWriter(transport, protocol, None, loop)
