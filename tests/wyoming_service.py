"""A Wyoming server for tests, and clients of it."""

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager, suppress
from typing import Any

import numpy as np
from wyoming.audio import AudioChunk, AudioStart, AudioStop
from wyoming.client import AsyncClient
from wyoming.event import Event
from wyoming.ping import Ping
from wyoming.wake import Detect, Detection, NotDetected

from kws_live.audio import SAMPLE_RATE_HZ, Samples, float_to_pcm16
from kws_live.model import Model
from kws_live.testing import silence, tone, tone_model
from kws_live.wyoming.server import serve
from tests.spoken import free_port

PATIENCE_SECONDS = 20.0
WORDS = ("yes", "no", "stop")


def said(*words: str) -> Samples:
    """The words at 22,050 Hz, a second of silence around each."""
    return np.concatenate([silence(1.0), *(part for word in words for part in (tone(word), silence(1.0)))])


@asynccontextmanager
async def server(model: Model | None = None, **options: Any) -> AsyncIterator[int]:
    """A server on a free port, which must still serve when the test is over."""
    port = free_port()
    ready = asyncio.Event()
    task = asyncio.create_task(
        serve(f"tcp://127.0.0.1:{port}", model or tone_model(*WORDS), on_ready=ready.set, **options)
    )
    waiting = asyncio.create_task(ready.wait())
    await asyncio.wait({task, waiting}, return_when=asyncio.FIRST_COMPLETED)
    if task.done():
        waiting.cancel()
        await task
    yield port
    assert [name async for name in detections(port, said("yes"))] == ["yes"]
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task


def run(test: Callable[[int], Coroutine[Any, Any, None]], model: Model | None = None, **options: Any) -> None:
    """Run a test beside a server."""

    async def both() -> None:
        async with asyncio.timeout(PATIENCE_SECONDS), server(model, **options) as port:
            await test(port)

    asyncio.run(both())


async def send(client: AsyncClient, audio: Samples, chunk_samples: int = 1024, **data: Any) -> None:
    """Send audio as 16-bit mono at 22,050 Hz, in chunks, without an end."""
    pcm = float_to_pcm16(audio)
    for start in range(0, pcm.size, chunk_samples):
        chunk = AudioChunk(SAMPLE_RATE_HZ, 2, 1, pcm[start : start + chunk_samples].tobytes(), **data)
        await client.write_event(chunk.event())


async def answers(client: AsyncClient) -> AsyncIterator[Event]:
    while (event := await client.read_event()) is not None:
        yield event


async def detections(port: int, audio: Samples, **how: Any) -> AsyncIterator[str | None]:
    """Names of what is detected in a client's audio; None: it was told that nothing is in it."""
    async with AsyncClient.from_uri(f"tcp://127.0.0.1:{port}") as client:
        if names := how.pop("names", None):
            await client.write_event(Detect(names=names).event())
        await client.write_event(AudioStart(SAMPLE_RATE_HZ, 2, 1).event())
        sending = asyncio.create_task(send(client, audio, **how))
        await sending
        await client.write_event(AudioStop().event())
        await client.write_event(Ping(text="all said").event())
        async for event in answers(client):
            if Detection.is_type(event.type):
                yield Detection.from_event(event).name
            elif NotDetected.is_type(event.type):
                yield None
            else:
                return
