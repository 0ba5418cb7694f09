"""Connection limits for a server: a maximum number, and a time limit until a connection is admitted."""

import asyncio
import socket
from typing import Any, Final

MOST_CONNECTIONS: Final = 64
PATIENCE_SECONDS: Final = 5.0
BACKLOG: Final = 32
"""New connections accepted per iteration of the event loop; each lives for four iterations before it can be refused."""


def most_connections() -> int:
    """Return `MOST_CONNECTIONS`, or a quarter of the process's open-file limit, since listening needs files too."""
    try:
        import resource
    except ImportError:  # Windows has no such limit
        return MOST_CONNECTIONS
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return MOST_CONNECTIONS if soft < 0 else max(4, min(MOST_CONNECTIONS, soft // 4))


def keep_alive(connection: Any) -> None:
    """Make the system detect within half a minute that the peer of a TCP connection has vanished."""
    if connection is None or connection.family not in (socket.AF_INET, socket.AF_INET6):
        return
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for name, value in (("TCP_KEEPIDLE", 10), ("TCP_KEEPINTVL", 5), ("TCP_KEEPCNT", 3)):
        if hasattr(socket, name):
            connection.setsockopt(socket.IPPROTO_TCP, getattr(socket, name), value)


class Door:
    """Limits the connections of a server: closes those over the maximum and those that are too slow to be admitted.

    A connection that has not been admitted within ``patience_seconds`` is closed, whatever its state: half a request, a
    request sent byte by byte, a response that is not read. When the server is full, the one that has waited longest is
    closed, or the new one if all others have been admitted.

    Parameters
    ----------
    most : maximum number of connections; default: `most_connections`
    patience_seconds : time limit until admission
    """

    def __init__(self, most: int | None = None, patience_seconds: float = PATIENCE_SECONDS) -> None:
        self._most = most_connections() if most is None else most
        self._patience_seconds = patience_seconds
        self._waiting: dict[asyncio.Transport, asyncio.TimerHandle] = {}
        self._admitted: set[asyncio.Transport] = set()

    def arrive(self, transport: asyncio.Transport) -> None:
        """Register a new connection; call it from the event loop."""
        for gone in [one for one in self._waiting if not _is_open(one)]:
            self._waiting.pop(gone).cancel()
        self._admitted = {one for one in self._admitted if _is_open(one)}
        loop = asyncio.get_running_loop()
        self._waiting[transport] = loop.call_later(self._patience_seconds, self._end, transport)
        keep_alive(transport.get_extra_info("socket"))
        if len(self._waiting) + len(self._admitted) > self._most:
            self._end(next(iter(self._waiting)))

    def admit(self, transport: asyncio.Transport) -> None:
        """Let a connection stay open without a time limit."""
        if (timer := self._waiting.pop(transport, None)) is not None:
            timer.cancel()
            self._admitted.add(transport)

    def close(self) -> None:
        """Close all connections that have not been admitted."""
        for transport in list(self._waiting):
            self._end(transport)

    def _end(self, transport: asyncio.Transport) -> None:
        self._waiting.pop(transport).cancel()
        transport.abort()


def _is_open(transport: asyncio.Transport) -> bool:
    """Whether it still has a descriptor; a closing connection keeps it until its last bytes are sent."""
    connection = transport.get_extra_info("socket")
    return connection is not None and connection.fileno() >= 0
