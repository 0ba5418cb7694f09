"""One client of the Wyoming server, served in turns short enough that no client delays another."""

import asyncio
import json
import logging
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import cached_property, partial
from typing import Any, Final, TypeVar

import numpy as np
from wyoming.audio import AudioChunk, AudioStart, AudioStop
from wyoming.error import Error
from wyoming.event import Event, async_write_event
from wyoming.info import Describe
from wyoming.ping import Ping, Pong
from wyoming.wake import Detect, Detection, NotDetected

from kws_live import events
from kws_live.audio import HOP_SECONDS, SAMPLE_RATE_HZ, Block
from kws_live.detection import make_pipeline
from kws_live.errors import AudioError
from kws_live.live.live_settings import LiveSettings
from kws_live.model import Model
from kws_live.model.scorer import StreamScorer
from kws_live.sources import require_rate
from kws_live.spotting.pipeline import Pipeline
from kws_live.stream.intake import Intake
from kws_live.stream.ring_buffer import RingBuffer
from kws_live.system.outside_log import one_line, spare

Result = TypeVar("Result")

log = spare(logging.getLogger(__name__))

RING_SECONDS: Final = 3.0
"""Each second of audio is processed before the next is read; the window behind it takes another."""

LARGEST_PART_BYTES: Final = 2**20
"""Limit of a message's payload: ten seconds of 16-bit audio at 48 kHz. Clients send tens of milliseconds."""

LARGEST_DATA_BYTES: Final = 2**16
"""Limit of a message's data; the first line has the same limit, from asyncio."""

MOST_CHANNELS: Final = 8
LINGER_SECONDS: Final = 1.0
"""Time limit for sending the last message."""


@dataclass(frozen=True)
class Patience:
    """Time limits for a client, in seconds.

    Attributes
    ----------
    message_seconds : to complete a message
    write_seconds : to receive a response; a client that does not read is disconnected
    idle_seconds : between two messages
    displaced_seconds : without a message, after which the client can be disconnected in favour of a new one
    """

    message_seconds: float = 30.0
    write_seconds: float = 10.0
    idle_seconds: float = 600.0
    displaced_seconds: float = 5.0


@dataclass(frozen=True)
class Service:
    """State shared by all clients.

    Attributes
    ----------
    info : the response to ``describe``
    turn : held during work that takes a millisecond or more, so that clients take turns and the event loop can handle
        everything else in between
    """

    model: Model
    settings: LiveSettings
    info: Event
    patience: Patience
    turn: asyncio.Lock = field(default_factory=asyncio.Lock)

    @cached_property
    def words(self) -> dict[str, str]:
        """The model's keywords by their case-folded form."""
        return {word.casefold(): word for word in self.model.card.keywords}


class _Stream:
    """One client's audio, from its start to its stop."""

    def __init__(self, rate_hz: int, pipeline: Pipeline) -> None:
        self.rate_hz = rate_hz
        self.n_detections = 0
        self.ring = RingBuffer(round(RING_SECONDS * SAMPLE_RATE_HZ))
        self.intake = Intake(self.ring, rate_hz)
        self.pipeline = pipeline

    def count(self) -> None:
        """Count a detection that was sent."""
        self.n_detections += 1


class Client:
    """Serves one connection; bad input ends this connection only.

    One message, one hop or the resampling of one second is done at a time, so that clients share the CPU evenly.

    Parameters
    ----------
    service : shared by all clients

    Attributes
    ----------
    heard_from : when the last message was complete or a hop of its audio was processed, by the event loop's clock
    """

    def __init__(self, service: Service, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._service = service
        self._reader = reader
        self._writer = writer
        self._name = str(writer.get_extra_info("peername") or "client")
        self._names: frozenset[str] | None = None
        self._scorer: StreamScorer | None = None
        self._stream: _Stream | None = None
        self._timestamp: int | None = None
        self._loop = asyncio.get_running_loop()
        self.heard_from = self._loop.time()

    async def run(self) -> None:
        """Serve until the client disconnects or sends something invalid."""
        try:
            while (event := await self._next()) is not None:
                await self._answer(event)
                self.heard_from = self._loop.time()
                await asyncio.sleep(0)  # one message per turn: a flood of them delays no other client
        except (ConnectionError, asyncio.IncompleteReadError):
            log.debug("client %s disconnected", self._name)
        except Exception as error:  # one client's error must not affect the others
            told = f"{type(error).__name__}: {one_line(error)}"
            log.warning("client %s sent an invalid message: %s", self._name, told)
            self.dismiss(error)
        finally:
            hang_up(self._writer)

    def dismiss(self, error: Exception) -> None:
        """Send the client the error, if possible, and close the connection."""
        text, code = one_line(error), type(error).__name__
        data = Error(text=text, code=code).event().data
        line = json.dumps({"type": "error", "data": data})
        if not self._writer.is_closing():
            self._writer.write(line.encode() + b"\n")
            hang_up(self._writer)

    async def _next(self) -> Event | None:
        """Return the next message; None if the client disconnected."""
        async with _limit(self._service.patience.idle_seconds, "no message"):
            line = await self._reader.readline()
        if not line:
            return None
        async with _limit(self._service.patience.message_seconds, "half a message"):
            header = json.loads(line)
            if not isinstance(header, dict) or not isinstance(header.get("type"), str):
                raise AudioError("a message must start with a line of JSON that has a type")
            data = header.get("data") or {}
            if n_bytes := _length(header.get("data_length"), LARGEST_DATA_BYTES):
                data = {**data, **json.loads(await self._reader.readexactly(n_bytes))}
            n_bytes = _length(header.get("payload_length"), LARGEST_PART_BYTES)
            payload = await self._reader.readexactly(n_bytes) if n_bytes else None
        return Event(type=header["type"], data=data, payload=payload)

    async def _tell(self, event: Event) -> None:
        try:
            async with asyncio.timeout(self._service.patience.write_seconds):
                await async_write_event(event, self._writer)
        except TimeoutError as error:
            self._writer.transport.abort()
            raise ConnectionError("the client does not read") from error

    async def _answer(self, event: Event) -> None:
        """Handle one message; messages for other services are ignored, as the protocol requires."""
        if Describe.is_type(event.type):
            await self._tell(self._service.info)
        elif Ping.is_type(event.type):
            await self._tell(Pong(text=Ping.from_event(event).text).event())
        elif Detect.is_type(event.type):
            self._choose(Detect.from_event(event).names)
        elif AudioStart.is_type(event.type):
            self._stream = None
        elif AudioChunk.is_type(event.type):
            await self._feed(AudioChunk.from_event(event))
        elif AudioStop.is_type(event.type) and self._stream is not None:
            stream, self._stream = self._stream, None
            await self._in_turn(stream.intake.finish)
            await self._look(stream)
            if not stream.n_detections:
                await self._tell(NotDetected().event())

    def _choose(self, names: Any) -> None:
        """Report these words only; no names: all words."""
        if names is not None and not (isinstance(names, list) and all(isinstance(name, str) for name in names)):
            raise AudioError(f"names {one_line(names, 80)} must be a list of words")
        words = self._service.words
        self._names = frozenset(words[name.casefold()] for name in names if name.casefold() in words) if names else None
        if strange := [name for name in names or () if name.casefold() not in words]:
            known = ", ".join(words.values())
            log.warning("client %s asked for %s; available words: %s", self._name, _some(strange), known)

    async def _feed(self, chunk: AudioChunk) -> None:
        if self._stream is None or chunk.rate != self._stream.rate_hz:
            self._stream = await self._in_turn(partial(self._begin, chunk.rate))
        self._timestamp = chunk.timestamp
        for piece in _decoded(chunk):
            await self._in_turn(partial(self._stream.intake.feed, piece))
            await self._look(self._stream)

    def _begin(self, rate_hz: int) -> _Stream:
        if not isinstance(rate_hz, int):
            raise AudioError(f"rate {one_line(repr(rate_hz), 80)} must be a whole number")
        rate_hz = require_rate(rate_hz, self._name)
        model, settings = self._service.model, self._service.settings
        if self._scorer is None:  # one network per client, created at its first audio
            self._scorer = model.stream_scorer(HOP_SECONDS)
        return _Stream(rate_hz, make_pipeline(model, settings, score=self._scorer))

    async def _look(self, stream: _Stream) -> None:
        while (step := await self._in_turn(partial(stream.pipeline.step, stream.ring))) is not None:
            for event in step.events:
                if isinstance(event, events.Detection) and (self._names is None or event.keyword in self._names):
                    stream.count()
                    at = round(1000 * event.seconds) if self._timestamp is None else self._timestamp
                    await self._tell(Detection(name=event.keyword, timestamp=at).event())
            self.heard_from = self._loop.time()

    async def _in_turn(self, work: Callable[[], Result]) -> Result:
        """Run a piece of work when it is this client's turn."""
        async with self._service.turn:
            result = work()
            await asyncio.sleep(0)
        return result


def hang_up(writer: asyncio.StreamWriter) -> None:
    """Close a connection immediately, or after sending the rest of its output within a time limit."""
    writer.close()
    if writer.transport.get_write_buffer_size():
        asyncio.get_running_loop().call_later(LINGER_SECONDS, writer.transport.abort)


@asynccontextmanager
async def _limit(seconds: float, what: str) -> AsyncIterator[None]:
    """Limit the time of the ``with`` block; the error says what took too long."""
    try:
        async with asyncio.timeout(seconds):
            yield
    except TimeoutError as error:
        raise AudioError(f"{what} for {seconds:g} s") from error


def _length(value: Any, largest: int) -> int:
    """Return the declared length of a part of a message, checked before it is read."""
    if value is None:
        return 0
    if not isinstance(value, int) or not 0 <= value <= largest:
        raise AudioError(f"a message of {one_line(repr(value), 40)} bytes; the limit is {largest}")
    return value


def _decoded(chunk: AudioChunk) -> Iterator[Block]:
    """Decode 16- or 32-bit PCM to float32 (n_samples, n_channels), a second at a time."""
    if chunk.width not in (2, 4) or chunk.channels not in range(1, MOST_CHANNELS + 1):
        shape = f"{one_line(repr(chunk.channels), 40)} channels and {one_line(repr(chunk.width), 40)} bytes per sample"
        raise AudioError(f"audio of {shape}; 1 to {MOST_CHANNELS} channels of 2 or 4 bytes are supported")
    size = int(chunk.width) * int(chunk.channels)
    whole = chunk.audio[: len(chunk.audio) // size * size]
    for start in range(0, len(whole), chunk.rate * size):
        pcm = np.frombuffer(whole[start : start + chunk.rate * size], f"<i{int(chunk.width)}")
        yield pcm.reshape(-1, int(chunk.channels)).astype(np.float32) / np.float32(2 ** (8 * int(chunk.width) - 1))


def _some(names: list[str]) -> str:
    """Return the first few of a list of untrusted names, for a message."""
    shown = ", ".join(one_line(repr(name), 40) for name in names[:3])
    return shown + (f" and {len(names) - 3} more" if len(names) > 3 else "")
