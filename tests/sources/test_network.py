import os
import socket
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress

import numpy as np
import pytest

from kws_live import listen
from kws_live.audio import Samples, float_to_pcm16, pcm16_to_float
from kws_live.errors import AudioError, AudioGapError, SourceLostError, SourceUnavailableError
from kws_live.events import Event, SourceLost, SourceReopened
from kws_live.sources import open_source
from kws_live.sources.network import MOST_CONNECTIONS, TcpStream, UdpStream
from kws_live.sources.pcm_stream import PcmStream
from kws_live.sources.satellite import YIELD_SECONDS
from kws_live.testing import silence, tone, tone_model
from tests.spoken import free_port, wait_until


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


def test_satellites_connect_to_a_listener_one_after_the_other_with_a_gap_between_them() -> None:
    clock = Clock()
    source = TcpStream("tcp://127.0.0.1:0?listen", clock)
    empty = source.read(0.0)
    assert empty is not None
    assert empty.shape == (0, 1)
    for seed in range(3):
        samples, sent = pcm(100, seed)
        clock.now += 1.0
        with socket.create_connection(("127.0.0.1", source.port)) as satellite:
            satellite.sendall(sent)
            if seed:
                with pytest.raises(AudioGapError):
                    take_gap(source)
            np.testing.assert_array_equal(take(source, 100), samples)
    source.close()
    source.close()
    assert source.read(0.0) is None


def take_gap(source: TcpStream | UdpStream) -> None:
    """Read until a gap is raised; no sample may come before it."""

    def read() -> bool:
        block = source.read(0.1)
        assert block is not None
        assert not block.size
        return False

    wait_until(read)


def test_a_satellite_that_sends_keeps_its_place_and_one_that_falls_silent_loses_it() -> None:
    clock = Clock()
    source = TcpStream("tcp://127.0.0.1:0?listen", clock)
    first, sent_first = pcm(1000, 1)
    second, sent_second = pcm(1000, 2)
    idle = socket.create_connection(("127.0.0.1", source.port))
    owner = socket.create_connection(("127.0.0.1", source.port))
    owner.sendall(sent_first)  # who says nothing is in nothing's way
    np.testing.assert_array_equal(take(source, 1000), first)
    stranger = socket.create_connection(("127.0.0.1", source.port))
    stranger.sendall(sent_second)
    for _ in range(20):
        clock.now += 1000 / 16_000
        owner.sendall(sent_first)
        np.testing.assert_array_equal(take(source, 1000), first)
    clock.now += YIELD_SECONDS + 0.1
    with pytest.raises(AudioGapError):
        take_gap(source)
    np.testing.assert_array_equal(take(source, 1000), second)  # what it had sent meanwhile is all there
    assert owner.recv(1) == b""
    for one in (idle, owner, stranger):
        one.close()
    source.close()


def test_a_satellite_that_sends_next_to_nothing_loses_its_place_too() -> None:
    clock = Clock()
    source = TcpStream("tcp://127.0.0.1:0?listen", clock)
    samples, sent = pcm(1000)
    dripping = socket.create_connection(("127.0.0.1", source.port))
    dripping.sendall(sent[:8])
    take(source, 4)
    owner = socket.create_connection(("127.0.0.1", source.port))
    owner.sendall(sent)
    for _ in range(3):
        clock.now += 1.0
        dripping.sendall(sent[:2])
        with suppress(AudioGapError):
            source.read(0.0)
    wait_until(lambda: dripping_is_over(source, samples))
    dripping.close()
    owner.close()
    source.close()


def dripping_is_over(source: TcpStream, samples: Samples) -> bool:
    with suppress(AudioGapError):
        block = source.read(0.1)
        return block is not None and block.shape[0] > 100 and bool((block[:100, 0] == samples[:100]).all())
    return False


def test_a_flood_of_empty_connections_leaves_room_for_one_that_sends() -> None:
    source = TcpStream("tcp://127.0.0.1:0?listen", Clock())
    samples, sent = pcm(1000)
    strangers = []
    for _ in range(3 * MOST_CONNECTIONS):
        strangers.append(socket.create_connection(("127.0.0.1", source.port)))
        source.read(0.0)
    with socket.create_connection(("127.0.0.1", source.port)) as owner:
        owner.sendall(sent)
        np.testing.assert_array_equal(take(source, 1000), samples)
        assert len(source._connected) <= MOST_CONNECTIONS
    for stranger in strangers:
        stranger.close()
    source.close()


@pytest.mark.parametrize("listen", [False, True])
def test_a_satellite_that_pauses_is_not_lost(listen: bool) -> None:
    clock = Clock()
    samples, sent = pcm(1000)
    with connected(clock, listen, "&pauses") as (source, satellite):
        satellite.sendall(sent)
        take(source, 1000)
        assert source.pauses
        for now, n_silent in ((0.4, 0), (0.2, 9600), (0.9, 14_400), (1.0, 0), (3600.0, 0)):
            clock.now += now
            block = source.read(0.0)
            assert block is not None
            assert block.shape == (n_silent, 1)  # silence for as long as it lasts, until the word has had its end
        satellite.sendall(sent)
        np.testing.assert_array_equal(take(source, 1000), samples)


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


def test_silence_is_no_loss_while_a_sender_is_waited_for() -> None:
    _, sent = pcm(1000)
    for listens, waits in ((True, True), (False, False)):
        with connected(Clock(), listens) as (source, satellite):
            assert source.pauses is waits
            satellite.sendall(sent)
            take(source, 1000)
            assert source.pauses is False


@pytest.mark.parametrize("options", ["", "&pauses"])
def test_a_satellite_that_hangs_up_on_a_listener_and_stays_away_is_lost_unless_it_pauses(options: str) -> None:
    clock = Clock()
    _, sent = pcm(1000)
    with connected(clock, True, options) as (source, satellite):
        satellite.sendall(sent)
        take(source, 1000)
        satellite.close()
        wait_until(lambda: source.read(0.05) is not None and source._heard is None)
        clock.now += YIELD_SECONDS + 0.1
        if options:
            assert source.read(0.0) is not None
        else:
            with pytest.raises(SourceLostError, match="the satellite hung up"):
                source.read(0.0)


def test_a_lost_listeners_port_can_be_listened_on_again_at_once() -> None:
    clock = Clock()
    _, sent = pcm(1000)
    with connected(clock, listen=True) as (source, satellite):
        satellite.sendall(sent)
        take(source, 1000)
        port = source.port
        source.close()
        again = TcpStream(f"tcp://127.0.0.1:{port}?listen", clock)
        assert again.port == port
        again.close()


def test_what_came_before_the_end_is_heard_before_the_loss() -> None:
    clock = Clock()
    samples, sent = pcm(16_000)
    with connected(clock, listen=False) as (source, satellite):
        satellite.sendall(sent)
        satellite.close()
        np.testing.assert_array_equal(take(source, 16_000), samples)
        with pytest.raises(SourceLostError, match="hung up"):
            take(source, 1)


def test_who_sends_a_file_to_a_listener_is_hung_up_on_and_the_next_is_heard(caplog: pytest.LogCaptureFixture) -> None:
    source = TcpStream("tcp://127.0.0.1:0?listen", Clock())
    samples, sent = pcm(1000)
    with socket.create_connection(("127.0.0.1", source.port)) as stranger:
        stranger.sendall(b"fLaC" + bytes(1000))
        wait_until(lambda: source.read(0.05) is not None and "a FLAC file" in caplog.text)
    with socket.create_connection(("127.0.0.1", source.port)) as satellite:
        satellite.sendall(sent)
        np.testing.assert_array_equal(take(source, 1000), samples)
    source.close()


def test_a_satellite_that_is_connected_to_and_sends_a_file_is_an_error() -> None:
    with connected(Clock(), listen=False) as (source, satellite):
        satellite.sendall(b"OggS" + bytes(1000))
        with pytest.raises(AudioError, match="an Ogg file, not raw samples"):
            take(source, 1)


def test_another_format_of_samples_is_an_option() -> None:
    source = UdpStream("udp://127.0.0.1:0?format=f32&channels=2", Clock())
    sent = np.random.default_rng(0).uniform(-1, 1, (100, 2)).astype("<f4")
    with datagrams() as satellite:
        satellite.sendto(sent.tobytes(), ("127.0.0.1", source.port))
        np.testing.assert_array_equal(take(source, 100), sent[:, 0])
    source.close()


def test_datagrams_without_a_sample_are_in_nobodys_way() -> None:
    source = UdpStream("udp://127.0.0.1:0", Clock())
    samples, sent = pcm(100)
    with datagrams() as stranger, datagrams() as owner:
        for empty in (b"", b"x"):
            stranger.sendto(empty, ("127.0.0.1", source.port))
            assert source.read(1.0) is not None
        owner.sendto(sent, ("127.0.0.1", source.port))
        np.testing.assert_array_equal(take(source, 100), samples)
    source.close()


def test_a_sender_of_datagrams_that_falls_silent_is_replaced() -> None:
    clock = Clock()
    source = UdpStream("udp://127.0.0.1:0", clock)
    samples, sent = pcm(1000)
    with datagrams() as first, datagrams() as second:
        first.sendto(sent, ("127.0.0.1", source.port))
        take(source, 1000)
        clock.now += YIELD_SECONDS + 0.1
        second.sendto(sent, ("127.0.0.1", source.port))
        with pytest.raises(AudioGapError):
            take_gap(source)
        np.testing.assert_array_equal(take(source, 1000), samples)
    source.close()


@pytest.mark.skipif(sys.platform == "win32", reason="descriptors have other numbers there")
def test_descriptors_above_1023_can_be_waited_for() -> None:
    import resource

    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard != resource.RLIM_INFINITY and hard < 1200:
        pytest.skip("fewer files than that may be open here")
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, 1200), hard))
    samples, sent = pcm(1000)
    taken = [os.open(os.devnull, os.O_RDONLY) for _ in range(1050)]
    try:
        with connected(Clock(), listen=True) as (source, satellite):
            satellite.sendall(sent)
            np.testing.assert_array_equal(take(source, 1000), samples)
        udp = UdpStream("udp://127.0.0.1:0", Clock())
        with datagrams() as sender:
            sender.sendto(sent, ("127.0.0.1", udp.port))
            np.testing.assert_array_equal(take(udp, 1000), samples)
        udp.close()
        reader, writer = os.pipe()
        os.write(writer, sent)
        assert reader > 1023
        block = PcmStream(reader, 16_000).read(1.0)
        assert block is not None
        np.testing.assert_array_equal(block[:, 0], samples)
        taken += [reader, writer]
    finally:
        for one in taken:
            os.close(one)
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


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
        "tcp://127.0.0.1:5000?colour=red", "tcp://127.0.0.1:5000?format=mp3",
    ],
)  # fmt: skip
def test_what_is_no_address_of_audio_is_refused(url: str) -> None:
    with pytest.raises(SourceUnavailableError, match=r"is no address of audio|samples a second|is no format"):
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
