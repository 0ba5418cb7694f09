"""Raw PCM from satellites, over TCP or UDP."""

import logging
import socket
from collections.abc import Callable
from contextlib import suppress
from typing import Final

import numpy as np

from kws_live.audio import Block
from kws_live.errors import AudioError, SourceLostError, SourceUnavailableError
from kws_live.sources.sample_format import to_block
from kws_live.sources.satellite import YIELD_SECONDS, Address, Satellite, Turn
from kws_live.sources.waiting import readable
from kws_live.system.clock import wall_seconds

log = logging.getLogger(__name__)

CONNECT_SECONDS: Final = 5.0
READ_BYTES: Final = 65_536
"""Size of the largest datagram, and of each read from a connection."""

KERNEL_BUFFER_BYTES: Final = 2**20
"""Receive buffer requested for datagrams: half a minute at 16 kHz."""

MOST_CONNECTIONS: Final = 8
"""Satellites that may be connected and waiting; one more disconnects the oldest."""

MOST_DATAGRAMS: Final = 64
"""Datagrams read at once."""


class TcpStream(Satellite):
    """Audio from a satellite over TCP.

    Parameters
    ----------
    url : ``tcp://HOST:PORT?rate=16000&channels=1&format=s16`` connects to a satellite; with ``&listen`` HOST is an
        address of this machine to which satellites connect: one is heard at a time, the next when that one has been
        silent for two seconds or has disconnected. With ``&pauses`` silence does not count as a loss.
    clock : seconds, as `kws_live.system.clock.wall_seconds`

    Raises
    ------
    SourceUnavailableError
        If the address is invalid, or nothing answers there.
    """

    def __init__(self, url: str, clock: Callable[[], float] = wall_seconds) -> None:
        address = Address(url)
        super().__init__(address, clock)
        self._listener: socket.socket | None = None
        self._heard: socket.socket | None = None
        self._connected: list[socket.socket] = []
        self._decoder = address.decoder()
        self._gone_at, self._why_gone = 0.0, ""
        try:
            if address.listen:
                family = socket.getaddrinfo(*address.place, type=socket.SOCK_STREAM)[0][0]
                self._listener = socket.create_server(address.place, family=family)
                self._listener.setblocking(False)
                self.port = int(self._listener.getsockname()[1])
            else:
                self._heard = _alive(socket.create_connection(address.place, CONNECT_SECONDS))
                self.port = int(self._heard.getsockname()[1])
        except OSError as error:
            doing = "listen on" if address.listen else "connect to"
            raise SourceUnavailableError(f"cannot {doing} {self.name}: {error.strerror or error}") from error

    @property
    def _waits_for_sender(self) -> bool:
        return self._listener is not None

    def _receive(self, timeout_seconds: float) -> Block | None:
        # While one sends, the others wait: what they send stays in the network's buffers and is not lost.
        others = self._connected if self._heard is None or self._turn.is_over(self._clock()) else []
        ready = readable([one for one in (self._heard, self._listener, *others) if one is not None], timeout_seconds)
        if self._listener is not None and self._listener in ready:
            self._accept(self._listener)
        for one in [one for one in (*others, self._heard) if one in ready]:
            if one is not None and (block := self._read_from(one)) is not None:
                return block
        # Reported much sooner than silence is: the port closes briefly then, and most satellites reconnect later.
        is_gone = self._heard is None and self._heard_at is not None and not self._connected
        if is_gone and not self._address.pauses and self._clock() - self._gone_at > YIELD_SECONDS:
            raise SourceLostError(f"{self.name}: the satellite {self._why_gone}")
        return None

    def _accept(self, listener: socket.socket) -> None:
        with suppress(OSError):  # it may have disconnected already
            newest, _ = listener.accept()
            self._connected.append(_alive(newest))
        if len(self._connected) > MOST_CONNECTIONS:
            self._connected.pop(0).close()

    def _read_from(self, connection: socket.socket) -> Block | None:
        """Read what a connection has received; None if that is nothing."""
        try:
            got = connection.recv(READ_BYTES)
        except BlockingIOError:
            return None
        except OSError as error:
            self._hang_up(connection, f"disconnected: {error.strerror or error}")
            return None
        if not got:
            self._hang_up(connection, "disconnected")
            return None
        if connection is not self._heard:
            self._hear(connection)
        try:
            return self._decoder.feed(got)
        except AudioError as error:
            if self._listener is None:
                raise AudioError(f"{self.name}: {error}") from error
            log.warning("%s disconnects a satellite: %s", self.name, error)
            self._hang_up(connection, "sent no samples")
            return None

    def _hear(self, connection: socket.socket) -> None:
        """Make this satellite the one that is heard."""
        self._connected.remove(connection)
        if self._heard is not None:
            self._heard.close()
        self._heard = connection
        self._decoder = self._address.decoder()
        self._is_other = True
        self._turn = Turn(self._clock())

    def _hang_up(self, connection: socket.socket, why: str) -> None:
        connection.close()
        if connection in self._connected:
            self._connected.remove(connection)
        else:
            self._heard = None
            self._gone_at, self._why_gone = self._clock(), why
            if self._listener is None:
                raise SourceLostError(f"{self.name} {why}")

    def close(self) -> None:
        self._is_closed = True
        for one in (self._heard, self._listener, *self._connected):
            if one is not None:
                one.close()
        self._heard = self._listener = None
        self._connected = []


def _alive(connection: socket.socket) -> socket.socket:
    """Let the system detect within half a minute that the other end has vanished."""
    connection.setblocking(False)
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for name, value in (("TCP_KEEPIDLE", 10), ("TCP_KEEPINTVL", 5), ("TCP_KEEPCNT", 3)):
        if hasattr(socket, name):
            connection.setsockopt(socket.IPPROTO_TCP, getattr(socket, name), value)
    return connection


class UdpStream(Satellite):
    """Audio from a satellite over UDP: datagrams hold whole samples; lost ones are not detected.

    Parameters
    ----------
    url : ``udp://HOST:PORT?rate=16000&channels=1&format=s16``; HOST is an address of this machine, such as 0.0.0.0.
        With ``&pauses`` silence does not count as a loss.
    clock : seconds, as `kws_live.system.clock.wall_seconds`

    Raises
    ------
    SourceUnavailableError
        If the address is invalid, or the port is in use.
    """

    def __init__(self, url: str, clock: Callable[[], float] = wall_seconds) -> None:
        address = Address(url)
        super().__init__(address, clock)
        self._sender: object = None
        try:
            family = socket.getaddrinfo(*address.place, type=socket.SOCK_DGRAM)[0][0]
            self._socket = socket.socket(family, socket.SOCK_DGRAM)
        except OSError as error:
            raise SourceUnavailableError(f"cannot listen on {self.name}: {error.strerror or error}") from error
        try:
            self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, KERNEL_BUFFER_BYTES)
            self._socket.setblocking(False)
            self._socket.bind(address.place)
        except OSError as error:
            self._socket.close()
            raise SourceUnavailableError(f"cannot listen on {self.name}: {error.strerror or error}") from error
        self.port = int(self._socket.getsockname()[1])

    def _receive(self, timeout_seconds: float) -> Block | None:
        if not readable([self._socket], timeout_seconds):
            return None
        blocks: list[Block] = []
        for _ in range(MOST_DATAGRAMS):
            try:
                got, sender = self._socket.recvfrom(READ_BYTES)
            except BlockingIOError:
                break
            except OSError:  # Windows reports an undeliverable reply
                continue
            is_other = sender != self._sender
            # Never mix two senders in one block: once one has sent audio, the other is read next time.
            if is_other and (blocks or not (self._sender is None or self._turn.is_over(self._clock()))):
                continue
            block = to_block(got, self._address.sample_format, self._address.n_channels)
            if block.shape[0]:
                if is_other:
                    self._sender, self._is_other, self._turn = sender, True, Turn(self._clock())
                blocks.append(block)
        return np.concatenate(blocks) if blocks else None

    def close(self) -> None:
        self._is_closed = True
        self._socket.close()
