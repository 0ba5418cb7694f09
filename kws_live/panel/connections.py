"""The panel's connections: uvicorn's own, with admission limits and a log that outsiders cannot flood."""

import asyncio
import logging
from typing import Any

from uvicorn.protocols.http.h11_impl import H11Protocol
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol

from kws_live.system.door import Door
from kws_live.system.outside_log import spare

log = spare(logging.getLogger(__name__))


class _Connection:
    """Additions to uvicorn's connections.

    Parameters
    ----------
    door : admits connections
    given : uvicorn's own arguments
    """

    def __init__(self, door: Door, **given: Any) -> None:
        super().__init__(**given)
        self._door = door
        self.logger = log


class Request(_Connection, H11Protocol):
    """A connection that requests files, for a limited time, or that becomes a page's WebSocket."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._door.arrive(transport)


class PageConnection(_Connection, WebSocketsSansIOProtocol):
    """The WebSocket of an open page; without a time limit once accepted."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        self.conn.logger = log
        super().connection_made(transport)

    async def send(self, message: Any) -> None:
        await super().send(message)
        if message["type"] == "websocket.accept":
            self._door.admit(self.transport)

    def connection_lost(self, exc: Exception | None) -> None:
        while not self.queue.empty():  # drop unanswered requests of a page that has left
            self.queue.get_nowait()
        super().connection_lost(exc)

    def keepalive_timeout(self) -> None:
        super().keepalive_timeout()
        self.transport.abort()  # a page that has left does not receive the last bytes
