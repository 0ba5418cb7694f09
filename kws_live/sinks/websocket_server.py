"""A WebSocket server that sends every event to programs and pages on this machine."""

import asyncio
import json
import logging
import re
import threading
from contextlib import suppress
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlsplit

from kws_live.errors import ConfigError
from kws_live.events import Event
from kws_live.system.address import shown
from kws_live.system.door import BACKLOG, Door
from kws_live.system.outside_log import report_to, spare

if TYPE_CHECKING:
    from websockets.asyncio.server import Server, ServerConnection

log = spare(logging.getLogger(__name__))

LARGEST_MESSAGE_BYTES = 1024
"""Largest message from a client; clients have nothing to send."""

LARGEST_BACKLOG_BYTES = 2**18
"""About a thousand events; a client that has fallen further behind is disconnected."""

CLOSE_SECONDS = 1.0
"""Time limit for the closing handshake with a client."""

OWN_PAGES = re.compile(r"https?://(localhost|127\.0\.0\.1|\[::1\])(:\d+)?")
"""Pages from elsewhere must not receive what is spoken here (programs send no Origin header)."""


class WebsocketServer:
    """Serves events as JSON text messages to any number of clients from the moment they connect.

    Parameters
    ----------
    url : ``ws://127.0.0.1:8765``; port 0 takes a free one. Only this machine is served unless another address of
        it is given, such as 0.0.0.0. Programs may connect, and pages of this machine; other pages only where their
        origin is named, as in ``?origin=http://homeassistant.local:8123`` or ``?origin=app://obsidian.md``, once for
        each. A page from a file, and any page in a sandboxed frame, has the origin ``null``.

    Attributes
    ----------
    port : on which it listens

    Raises
    ------
    ConfigError
        If it cannot listen there, or websockets is not installed.

    References
    ----------
    Slow clients: https://websockets.readthedocs.io/en/stable/topics/broadcast.html
    """

    def __init__(self, url: str) -> None:
        try:
            from websockets.asyncio.server import ServerConnection, broadcast, serve
        except ImportError as error:
            raise ConfigError('ws:// needs one more package: pip install "kws-live[ws]"') from error
        self._broadcast = broadcast
        self.name = shown(url)
        try:
            parts = urlsplit(url)
            host, port = parts.hostname or "", parts.port
            options = parse_qs(parts.query, strict_parsing=bool(parts.query))
        except ValueError as error:
            raise ConfigError(f"{shown(url)!r} is not an address: {error}") from error
        fits = parts.scheme == "ws" and host and port is not None and not parts.path.strip("/")
        if not fits or options.keys() - {"origin"}:
            raise ConfigError(
                f"{shown(url)!r} cannot be served; use one such as ws://127.0.0.1:8765 or "
                "ws://127.0.0.1:8765?origin=http://homeassistant.local:8123"
            )
        self._loop = asyncio.new_event_loop()
        self._loop.set_exception_handler(report_to(log))
        self._door = door = Door()

        class Connection(ServerConnection):
            def connection_made(self, transport: Any) -> None:
                super().connection_made(transport)
                door.arrive(transport)

        async def start() -> "Server":
            return await serve(
                self._client,
                host,
                port,
                origins=[None, OWN_PAGES, *options.get("origin", ())],
                max_size=LARGEST_MESSAGE_BYTES,
                compression=None,
                close_timeout=CLOSE_SECONDS,
                create_connection=Connection,
                logger=log,
                backlog=BACKLOG,
            )

        try:
            self._server = self._loop.run_until_complete(start())
        except OSError as error:
            self._loop.close()
            raise ConfigError(f"cannot listen on {shown(url)!r}: {error.strerror or error}") from error
        self.port = int(next(iter(self._server.sockets)).getsockname()[1])
        self._thread = threading.Thread(target=self._loop.run_forever, name="kws-live websocket", daemon=True)
        self._thread.start()

    @property
    def clients(self) -> "set[ServerConnection]":
        """Connected clients."""
        return self._server.connections

    async def _client(self, connection: "ServerConnection") -> None:
        self._door.admit(connection.transport)
        await connection.wait_closed()

    def send(self, event: Event) -> None:
        text = json.dumps(event.to_dict(), ensure_ascii=False)
        with suppress(RuntimeError):  # closed meanwhile
            self._loop.call_soon_threadsafe(self._tell, text)

    def _tell(self, text: str) -> None:
        clients = self.clients
        for client in clients:
            if client.transport.get_write_buffer_size() > LARGEST_BACKLOG_BYTES:
                client.transport.abort()
        self._broadcast(clients, text)

    def close(self) -> None:
        if self._loop.is_closed():
            return

        async def stop() -> None:
            self._server.close()
            self._door.close()
            await self._server.wait_closed()

        with suppress(TimeoutError):
            asyncio.run_coroutine_threadsafe(stop(), self._loop).result(3.0)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()
