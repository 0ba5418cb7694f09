"""A model whose words are tones, a source that is fed by hand, and a client of the panel."""

import http.client
import json
import queue
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from functools import cached_property
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import numpy as np
from numpy.typing import NDArray
from websockets.sync.client import ClientConnection, connect

from kws_live.audio import SAMPLE_RATE_HZ, SPEECH_RATE_HZ, Block, Samples
from kws_live.listening import listen
from kws_live.live.live_settings import LiveSettings
from kws_live.model import Model
from kws_live.model.card import ModelCard
from kws_live.model.features import SPEECH, FeatureExtractor
from kws_live.model.scorer import Scorer, StreamScorer
from kws_live.panel.history import History
from kws_live.panel.server import Panel
from kws_live.spotter import Spotter
from kws_live.spotting.decision import Decider
from kws_live.spotting.decision_settings import DecisionSettings
from kws_live.spotting.pipeline import HOP_SAMPLES, QUIET_HOPS, Step
from kws_live.spotting.verdict import Heard, Hop, Verdict
from tests.fakes import KEYWORDS, LABELS, Hops, decision_settings, tone_posteriors, tone_words

PATIENCE_SECONDS = 60.0
OF_SILENCE = 0.9
"""So much of it is no word."""
SOUND = tone_words([("yes", 1.0), ("no", 2.5), ("stop", 4.0)], 6.0)
UNLOOKED_SAMPLES = (QUIET_HOPS + 1) * HOP_SAMPLES
"""While nothing is spoken, so much may wait to be looked at."""


class ToneModel(Model):
    """Knows `fakes.TONES_HZ`, without a network."""

    def __init__(self) -> None:
        card = ModelCard(
            name="tones",
            description="tones",
            licence="Apache-2.0",
            labels=LABELS,
            keywords=KEYWORDS,
            features=SPEECH,
            thresholds=dict.fromkeys(KEYWORDS, 0.6),
            files={"model.tflite": "0" * 64},
        )
        super().__init__(Path("nowhere"), card)

    @cached_property
    def extractor(self) -> FeatureExtractor:
        bank = np.kron(np.eye(SPEECH.n_mels), np.ones(6))[:, : SPEECH.n_fft // 2 + 1]
        return FeatureExtractor(SPEECH, np.pad(bank, ((0, 0), (0, 257 - bank.shape[1]))).astype(np.float32))

    def scorer(self) -> Scorer:
        return None  # type: ignore[return-value]

    def stream_scorer(self, step_seconds: float) -> StreamScorer:
        return lambda stream, follows: _heard(tone_posteriors(stream[:SPEECH_RATE_HZ]))


def _heard(posteriors: NDArray[np.float32]) -> Heard:
    """As of two networks that agree, of which the second is asked about words."""
    asked = posteriors[0] < OF_SILENCE
    return Heard(posteriors, (posteriors, posteriors) if asked else ())


class FedSource:
    """Hands over what the test feeds it, when it is fed."""

    name = "fed"
    rate_hz = SAMPLE_RATE_HZ
    live = False
    n_overflows = 0

    def __init__(self) -> None:
        self.blocks: queue.SimpleQueue[Block | None] = queue.SimpleQueue()

    def feed(self, audio: Samples) -> None:
        for start in range(0, audio.size, 2048):
            self.blocks.put(audio[start : start + 2048, np.newaxis])

    def end(self) -> None:
        self.blocks.put(None)

    def read(self, timeout_seconds: float) -> Block | None:
        try:
            return self.blocks.get(timeout=timeout_seconds)
        except queue.Empty:
            return np.zeros((0, 1), np.float32)

    def close(self) -> None:
        pass


@contextmanager
def audible_room(source: FedSource) -> Iterator[None]:
    """A quiet room is heard while the ``with`` block runs."""
    over, sound = threading.Event(), tone_words([], 0.1)

    def feed() -> None:
        while not over.wait(0.1):
            source.feed(sound)

    thread = threading.Thread(target=feed)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


def tone_spotter(source: Any, **settings: Any) -> Spotter:
    """A spotter of tones; every hop is scored."""
    own = decision_settings(gate_mode=None, **settings)
    return listen(source, model=ToneModel(), settings=LiveSettings(own))


class RecordingDecider(Decider):
    """Puts every verdict into a history."""

    def __init__(self, history: History) -> None:
        super().__init__(LABELS, KEYWORDS)
        self.history = history

    def step(self, hop: Hop, settings: DecisionSettings) -> Verdict:
        verdict = super().step(hop, settings)
        self.history.add(Step(verdict.events, verdict))
        return verdict


def remembered_hops(**settings: Any) -> tuple[Hops, History]:
    """Hops made by hand, and the history they fill; some quiet room comes first."""
    history = History()
    hops = Hops(decision_settings(**settings))
    hops.decider = RecordingDecider(history)
    hops.feed(50, gate_open=False)
    return hops, history


def cookie_of(panel: Panel) -> str:
    """What a browser that was given the token sends from then on; empty where none is asked for."""
    if panel.token is None:
        return ""
    connection = http.client.HTTPConnection("127.0.0.1", panel.port, timeout=PATIENCE_SECONDS)
    connection.request("GET", "/?" + urlsplit(panel.url).query)
    answer = connection.getresponse()
    connection.close()
    return (answer.getheader("Set-Cookie") or "").partition(";")[0]


class Client:
    """A page without a browser."""

    def __init__(self, panel: Panel, **options: Any) -> None:
        host = f"127.0.0.1:{panel.port}"
        self._open = ExitStack()
        options.setdefault("origin", f"http://{host}")
        options.setdefault("open_timeout", PATIENCE_SECONDS)
        options.setdefault("additional_headers", {"Cookie": cookie_of(panel)})
        self.socket: ClientConnection = self._open.enter_context(
            connect(f"ws://{host}/live", compression=None, **options)
        )
        self.frames: list[dict[str, Any]] = []
        self.hello: dict[str, Any] = self.receive()

    def receive(self) -> dict[str, Any]:
        message: dict[str, Any] = json.loads(self.socket.recv(timeout=PATIENCE_SECONDS))
        return message

    def ask(self, kind: str, /, **fields: Any) -> dict[str, Any]:
        return self.ask_raw(json.dumps({"type": kind, "id": 1, **fields}))

    def ask_raw(self, text: str | bytes) -> dict[str, Any]:
        """Send a message and return its answer; frames that come between are kept."""
        self.socket.send(text)
        while (message := self.receive())["type"] == "frame":
            self.frames.append(message)
        return message

    def frame(self) -> dict[str, Any]:
        """The next frame; the one after it is asked for."""
        message = self.frames.pop(0) if self.frames else self.receive()
        assert message["type"] == "frame"
        self.socket.send("next")
        return message

    def frames_until(self, position: int) -> list[dict[str, Any]]:
        """Frames up to the one that shows a position."""
        frames = [self.frame()]
        while frames[-1]["position"] < position:
            frames.append(self.frame())
        return frames

    def close(self) -> None:
        self._open.close()


def play(source: FedSource, client: Client, sound: Samples = SOUND) -> list[dict[str, Any]]:
    """Feed a sound and wait until the page has seen it."""
    source.feed(sound)
    return client.frames_until(sound.size - UNLOOKED_SAMPLES)


def events_of(frames: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [event for frame in frames for event in frame["events"] if event["type"] == "detection"]


def words_of(frames: list[dict[str, Any]]) -> list[str]:
    return [event["keyword"] for event in events_of(frames)]
