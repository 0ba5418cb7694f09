"""The door of a server: so many connections at most, and little time for those that have not come in yet."""

import asyncio
import socket
from typing import Any, Final

MOST_CONNECTIONS: Final = 64
PATIENCE_SECONDS: Final = 5.0
BACKLOG: Final = 32
"""So many new connections are taken in a turn of the event loop, and exist for four turns before any is refused."""


def most_connections() -> int:
    """`MOST_CONNECTIONS`, or a quarter of the files that this process may open: listening needs files too."""
    try:
        import resource
    except ImportError:  # Windows has no such limit
        return MOST_CONNECTIONS
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return MOST_CONNECTIONS if soft < 0 else max(4, min(MOST_CONNECTIONS, soft // 4))


def keep_alive(connection: Any) -> None:
    """Have the system find out within half a minute when the other end of a TCP connection has vanished."""
    if connection is None or connection.family not in (socket.AF_INET, socket.AF_INET6):
        return
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for name, value in (("TCP_KEEPIDLE", 10), ("TCP_KEEPINTVL", 5), ("TCP_KEEPCNT", 3)):
        if hasattr(socket, name):
            connection.setsockopt(socket.IPPROTO_TCP, getattr(socket, name), value)


class Door:
    """Counts the connections of one server, and ends those that are too many or dawdle.

    A connection that has not been admitted within ``patience_seconds`` ends, whatever it is doing: half a request,
    a request a letter at a time, an answer that is not read. When the server is full, the one that has waited longest
    gives way; where all have been admitted, the new one does.

    Parameters
    ----------
    most : connections at a time; `most_connections` if not given
    patience_seconds : for what is not admitted
    """

    def __init__(self, most: int | None = None, patience_seconds: float = PATIENCE_SECONDS) -> None:
        self._most = most_connections() if most is None else most
        self._patience_seconds = patience_seconds
        self._waiting: dict[asyncio.Transport, asyncio.TimerHandle] = {}
        self._admitted: set[asyncio.Transport] = set()

    def arrive(self, transport: asyncio.Transport) -> None:
        """Take notice of a new connection; call it from the event loop."""
        for gone in [one for one in self._waiting if not _is_open(one)]:
            self._waiting.pop(gone).cancel()
        self._admitted = {one for one in self._admitted if _is_open(one)}
        loop = asyncio.get_running_loop()
        self._waiting[transport] = loop.call_later(self._patience_seconds, self._end, transport)
        keep_alive(transport.get_extra_info("socket"))
        if len(self._waiting) + len(self._admitted) > self._most:
            self._end(next(iter(self._waiting)))

    def admit(self, transport: asyncio.Transport) -> None:
        """Let a connection stay for as long as it likes."""
        if (timer := self._waiting.pop(transport, None)) is not None:
            timer.cancel()
            self._admitted.add(transport)

    def close(self) -> None:
        """End what has not been admitted."""
        for transport in list(self._waiting):
            self._end(transport)

    def _end(self, transport: asyncio.Transport) -> None:
        self._waiting.pop(transport).cancel()
        transport.abort()


def _is_open(transport: asyncio.Transport) -> bool:
    """Whether it still has a descriptor: one that is being closed keeps it until its last bytes are taken."""
    connection = transport.get_extra_info("socket")
    return connection is not None and connection.fileno() >= 0
