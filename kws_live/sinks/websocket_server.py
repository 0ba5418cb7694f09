"""A WebSocket that other programs and pages on this machine connect to, to be told every event."""

import asyncio
import json
import re
import threading
from contextlib import suppress
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from kws_live.errors import ConfigError
from kws_live.events import Event

if TYPE_CHECKING:
    from websockets.asyncio.server import Server, ServerConnection

LARGEST_MESSAGE_BYTES = 1024
"""Clients have nothing to say."""

OWN_PAGES = re.compile(r"https?://(localhost|127\.0\.0\.1|\[::1\])(:\d+)?")
"""A page from anywhere else must not listen in on what is spoken here (programs send no Origin at all)."""


class WebsocketServer:
    """Serves events as JSON text messages to any number of clients, from when they connect.

    Parameters
    ----------
    url : ``ws://127.0.0.1:8765``; port 0 takes a free one. Only this machine is served unless another address of
        it is given, such as 0.0.0.0

    Attributes
    ----------
    port : where it listens

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
            from websockets.asyncio.server import broadcast, serve
        except ImportError as error:
            raise ConfigError('ws:// needs one more package: pip install "kws-live[ws]"') from error
        self._broadcast = broadcast
        try:
            parts = urlsplit(url)
            host, port = parts.hostname or "", parts.port
        except ValueError as error:
            raise ConfigError(f"{url!r} is no address: {error}") from error
        if parts.scheme != "ws" or not host or port is None or parts.path.strip("/"):
            raise ConfigError(f"{url!r} cannot be served; use one such as ws://127.0.0.1:8765")
        self._loop = asyncio.new_event_loop()

        async def start() -> "Server":
            return await serve(
                self._client, host, port, origins=[None, OWN_PAGES], max_size=LARGEST_MESSAGE_BYTES, compression=None
            )

        try:
            self._server = self._loop.run_until_complete(start())
        except OSError as error:
            self._loop.close()
            raise ConfigError(f"cannot listen on {url!r}: {error.strerror or error}") from error
        self.port = int(next(iter(self._server.sockets)).getsockname()[1])
        self._thread = threading.Thread(target=self._loop.run_forever, name="kws-live websocket", daemon=True)
        self._thread.start()

    @property
    def clients(self) -> "set[ServerConnection]":
        """Who is connected."""
        return self._server.connections

    async def _client(self, connection: "ServerConnection") -> None:
        await connection.wait_closed()

    def send(self, event: Event) -> None:
        text = json.dumps(event.to_dict(), ensure_ascii=False)
        with suppress(RuntimeError):  # closed meanwhile
            self._loop.call_soon_threadsafe(lambda: self._broadcast(self.clients, text))

    def close(self) -> None:
        if self._loop.is_closed():
            return

        async def stop() -> None:
            self._server.close()
            await self._server.wait_closed()

        with suppress(TimeoutError):
            asyncio.run_coroutine_threadsafe(stop(), self._loop).result(3.0)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()
