"""Microphones, through sounddevice and PortAudio."""

import difflib
import queue
import sys
import time
from types import ModuleType
from typing import Any, Final

import numpy as np

from kws_live.audio import Block
from kws_live.errors import SourceLostError, SourceUnavailableError
from kws_live.native_output import quiet_stderr

BLOCK_SECONDS: Final = 0.04
"""Asked of PortAudio: shorter blocks cost time, longer ones delay."""

STALLED_SECONDS: Final = 2.0
"""An unplugged microphone raises nothing: this long without a block, and it counts as lost."""

QUEUE_BLOCKS: Final = 1000
"""Blocks kept while the capture thread does not come: about 30 s."""

NEXT_STEP: Final = "list microphones with: kws-live devices; try without one: kws-live listen --source demo:"


def load_sounddevice() -> ModuleType:
    """Import sounddevice; without PortAudio a SourceUnavailableError says how to get it."""
    try:
        with quiet_stderr():
            import sounddevice
    except OSError as error:
        how = {
            "linux": "install it with: sudo apt-get install libportaudio2",
            "darwin": "reinstall with: pip install --force-reinstall sounddevice",
        }.get(sys.platform, "reinstall with: pip install --force-reinstall sounddevice")
        raise SourceUnavailableError(f"the PortAudio library is missing ({error}); {how}") from error
    return sounddevice  # type: ignore[no-any-return]


def list_microphones(refresh: bool = False) -> list[dict[str, Any]]:
    """Input devices as PortAudio knows them: ``index``, ``name``, ``default_samplerate``, ``max_input_channels``.

    PortAudio freezes its list at the start; ``refresh`` restarts it, which is possible only while no stream runs.
    """
    sounddevice = load_sounddevice()
    with quiet_stderr():
        if refresh:
            sounddevice._terminate()
            sounddevice._initialize()
        return [dict(device) for device in sounddevice.query_devices() if device["max_input_channels"] > 0]


def default_microphone() -> int | None:
    """Index of the default input device, or None."""
    index = load_sounddevice().default.device[0]
    return int(index) if index is not None and index >= 0 else None


def choose_microphone(wanted: str) -> dict[str, Any]:
    """Find a device: "" is the default one, digits are an index, anything else a part of the name.

    Raises
    ------
    SourceUnavailableError
        If there is none; near names are listed.
    """
    devices = list_microphones()
    if not devices:
        raise SourceUnavailableError(f"no microphone found; {NEXT_STEP}")
    if not wanted:
        default = default_microphone()
        return next((device for device in devices if device["index"] == default), devices[0])
    if wanted.isascii() and wanted.isdigit():
        if found := [device for device in devices if device["index"] == int(wanted)]:
            return found[0]
        numbers = ", ".join(str(device["index"]) for device in devices)
        raise SourceUnavailableError(f"no microphone number {wanted}; there are: {numbers}; {NEXT_STEP}")
    exact = [device for device in devices if device["name"] == wanted]
    if found := exact or [device for device in devices if wanted.casefold() in device["name"].casefold()]:
        return found[0]
    names = [device["name"] for device in devices]
    near = difflib.get_close_matches(wanted, names, cutoff=0.3) or names
    raise SourceUnavailableError(f"no microphone {wanted!r}; near: {', '.join(map(repr, near))}; {NEXT_STEP}")


class Microphone:
    """Hands over what a microphone hears, at the device's own rate.

    Parameters
    ----------
    wanted : "" (default), an index, or a part of the name

    Raises
    ------
    SourceUnavailableError
        If there is no such device, or it cannot be opened.
    """

    live = True

    def __init__(self, wanted: str = "") -> None:
        sounddevice = load_sounddevice()
        device = choose_microphone(wanted)
        self.name = str(device["name"])
        self.rate_hz = round(device["default_samplerate"])
        self.n_overflows = 0
        self._blocks: queue.SimpleQueue[Block | None] = queue.SimpleQueue()
        self._last_block = time.monotonic()
        try:
            with quiet_stderr():
                self._stream = sounddevice.InputStream(
                    device=device["index"],
                    samplerate=self.rate_hz,
                    blocksize=round(BLOCK_SECONDS * self.rate_hz),
                    channels=1 if device["max_input_channels"] == 1 else min(2, device["max_input_channels"]),
                    dtype="float32",
                    latency="high",
                    callback=self._on_block,
                    finished_callback=self._on_finished,
                )
                self._stream.start()
        except (sounddevice.PortAudioError, ValueError) as error:
            raise SourceUnavailableError(f"cannot open microphone {self.name!r}: {_explain(error)}") from error

    def _on_block(self, indata: Block, n_samples: int, times: object, status: Any) -> None:
        """PortAudio's thread: copy, count, return; an exception here would vanish and end the stream."""
        if status.input_overflow:
            self.n_overflows += 1
        if self._blocks.qsize() < QUEUE_BLOCKS:
            self._blocks.put(indata.copy())
        else:
            self.n_overflows += 1

    def _on_finished(self) -> None:
        self._blocks.put(None)

    def read(self, timeout_seconds: float) -> Block | None:
        try:
            block = self._blocks.get(timeout=timeout_seconds)
        except queue.Empty:
            silent_seconds = time.monotonic() - self._last_block
            if silent_seconds > STALLED_SECONDS:
                raise SourceLostError(f"microphone {self.name!r} gave no audio for {silent_seconds:.1f} s") from None
            return np.zeros((0, 1), np.float32)
        if block is None:
            raise SourceLostError(f"microphone {self.name!r} went away")
        self._last_block = time.monotonic()
        # A driver may hand over NaN after a fault; silence is the honest replacement.
        return block if np.isfinite(block).all() else np.nan_to_num(block, posinf=0.0, neginf=0.0)

    def close(self) -> None:
        with quiet_stderr():
            self._stream.close(ignore_errors=True)


def _explain(error: Exception) -> str:
    """PortAudio's code in words a person can act on."""
    code = error.args[1] if len(error.args) > 1 else None
    known = {
        -9985: "another program holds it, or access is denied; close the other program and try again",
        -9997: "it does not take its own sample rate; choose another with: kws-live devices",
        -9998: "it does not give that many channels; choose another with: kws-live devices",
    }
    return (
        known.get(code, f"{str(error).splitlines()[0]}; {NEXT_STEP}")
        if isinstance(code, int)
        else f"{error}; {NEXT_STEP}"
    )
