"""Satellites that send samples over the network, and a clock that goes on as the test says."""

import socket
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress

import numpy as np

from kws_live.audio import Samples, pcm16_to_float
from kws_live.errors import AudioGapError
from kws_live.sources.network import TcpStream, UdpStream
from tests.spoken import wait_until


def pcm(n_samples: int, seed: int = 0) -> tuple[Samples, bytes]:
    """Noise, as floats and as what is sent of it."""
    samples = np.random.default_rng(seed).integers(-3000, 3000, n_samples).astype(np.int16)
    return pcm16_to_float(samples), samples.tobytes()


def take(source: TcpStream | UdpStream, n_samples: int) -> Samples:
    """The next samples, of one channel; the gaps between them are left out."""
    blocks: list[Samples] = []

    def enough() -> bool:
        with suppress(AudioGapError):
            block = source.read(0.1)
            assert block is not None
            blocks.append(block[:, 0])
        return sum(part.size for part in blocks) >= n_samples

    wait_until(enough)
    return np.concatenate(blocks)


class Clock:
    """It goes on as the test says."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def datagrams() -> socket.socket:
    return socket.socket(socket.AF_INET, socket.SOCK_DGRAM)


def take_gap(source: TcpStream | UdpStream) -> None:
    """Read until a gap is raised; no sample may come before it."""

    def read() -> bool:
        block = source.read(0.1)
        assert block is not None
        assert not block.size
        return False

    wait_until(read)


@contextmanager
def connected(clock: Clock, listen: bool, options: str = "") -> Iterator[tuple[TcpStream, socket.socket]]:
    """A source and its satellite, whichever of the two began."""
    with ExitStack() as cleanup:
        if listen:
            source = TcpStream(f"tcp://127.0.0.1:0?listen{options}", clock)
            satellite = socket.create_connection(("127.0.0.1", source.port))
        else:
            server = cleanup.enter_context(socket.create_server(("127.0.0.1", 0)))
            source = TcpStream(f"tcp://127.0.0.1:{server.getsockname()[1]}?rate=16000{options}", clock)
            satellite, _ = server.accept()
        cleanup.enter_context(satellite)
        cleanup.callback(source.close)
        yield source, satellite
