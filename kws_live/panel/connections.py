"""The panel's connections: uvicorn's own, behind a door, and with a log that outsiders cannot fill."""

import asyncio
import logging
from typing import Any

from uvicorn.protocols.http.h11_impl import H11Protocol
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol

from kws_live.system.door import Door
from kws_live.system.outside_log import spare

log = spare(logging.getLogger(__name__))


class _Connection:
    """What uvicorn's own connections are given besides.

    Parameters
    ----------
    door : lets it in
    given : uvicorn's own
    """

    def __init__(self, door: Door, **given: Any) -> None:
        super().__init__(**given)
        self._door = door
        self.logger = log


class Request(_Connection, H11Protocol):
    """A connection that asks for files, for as long as the door has patience; or that becomes a page's own."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._door.arrive(transport)


class PageConnection(_Connection, WebSocketsSansIOProtocol):
    """An open page's connection; it may stay once it has been accepted."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        self.conn.logger = log
        super().connection_made(transport)

    async def send(self, message: Any) -> None:
        await super().send(message)
        if message["type"] == "websocket.accept":
            self._door.admit(self.transport)

    def connection_lost(self, exc: Exception | None) -> None:
        while not self.queue.empty():  # what a page asked before it left is not answered into the void
            self.queue.get_nowait()
        super().connection_lost(exc)

    def keepalive_timeout(self) -> None:
        super().keepalive_timeout()
        self.transport.abort()  # a page that is gone does not take the last bytes either
