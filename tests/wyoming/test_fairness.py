"""What one client does costs the others nothing."""

import asyncio
import json
import logging
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from wyoming.audio import AudioChunk, AudioStart, AudioStop
from wyoming.client import AsyncClient
from wyoming.ping import Ping
from wyoming.wake import Detect

from kws_live.model.scorer import StreamScorer
from kws_live.system.outside_log import Sparing
from kws_live.testing import ToneModel, tone_model
from kws_live.wyoming.client import Patience
from kws_live.wyoming.server import MOST_CLIENTS
from tests.spoken import free_port
from tests.wyoming_service import WORDS, answers, detections, run, said

pytestmark = pytest.mark.slow

CEILING_SECONDS = 10.0
"""For what takes milliseconds when nothing delays it."""


class CountingModel(ToneModel):
    """Counts the networks that are built."""

    def __init__(self) -> None:
        known = tone_model(*WORDS)
        super().__init__(known.folder, known.card)
        self.n_built = 0

    def stream_scorer(self, step_seconds: float) -> StreamScorer:
        self.n_built += 1
        return super().stream_scorer(step_seconds)


@pytest.fixture
def log(caplog: pytest.LogCaptureFixture) -> Iterator[pytest.LogCaptureFixture]:
    """The client's log, from which nothing has been left out yet."""
    logger = logging.getLogger("kws_live.wyoming.client")
    before, logger.filters = logger.filters, [Sparing()]
    yield caplog
    logger.filters = before


def raw(kind: str, payload: bytes = b"", **data: Any) -> bytes:
    """A message in the fewest bytes."""
    return json.dumps({"type": kind, "data": data, "payload_length": len(payload)}).encode() + b"\n" + payload


async def ping(port: int) -> None:
    async with AsyncClient.from_uri(f"tcp://127.0.0.1:{port}") as client, asyncio.timeout(CEILING_SECONDS):
        await client.write_event(Ping(text="x").event())
        assert await client.read_event() is not None


START = raw("audio-start", rate=16_000, width=2, channels=1)
OTHER_RATES = raw("audio-chunk", bytes(640), rate=16_000, width=2, channels=1) + raw(
    "audio-chunk", bytes(640), rate=16_001, width=2, channels=1
)


@pytest.mark.parametrize(("flood", "n_built"), [(START * 47_500, 0), (OTHER_RATES * 2_000, 1)], ids=["starts", "rates"])
def test_a_flood_delays_nobody_and_builds_one_network_at_most(flood: bytes, n_built: int) -> None:
    model = CountingModel()

    async def test(port: int) -> None:
        _, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(flood)
        await ping(port)
        writer.transport.abort()
        await ping(port)
        assert model.n_built <= n_built

    run(test, model)


def test_one_client_keeps_one_network_through_all_its_streams() -> None:
    model = CountingModel()

    async def test(port: int) -> None:
        async with AsyncClient.from_uri(f"tcp://127.0.0.1:{port}") as client:
            for rate in (16_000, 48_000, 16_000):
                await client.write_event(AudioStart(rate, 2, 1).event())
                await client.write_event(AudioChunk(rate, 2, 1, bytes(3200)).event())
                await client.write_event(AudioStop().event())
                assert await client.read_event() is not None
        assert model.n_built == 1

    run(test, model)


async def _idle(port: int) -> list[asyncio.StreamWriter]:
    """As many silent clients as there may be."""
    connected = [await asyncio.open_connection("127.0.0.1", port) for _ in range(MOST_CLIENTS)]
    return [writer for _, writer in connected]


def test_a_new_client_takes_the_place_of_the_one_silent_for_longest() -> None:
    async def test(port: int) -> None:
        writers = await _idle(port)
        assert [name async for name in detections(port, said("no"))] == ["no"]
        for writer in writers:
            writer.close()

    run(test, patience=Patience(displaced_seconds=0.0))


def test_clients_that_spoke_lately_do_not_give_way() -> None:
    async def test(port: int) -> None:
        writers = await _idle(port)
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        assert b"more than 64 clients" in await reader.read()
        for one in (*writers, writer):
            one.close()

    run(test, patience=Patience(displaced_seconds=600.0))


@pytest.mark.parametrize(
    ("sent", "patience"),
    [
        (b"", Patience(idle_seconds=0.2)),
        (b'{"type": "pi', Patience(idle_seconds=0.2)),
        (b'{"type": "describe", "data_length": 9}\n{', Patience(message_seconds=0.2)),
        (raw("audio-chunk", rate=1, width=2, channels=1).replace(b": 0}", b": 9}"), Patience(message_seconds=0.2)),
    ],
    ids=["silent", "half a line", "half its data", "half its payload"],
)
def test_who_says_nothing_or_half_of_it_is_left(sent: bytes, patience: Patience) -> None:
    async def test(port: int) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(sent)
        async with asyncio.timeout(CEILING_SECONDS):
            assert b" for 0.2 s" in await reader.read()
        writer.close()

    run(test, patience=patience)


def test_who_does_not_read_its_answers_is_left() -> None:
    async def test(port: int) -> None:
        _, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.transport.pause_reading()  # type: ignore[attr-defined]
        async with asyncio.timeout(CEILING_SECONDS):
            with suppress(ConnectionError):
                while True:
                    writer.write(raw("describe") * 1000)
                    await writer.drain()
        writer.close()

    run(test, patience=Patience(write_seconds=0.2))


def test_names_need_not_have_the_models_case(log: pytest.LogCaptureFixture) -> None:
    async def test(port: int) -> None:
        assert [name async for name in detections(port, said("yes", "no"), names=["YES"])] == ["yes"]

    run(test)
    assert log.messages == []


def test_unknown_names_are_told_once_with_the_words_known(log: pytest.LogCaptureFixture) -> None:
    async def test(port: int) -> None:
        for name in ("ok_nabu", "\x1b[31m\nFAKE LINE", "x" * 10_000):
            assert [one async for one in detections(port, said("yes"), names=[name])] == [None]

    run(test)
    (line,) = log.messages
    assert line.endswith("asked for 'ok_nabu'; available words: yes, no, stop")


HOSTILE = "\x1b[31m\nclient ('10.0.0.1', 5) FAKE LINE\x1b]0;owned\x07"


@pytest.mark.parametrize(
    "message",
    [
        raw("audio-chunk", b"1234", rate=16_000, width=HOSTILE, channels=1),
        raw("audio-chunk", b"1234", rate=16_000, width=2, channels=HOSTILE),
        raw("audio-chunk", b"1234", rate=HOSTILE, width=2, channels=1),
        raw("detect", names=HOSTILE * 1000),
        raw("detect", names=[HOSTILE * 100] * 9),
        json.dumps({"type": "ping", "data_length": HOSTILE}).encode() + b"\n",
        json.dumps({"type": "ping", "data": HOSTILE}).encode() + b"\n",
    ],
)
def test_what_a_client_says_is_one_bounded_line_of_the_log(message: bytes, log: pytest.LogCaptureFixture) -> None:
    async def test(port: int) -> None:
        for _ in range(20):
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(message)
            writer.write_eof()
            await reader.read()
            writer.close()

    run(test)
    (line,) = log.messages
    assert line.isprintable()
    assert len(line) <= 300


@pytest.mark.skipif(sys.platform == "win32", reason="Windows knows no SIGTERM between processes")
def test_sigterm_ends_it_under_a_flood(tmp_path: Path) -> None:
    port = free_port()
    with subprocess.Popen(
        [sys.executable, "-m", "kws_live", "wyoming", "--uri", f"tcp://127.0.0.1:{port}"],
        stderr=subprocess.PIPE,
        text=True,
        cwd=tmp_path,
    ) as server:
        assert server.stderr is not None
        assert "serving" in server.stderr.readline()
        flooding = []
        for flood in (
            START * 5000,
            OTHER_RATES * 500,
            raw("audio-chunk", bytes(2**20), rate=8000, width=2, channels=1),
        ):
            one = socket.create_connection(("127.0.0.1", port))
            one.setblocking(False)
            with suppress(BlockingIOError):
                one.send(flood)
            flooding.append(one)
        begin = time.monotonic()
        server.send_signal(signal.SIGTERM)
        server.wait(CEILING_SECONDS)
        assert time.monotonic() - begin < CEILING_SECONDS
        for one in flooding:
            one.close()


def test_a_hog_does_not_keep_others_from_being_heard() -> None:
    async def test(port: int) -> None:
        hour = raw("audio-chunk", bytes(2**20), rate=8_000, width=2, channels=1) * 55
        _, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(hour)
        assert [name async for name in detections(port, said("yes", "stop"))] == ["yes", "stop"]
        writer.transport.abort()

    run(test)


def test_every_client_of_a_whole_house_is_answered() -> None:
    async def test(port: int) -> None:
        async def one(number: int) -> None:
            async with AsyncClient.from_uri(f"tcp://127.0.0.1:{port}") as client:
                await client.write_event(Detect(names=["yes"]).event())
                await client.write_event(Ping(text=str(number)).event())
                async for event in answers(client):
                    assert event.data == {"text": str(number)}
                    return

        await asyncio.gather(*map(one, range(MOST_CLIENTS)))

    run(test)
