"""A sounddevice without sound: devices as told, streams whose callback the test calls."""

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

from kws_live.audio import Block


class PortAudioError(Exception):
    """As sounddevice's: a message, and mostly a code."""

    def __str__(self) -> str:
        return str(self.args[0])


class FakeStream:
    """An input stream; `speak` is PortAudio's thread."""

    def __init__(self, owner: "FakeSounddevice", **arguments: Any) -> None:
        self.arguments = arguments
        self.is_open = True
        self._ptr = object()
        self._owner = owner
        if owner.fails_to_open is not None:
            raise owner.fails_to_open
        owner.streams.append(self)

    def start(self) -> None:
        if self._owner.fails_to_start is not None:
            raise self._owner.fails_to_start

    def close(self, ignore_errors: bool = True) -> None:
        self.is_open = False

    @property
    def closed(self) -> bool:
        return not self.is_open

    def speak(self, block: Block, overflow: bool = False) -> None:
        status = SimpleNamespace(input_overflow=overflow)
        callback: Callable[..., None] = self.arguments["callback"]
        callback(block, len(block), None, status)

    def go_away(self) -> None:
        self.arguments["finished_callback"]()


class FakeSounddevice:
    """What `kws_live.sources` uses of the module ``sounddevice``."""

    PortAudioError = PortAudioError

    def __init__(self, *names: str) -> None:
        self.devices = [
            {"index": i, "name": name, "default_samplerate": 48_000.0, "max_input_channels": 2}
            for i, name in enumerate(names)
        ]
        self.devices.append(
            {"index": len(names), "name": "Speakers", "default_samplerate": 44_100.0, "max_input_channels": 0}
        )
        self.default = SimpleNamespace(device=[0 if names else -1, len(names)])
        self.streams: list[FakeStream] = []
        self._StreamBase = type("Stream", (FakeStream,), {})  # streams of other tests are not this one's
        self.fails_to_open: Exception | None = None
        self.fails_to_start: Exception | None = None
        self.n_restarts = 0
        self._lib = SimpleNamespace(Pa_Initialize=lambda: 0, Pa_Terminate=self._terminate)

    def _terminate(self) -> int:
        self.n_restarts += 1
        return 0

    def query_devices(self) -> list[dict[str, Any]]:
        return self.devices

    def InputStream(self, **arguments: Any) -> FakeStream:
        stream: FakeStream = self._StreamBase(self, **arguments)
        return stream

    def _check(self, code: int) -> None:
        assert code == 0
