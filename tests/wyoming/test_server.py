import asyncio
import json
from contextlib import suppress
from typing import Any

import pytest
from wyoming.audio import AudioStart, AudioStop
from wyoming.client import AsyncClient
from wyoming.info import Describe, Info
from wyoming.wake import Detection

from kws_live.audio import SAMPLE_RATE_HZ
from kws_live.errors import ConfigError
from kws_live.testing import tone_model
from kws_live.wyoming.client import LARGEST_PART_BYTES
from kws_live.wyoming.server import MOST_CLIENTS, serve
from tests.wyoming_service import WORDS, detections, run, said, send

pytestmark = pytest.mark.slow


def test_a_client_is_told_the_words_and_that_they_are_wake_words() -> None:
    async def test(port: int) -> None:
        async with AsyncClient.from_uri(f"tcp://127.0.0.1:{port}") as client:
            await client.write_event(Describe().event())
            event = await client.read_event()
        assert event is not None
        (program,) = Info.from_event(event).wake
        assert [(model.name, model.phrase, model.installed) for model in program.models] == [
            (word, word, True) for word in WORDS
        ]

    run(test)


@pytest.mark.parametrize("chunk_samples", [160, 1024, 50_000])
def test_words_are_detected_however_the_audio_is_cut(chunk_samples: int) -> None:
    async def test(port: int) -> None:
        audio = said("yes", "stop", "no")
        assert [name async for name in detections(port, audio, chunk_samples=chunk_samples)] == ["yes", "stop", "no"]

    run(test)


def test_a_detection_carries_the_timestamp_of_the_clients_chunk() -> None:
    async def test(port: int) -> None:
        async with AsyncClient.from_uri(f"tcp://127.0.0.1:{port}") as client:
            await send(client, said("yes"), timestamp=123_456)
            event = await client.read_event()
        assert event is not None
        assert Detection.from_event(event).timestamp == 123_456

    run(test)


def test_a_client_that_asked_for_some_words_is_told_of_these_alone() -> None:
    async def test(port: int) -> None:
        assert [name async for name in detections(port, said("yes", "stop"), names=["stop"])] == ["stop"]
        assert [name async for name in detections(port, said("yes"), names=["stop"])] == [None]

    run(test)


def test_a_second_stream_on_one_connection_begins_anew() -> None:
    async def test(port: int) -> None:
        async with AsyncClient.from_uri(f"tcp://127.0.0.1:{port}") as client:
            for word in ("yes", "no"):
                await client.write_event(AudioStart(SAMPLE_RATE_HZ, 2, 1).event())
                await send(client, said(word))
                await client.write_event(AudioStop().event())
                event = await client.read_event()
                assert event is not None
                assert Detection.from_event(event).name == word

    run(test)


def test_several_clients_at_once_are_told_of_their_own_words() -> None:
    async def test(port: int) -> None:
        async def client(words: tuple[str, ...]) -> list[str | None]:
            return [name async for name in detections(port, said(*words))]

        spoken = [("yes",), ("no", "stop"), ("stop",), ("yes", "yes", "no")] * 2
        assert await asyncio.gather(*map(client, spoken)) == [list(words) for words in spoken]

    run(test)


def chunk(length: int, payload: bytes, **data: Any) -> bytes:
    """A raw audio-chunk message with a length of one's choice."""
    values = {"rate": 16_000, "width": 2, "channels": 1, **data}
    return json.dumps({"type": "audio-chunk", "data": values, "payload_length": length}).encode() + b"\n" + payload


@pytest.mark.parametrize(
    "message",
    [
        b"GET / HTTP/1.1\r\n\r\n",
        b"\x00\xff" * 500 + b"\n",
        b"x" * 200_000,
        b"[]\n",
        b"{}\n",
        b'{"type": "audio-chunk"}\n',
        b'{"type": 7}\n',
        b'{"type": "detect", "data": {"names": 7}}\n',
        b"[" * 60_000 + b"\n",
        b'{"type": "describe", "data_length": 3}\nxyz',
        b'{"type": "describe", "data_length": "many"}\n',
        b'{"type": "describe", "payload_length": -5}\n',
        chunk(10**12, b""),
        chunk(LARGEST_PART_BYTES + 1, b""),
        chunk(4, b"\1\2\3\4", rate=0),
        chunk(4, b"\1\2\3\4", rate="fast"),
        chunk(4, b"\1\2\3\4", rate=10**9),
        chunk(4, b"\1\2\3\4", width=3),
        chunk(4, b"\1\2\3\4", channels=0),
        chunk(4, b"\1\2\3\4", channels=10**6),
        chunk(5, b"\1\2\3\4\5"),
        chunk(100, b"half of it"),
    ],
)
def test_broken_and_hostile_clients_harm_nobody_else(message: bytes) -> None:
    async def test(port: int) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(message)
        with suppress(ConnectionError):
            await writer.drain()
            writer.write_eof()
            await reader.read()  # until the server has hung up
        writer.close()

    run(test)


@pytest.mark.parametrize("n_bytes", [LARGEST_PART_BYTES + 1, 10**12])
def test_a_message_that_would_fill_the_memory_is_refused_before_it_is_read(n_bytes: int) -> None:
    async def test(port: int) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(chunk(n_bytes, b""))
        said = await reader.read()  # although this client goes on sending
        assert b"the limit is 1048576" in said
        writer.close()

    run(test)


def test_more_clients_than_the_most_are_turned_away_with_a_reason() -> None:
    async def test(port: int) -> None:
        connected = [await asyncio.open_connection("127.0.0.1", port) for _ in range(MOST_CLIENTS + 1)]
        last = await connected[-1][0].read()
        assert b"more than 64 clients" in last
        for _, writer in connected:
            writer.close()

    run(test)


def test_an_address_in_use_or_none_at_all_is_told_in_one_line() -> None:
    async def test(port: int) -> None:
        with pytest.raises(ConfigError, match="cannot listen on"):
            await serve(f"tcp://127.0.0.1:{port}", tone_model(*WORDS))
        with pytest.raises(ConfigError, match="cannot listen on 'lamp'"):
            await serve("lamp", tone_model(*WORDS))

    run(test)
