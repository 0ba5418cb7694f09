"""Raw 16-bit little-endian PCM from satellites, over TCP or UDP."""

import select
import socket
import time
from contextlib import suppress
from typing import Final
from urllib.parse import parse_qs, urlsplit

import numpy as np

from kws_live.audio import Block, pcm16_to_float
from kws_live.errors import SourceLostError, SourceUnavailableError
from kws_live.sources import require_rate

CONNECT_SECONDS: Final = 5.0
READ_BYTES: Final = 65_536
"""The largest datagram; as much is taken from a connection at once."""

KERNEL_BUFFER_BYTES: Final = 2**20
"""Asked of the system for datagrams: half a minute at 16 kHz."""

SILENT_SECONDS: Final = 2.0
"""After so long without a datagram from one sender another is listened to; both at once would be garbled."""


class _Address:
    """``tcp://HOST:PORT?rate=16000&channels=1``, taken apart."""

    def __init__(self, url: str) -> None:
        example = f"use one such as {url.partition(':')[0]}://192.168.1.7:5000?rate=16000&channels=1"
        try:
            parts = urlsplit(url)
            options = parse_qs(parts.query, keep_blank_values=True)
            port = parts.port
            rate, channels = int(options.get("rate", ["16000"])[0]), int(options.get("channels", ["1"])[0])
        except ValueError as error:
            raise SourceUnavailableError(f"{url!r} is no address of audio: {error}; {example}") from error
        strange = sorted(set(options) - {"rate", "channels", "listen"})
        if strange or not parts.hostname or port is None or not 1 <= channels <= 64 or parts.path.strip("/"):
            raise SourceUnavailableError(f"{url!r} is no address of audio; {example}")
        self.name = f"{parts.scheme}://{parts.hostname}:{port}"
        self.place = (parts.hostname, port)
        self.rate_hz = require_rate(rate, url)
        self.n_channels = channels
        self.listen = "listen" in options


class _Samples:
    """Cuts a stream of bytes at whole samples."""

    def __init__(self, n_channels: int) -> None:
        self.n_channels = n_channels
        self._rest = b""

    def take(self, got: bytes) -> Block:
        whole = self._rest + got
        n_bytes = len(whole) - len(whole) % (2 * self.n_channels)
        self._rest = whole[n_bytes:]
        return pcm16_to_float(np.frombuffer(whole[:n_bytes], "<i2").reshape(-1, self.n_channels))

    def reset(self) -> None:
        self._rest = b""


class TcpStream:
    """Audio from a satellite over TCP.

    Parameters
    ----------
    url : ``tcp://HOST:PORT?rate=16000&channels=1`` connects to a satellite; with ``&listen`` HOST is an address of
        this machine and satellites connect to it, one at a time, the newest first

    Raises
    ------
    SourceUnavailableError
        If it is no such address, or nobody answers there.
    """

    live = True
    n_overflows = 0

    def __init__(self, url: str) -> None:
        address = _Address(url)
        self.name = address.name
        self.rate_hz = address.rate_hz
        self._samples = _Samples(address.n_channels)
        self._listener: socket.socket | None = None
        self._connection: socket.socket | None = None
        try:
            if address.listen:
                family = socket.getaddrinfo(*address.place, type=socket.SOCK_STREAM)[0][0]
                self._listener = socket.create_server(address.place, family=family)
            else:
                self._connection = _alive(socket.create_connection(address.place, CONNECT_SECONDS))
        except OSError as error:
            doing = "listen on" if address.listen else "connect to"
            raise SourceUnavailableError(f"cannot {doing} {self.name}: {error.strerror or error}") from error
        self._closed = False

    @property
    def port(self) -> int:
        """Of this machine's end."""
        end = self._listener or self._connection
        return 0 if end is None else int(end.getsockname()[1])

    def read(self, timeout_seconds: float) -> Block | None:
        if self._closed:
            return None
        ready, _, _ = select.select(
            [one for one in (self._listener, self._connection) if one is not None], [], [], timeout_seconds
        )
        if self._listener in ready and self._listener is not None:
            # A satellite that lost its power left without a word: the one that comes now is the one to hear.
            with suppress(OSError):
                newest, _ = self._listener.accept()
                self._hang_up()
                self._connection = _alive(newest)
            return self._samples.take(b"")
        if self._connection is None or not ready:
            return self._samples.take(b"")
        try:
            got = self._connection.recv(READ_BYTES)
        except OSError as error:
            raise SourceLostError(f"{self.name} went away: {error.strerror or error}") from error
        if not got:
            if self._listener is None:
                raise SourceLostError(f"{self.name} hung up")
            self._hang_up()
        return self._samples.take(got)

    def _hang_up(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None
        self._samples.reset()

    def close(self) -> None:
        self._closed = True
        self._hang_up()
        if self._listener is not None:
            self._listener.close()


def _alive(connection: socket.socket) -> socket.socket:
    """Have the system find out within half a minute when the other end has vanished."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for name, value in (("TCP_KEEPIDLE", 10), ("TCP_KEEPINTVL", 5), ("TCP_KEEPCNT", 3)):
        if hasattr(socket, name):
            connection.setsockopt(socket.IPPROTO_TCP, getattr(socket, name), value)
    return connection


class UdpStream:
    """Audio from a satellite over UDP: each datagram whole samples, in the order it arrives; a lost one is not missed.

    Parameters
    ----------
    url : ``udp://HOST:PORT?rate=16000&channels=1``; HOST is an address of this machine, such as 0.0.0.0

    Raises
    ------
    SourceUnavailableError
        If it is no such address, or the port is in use.
    """

    live = True
    n_overflows = 0

    def __init__(self, url: str) -> None:
        address = _Address(url)
        self.name = address.name
        self.rate_hz = address.rate_hz
        self._n_channels = address.n_channels
        self._sender: tuple[object, float] = (None, 0.0)
        try:
            family = socket.getaddrinfo(*address.place, type=socket.SOCK_DGRAM)[0][0]
            self._socket = socket.socket(family, socket.SOCK_DGRAM)
            self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, KERNEL_BUFFER_BYTES)
        except OSError as error:
            raise SourceUnavailableError(f"cannot listen on {self.name}: {error.strerror or error}") from error
        try:
            self._socket.bind(address.place)
        except OSError as error:
            self._socket.close()
            raise SourceUnavailableError(f"cannot listen on {self.name}: {error.strerror or error}") from error

    @property
    def port(self) -> int:
        """Where it listens."""
        return int(self._socket.getsockname()[1])

    def read(self, timeout_seconds: float) -> Block | None:
        if self._socket.fileno() < 0:
            return None
        got = b""
        if select.select([self._socket], [], [], timeout_seconds)[0]:
            with suppress(OSError):  # Windows reports a reply that nobody wanted
                got, sender = self._socket.recvfrom(READ_BYTES)
                now = time.monotonic()
                if sender == self._sender[0] or now - self._sender[1] > SILENT_SECONDS:
                    self._sender = (sender, now)
                else:
                    got = b""
        return _Samples(self._n_channels).take(got)

    def close(self) -> None:
        self._socket.close()
