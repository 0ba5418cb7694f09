"""Satellites over UDP."""

import socket

import numpy as np
import pytest

from kws_live.errors import AudioGapError
from kws_live.sources.network import UdpStream
from kws_live.sources.satellite import YIELD_SECONDS
from tests.sources.satellites import Clock, datagrams, pcm, take, take_gap


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
