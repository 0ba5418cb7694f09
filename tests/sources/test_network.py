import socket

import numpy as np
import pytest
from spoken import free_port, wait_until

from kws_live import listen
from kws_live.audio import Samples, float_to_pcm16, pcm16_to_float
from kws_live.errors import SourceLostError, SourceUnavailableError
from kws_live.events import Event, SourceLost, SourceReopened
from kws_live.sources import open_source
from kws_live.sources.network import TcpStream, UdpStream
from kws_live.testing import silence, tone, tone_model


def pcm(n_samples: int, seed: int = 0) -> tuple[Samples, bytes]:
    """Noise, as floats and as what is sent of it."""
    samples = np.random.default_rng(seed).integers(-3000, 3000, n_samples).astype(np.int16)
    return pcm16_to_float(samples), samples.tobytes()


def take(source: TcpStream | UdpStream, n_samples: int) -> Samples:
    """The next samples, of one channel."""
    blocks: list[Samples] = []

    def enough() -> bool:
        block = source.read(0.1)
        assert block is not None
        blocks.append(block[:, 0])
        return sum(part.size for part in blocks) >= n_samples

    wait_until(enough)
    return np.concatenate(blocks)


def test_it_connects_to_a_satellite_and_joins_samples_that_were_cut_in_half() -> None:
    samples, sent = pcm(1000)
    with socket.create_server(("127.0.0.1", 0)) as server:
        source = TcpStream(f"tcp://127.0.0.1:{server.getsockname()[1]}?rate=8000")
        satellite, _ = server.accept()
        satellite.sendall(sent[:777])
        first = take(source, 388)
        satellite.sendall(sent[777:])
        np.testing.assert_array_equal(np.concatenate((first, take(source, 1000 - 388))), samples)
        assert source.rate_hz == 8000
        satellite.close()
        with pytest.raises(SourceLostError, match="hung up"):
            take(source, 1)
        source.close()
        assert source.read(0.0) is None


def test_two_channels_are_two_columns() -> None:
    _, sent = pcm(1000)
    with socket.create_server(("127.0.0.1", 0)) as server:
        source = TcpStream(f"tcp://127.0.0.1:{server.getsockname()[1]}?rate=48000&channels=2")
        satellite, _ = server.accept()
        satellite.sendall(sent)
        block = source.read(10.0)
        assert block is not None
        assert block.shape[1] == 2
        satellite.close()
        source.close()


def test_satellites_connect_to_a_listener_and_the_newest_is_heard() -> None:
    source = TcpStream("tcp://127.0.0.1:0?listen")
    empty = source.read(0.0)
    assert empty is not None
    assert empty.shape == (0, 1)
    satellites = []
    for seed in range(3):
        samples, sent = pcm(100, seed)
        satellite = socket.create_connection(("127.0.0.1", source.port))
        satellite.sendall(sent)
        np.testing.assert_array_equal(take(source, 100), samples)
        satellites.append(satellite)
        if seed == 0:  # the second one stays connected, silent, when the third comes
            satellite.close()
    for satellite in satellites:
        satellite.close()
    source.close()
    source.close()
    assert source.read(0.0) is None


def test_datagrams_of_one_sender_are_heard_and_not_mixed_with_anothers() -> None:
    source = UdpStream("udp://127.0.0.1:0")
    samples, sent = pcm(300)
    with (
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as satellite,
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as other,
    ):
        for part in range(3):
            satellite.sendto(sent[200 * part : 200 * part + 200], ("127.0.0.1", source.port))
            other.sendto(b"\x7f" * 51, ("127.0.0.1", source.port))
        np.testing.assert_array_equal(take(source, 300), samples)
    source.close()
    source.close()
    assert source.read(0.0) is None


@pytest.mark.parametrize(
    "url",
    [
        "tcp:", "tcp://", "tcp://host", "tcp://:5000", "tcp://127.0.0.1:99999", "udp://127.0.0.1:5000/path",
        "udp://127.0.0.1:5000?rate=fast", "udp://127.0.0.1:5000?rate=1", "udp://127.0.0.1:5000?channels=0",
        "tcp://127.0.0.1:5000?colour=red",
    ],
)  # fmt: skip
def test_what_is_no_address_of_audio_is_refused(url: str) -> None:
    with pytest.raises(SourceUnavailableError, match=r"is no address of audio|samples a second"):
        open_source(url)


def test_nobody_there_and_a_port_in_use_are_told() -> None:
    with pytest.raises(SourceUnavailableError, match="cannot connect to tcp://"):
        open_source("tcp://127.0.0.1:1")
    source = UdpStream("udp://127.0.0.1:0")
    with pytest.raises(SourceUnavailableError, match=f"cannot listen on udp://127.0.0.1:{source.port}"):
        open_source(f"udp://127.0.0.1:{source.port}")
    source.close()


def test_a_satellite_that_goes_and_comes_back_is_heard_again() -> None:
    port = free_port()
    words = [np.concatenate((silence(0.5), tone(word), silence(0.6))) for word in ("yes", "no")]
    server = socket.create_server(("127.0.0.1", port))
    url = f"tcp://127.0.0.1:{port}?rate=22050"
    with listen(url, model=tone_model("yes", "no")) as spotter:
        events = spotter.events()
        for number, word in enumerate(("yes", "no")):
            satellite, _ = server.accept()
            satellite.sendall(float_to_pcm16(words[number]).tobytes())
            seen: list[Event] = []
            while not seen or getattr(seen[-1], "keyword", None) != word:
                event = events.get(20.0)
                assert event is not None
                seen.append(event)
            satellite.close()
        kinds = [type(event) for event in seen]
        assert kinds.index(SourceLost) < kinds.index(SourceReopened)
    server.close()
