"""Addresses of audio, and what is the same for TCP and UDP."""

import os
import socket
import sys

import numpy as np
import pytest

from kws_live import listen
from kws_live.audio import float_to_pcm16
from kws_live.errors import SourceUnavailableError
from kws_live.events import Event, SourceLost, SourceReopened
from kws_live.sources import open_source
from kws_live.sources.network import UdpStream
from kws_live.sources.pcm_stream import PcmStream
from kws_live.testing import silence, tone, tone_model
from tests.sources.satellites import Clock, connected, datagrams, pcm, take
from tests.spoken import free_port


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


@pytest.mark.parametrize(
    "url",
    [
        "tcp:", "tcp://", "tcp://host", "tcp://:5000", "tcp://127.0.0.1:99999", "udp://127.0.0.1:5000/path",
        "udp://127.0.0.1:5000?rate=fast", "udp://127.0.0.1:5000?rate=1", "udp://127.0.0.1:5000?channels=0",
        "tcp://127.0.0.1:5000?colour=red", "tcp://127.0.0.1:5000?format=mp3",
    ],
)  # fmt: skip
def test_what_is_no_address_of_audio_is_refused(url: str) -> None:
    with pytest.raises(
        SourceUnavailableError, match=r"is not an audio address|a sample rate of|is not a sample format"
    ):
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
