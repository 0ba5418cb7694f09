"""A wake-word service for Home Assistant and other clients of the Wyoming protocol.

Each client that connects has a pipeline of its own; all share one model. A client sends ``describe`` to be told the
words, ``detect`` to choose some of them, then ``audio-start``, ``audio-chunk`` ..., ``audio-stop``; it is sent a
``detection`` for each word and ``not-detected`` at the end of audio without one.

References
----------
The protocol: https://github.com/OHF-Voice/wyoming, through its makers' package.
"""

import asyncio
import logging
from collections.abc import Callable
from importlib import metadata
from typing import Final

import numpy as np
from wyoming.audio import AudioChunk, AudioStart, AudioStop
from wyoming.error import Error
from wyoming.event import Event, async_read_event
from wyoming.info import Attribution, Describe, Info, WakeModel, WakeProgram
from wyoming.ping import Ping, Pong
from wyoming.server import AsyncEventHandler, AsyncServer, AsyncStdioServer
from wyoming.wake import Detect, Detection, NotDetected

from kws_live import events
from kws_live.audio import SAMPLE_RATE_HZ, Block
from kws_live.detection import make_pipeline, make_settings
from kws_live.errors import AudioError, ConfigError
from kws_live.intake import Intake, pieces
from kws_live.live_settings import LiveSettings
from kws_live.model import Model
from kws_live.pipeline import Pipeline
from kws_live.ring_buffer import RingBuffer
from kws_live.sources import require_rate

log = logging.getLogger(__name__)

RING_SECONDS: Final = 3.0
"""Each second of audio is looked at before the next is taken; the window behind it is one more."""

LARGEST_PART_BYTES: Final = 2**20
"""Of a message's data or payload: ten seconds of 16-bit audio at 48 kHz. Clients send tens of milliseconds."""

MOST_CLIENTS: Final = 64
MOST_CHANNELS: Final = 8


class _BoundedReader:
    """Refuses what would fill the memory: a message says itself how long it is."""

    def __init__(self, reader: asyncio.StreamReader) -> None:
        self._reader = reader

    async def readline(self) -> bytes:
        return await self._reader.readline()  # asyncio's own limit: 64 KiB

    async def readexactly(self, n_bytes: int) -> bytes:
        if not isinstance(n_bytes, int) or n_bytes > LARGEST_PART_BYTES:
            raise AudioError(f"a message of {n_bytes!r} bytes; at most {LARGEST_PART_BYTES} are taken")
        return await self._reader.readexactly(n_bytes)


class _Stream:
    """One client's audio, from its start to its stop."""

    def __init__(self, model: Model, settings: LiveSettings, name: str, rate_hz: int) -> None:
        self.rate_hz = require_rate(rate_hz, name)
        self.n_detections = 0
        self.ring = RingBuffer(round(RING_SECONDS * SAMPLE_RATE_HZ))
        self.intake = Intake(self.ring, rate_hz)
        self.pipeline: Pipeline = make_pipeline(model, settings, name)


class Client(AsyncEventHandler):
    """Serves one connection; whatever the client sends, it ends this connection at most.

    Parameters
    ----------
    model, settings : shared by all clients
    info : the answer to ``describe``
    clients : those connected now; this one adds itself
    """

    def __init__(
        self,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        model: Model,
        settings: LiveSettings,
        info: Event,
        clients: "set[Client]",
    ) -> None:
        super().__init__(reader, writer)
        self._model = model
        self._settings = settings
        self._info = info
        self._clients = clients
        self._bounded = _BoundedReader(reader)
        self._name = str(writer.get_extra_info("peername") or "client")
        self._names: frozenset[str] = frozenset()
        self._stream: _Stream | None = None
        self._timestamp: int | None = None

    async def run(self) -> None:
        """Serve until the client leaves, or sends what cannot be served."""
        self._clients.add(self)
        try:
            if len(self._clients) > MOST_CLIENTS:
                raise AudioError(f"more than {MOST_CLIENTS} clients")
            while (event := await async_read_event(self._bounded)) is not None:  # type: ignore[arg-type]
                await self.handle_event(event)
        except (ConnectionError, asyncio.IncompleteReadError):
            log.debug("client %s left", self._name)
        except Exception as error:  # a client's mistake must not be another client's trouble
            log.warning("client %s sent what cannot be served: %s: %s", self._name, type(error).__name__, error)
            await self._complain(error)
        finally:
            self._clients.discard(self)
            self.writer.close()

    async def _complain(self, error: Exception) -> None:
        try:
            async with asyncio.timeout(1.0):
                await self.write_event(Error(text=str(error), code=type(error).__name__).event())
        except (OSError, TimeoutError):
            log.debug("client %s does not want to know", self._name)

    async def handle_event(self, event: Event) -> bool:
        """Do what one message asks for; messages of other services are ignored, as the protocol wants."""
        if Describe.is_type(event.type):
            await self.write_event(self._info)
        elif Ping.is_type(event.type):
            await self.write_event(Pong(text=Ping.from_event(event).text).event())
        elif Detect.is_type(event.type):
            self._names = frozenset(Detect.from_event(event).names or ())
        elif AudioStart.is_type(event.type):
            self._stream = self._begin(AudioStart.from_event(event).rate)
        elif AudioChunk.is_type(event.type):
            await self._take(AudioChunk.from_event(event))
        elif AudioStop.is_type(event.type) and self._stream is not None:
            stream, self._stream = self._stream, None
            stream.intake.finish()
            await self._look(stream)
            if not stream.n_detections:
                await self.write_event(NotDetected().event())
        return True

    def _begin(self, rate_hz: int) -> _Stream:
        self._timestamp = None
        return _Stream(self._model, self._settings, self._name, rate_hz)

    async def _take(self, chunk: AudioChunk) -> None:
        if self._stream is None or chunk.rate != self._stream.rate_hz:
            self._stream = self._begin(chunk.rate)
        self._timestamp = chunk.timestamp
        for piece in pieces(_decoded(chunk), chunk.rate):
            self._stream.intake.take(piece)
            await self._look(self._stream)

    async def _look(self, stream: _Stream) -> None:
        for step in stream.pipeline.steps(stream.ring):
            for event in step.events:
                if isinstance(event, events.Detection) and (not self._names or event.keyword in self._names):
                    stream.n_detections += 1
                    at = round(1000 * event.seconds) if self._timestamp is None else self._timestamp
                    await self.write_event(Detection(name=event.keyword, timestamp=at).event())
            await asyncio.sleep(0)  # one hop a turn: a client that sends an hour at once delays nobody


def _decoded(chunk: AudioChunk) -> Block:
    """Float32 (n_samples, n_channels) of a chunk's 16- or 32-bit PCM."""
    if chunk.width not in (2, 4) or chunk.channels not in range(1, MOST_CHANNELS + 1):
        raise AudioError(
            f"audio of {chunk.channels} channels and {chunk.width} bytes a sample; "
            f"1 to {MOST_CHANNELS} channels of 2 or 4 bytes would do"
        )
    size = chunk.width * chunk.channels
    whole = chunk.audio[: len(chunk.audio) // size * size]
    pcm = np.frombuffer(whole, f"<i{chunk.width}").reshape(-1, chunk.channels)
    return pcm.astype(np.float32) / np.float32(2 ** (8 * chunk.width - 1))


def describe(model: Model) -> Info:
    """What clients are told: one wake-word program whose models are the words."""
    version = metadata.version("kws-live")
    attribution = Attribution(name="kws_live", url="")
    words = [
        WakeModel(
            name=word,
            attribution=attribution,
            installed=True,
            description=f'the word "{word}"',
            version=version,
            languages=["en"],
            phrase=word,
        )
        for word in model.card.keywords
    ]
    program = WakeProgram(
        name="kws-live",
        attribution=attribution,
        installed=True,
        description=model.card.description,
        version=version,
        models=words,
    )
    return Info(wake=[program])


async def serve(
    uri: str, model: Model, settings: LiveSettings | None = None, on_ready: Callable[[], object] = lambda: None
) -> None:
    """Serve clients until cancelled.

    Parameters
    ----------
    uri : ``tcp://127.0.0.1:10400``, ``unix:///run/kws-live.sock`` or ``stdio://``
    model : shared by all clients
    settings : thresholds and more, shared by all clients; the model's own if not given
    on_ready : called once clients can connect

    Raises
    ------
    ConfigError
        If it cannot listen there.
    """
    live = settings or make_settings(model)
    info = describe(model).event()
    clients: set[Client] = set()

    def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> Client:
        return Client(reader, writer, model, live, info, clients)

    try:
        server = AsyncServer.from_uri(uri)
        if isinstance(server, AsyncStdioServer):
            return await server.run(connected)
        await server.start(connected)
    except (OSError, ValueError) as error:
        raise ConfigError(f"cannot listen on {uri!r}: {error}; use one such as tcp://127.0.0.1:10400") from error
    try:
        on_ready()
        await asyncio.Event().wait()
    finally:
        await server.stop()
        while clients:
            await asyncio.sleep(0.01)
