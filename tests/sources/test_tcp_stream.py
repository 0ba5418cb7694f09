"""Satellites over TCP: connected to, or connecting to a listener."""

import socket
from contextlib import suppress

import numpy as np
import pytest

from kws_live.audio import Samples
from kws_live.errors import AudioError, AudioGapError, SourceLostError
from kws_live.sources.network import MOST_CONNECTIONS, TcpStream
from kws_live.sources.satellite import YIELD_SECONDS
from tests.sources.satellites import Clock, connected, pcm, take, take_gap
from tests.spoken import wait_until


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
        with pytest.raises(SourceLostError, match="disconnected"):
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
            with pytest.raises(SourceLostError, match="the satellite disconnected"):
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
        with pytest.raises(SourceLostError, match="disconnected"):
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
