"""Microphones, through sounddevice and PortAudio."""

import queue
import time
from collections import deque
from contextlib import suppress
from typing import Any, Final

import numpy as np

from kws_live.audio import Block
from kws_live.clock import wall_seconds
from kws_live.errors import AudioGapError, SourceLostError, SourceUnavailableError
from kws_live.gap_finder import GapFinder
from kws_live.sources import portaudio
from kws_live.sources.portaudio import (
    ANSWER_SECONDS,
    CLOSE_SECONDS,
    NEXT_STEP,
    ask,
    choose_microphone,
    listed,
    load_sounddevice,
)

BLOCK_SECONDS: Final = 0.06
"""Asked of PortAudio: shorter blocks cost time, longer ones delay."""

MOST_BLOCKS: Final = 8
"""Handed over at once."""

STALLED_SECONDS: Final = 2.0
"""An unplugged microphone raises nothing: this long without a block, and it counts as lost."""

QUEUE_BLOCKS: Final = 250
"""Blocks kept while the capture thread does not come: 10 s; then the oldest go."""


class Microphone:
    """Hands over what a microphone hears, at the device's own rate.

    Parameters
    ----------
    wanted : "" (default), an index, or a part of the name

    Attributes
    ----------
    n_namesakes : other devices of the same name

    Raises
    ------
    SourceUnavailableError
        If there is no such device, or it cannot be opened.
    """

    live = True
    keeps_blocks = True

    def __init__(self, wanted: str = "") -> None:
        sounddevice = load_sounddevice()
        self.n_overflows = 0
        self.n_namesakes = 0
        self._blocks: queue.SimpleQueue[tuple[Block, float, bool] | None] = queue.SimpleQueue()
        self._ready: deque[Block | float] = deque()
        self._is_gone = False
        self._n_dropped = 0  # counted by PortAudio's thread alone
        self._n_dropped_told = 0
        self._stream: Any = None
        try:
            self._stream = ask(lambda: self._open(sounddevice, wanted), ANSWER_SECONDS, _close)
        except (sounddevice.PortAudioError, ValueError) as error:
            finding = "device_busy" if _code(error) == -9985 else "cannot_open"
            raise SourceUnavailableError(
                f"cannot open microphone {getattr(self, 'name', wanted)!r}: {_explain(error)}", finding
            ) from error
        self._gaps = GapFinder(self.rate_hz)
        self._last_block = time.monotonic()

    def _open(self, sounddevice: Any, wanted: str) -> Any:
        """On PortAudio's thread: find the device and start its stream."""
        devices = listed()
        device = choose_microphone(wanted, devices, sounddevice.default.device[0])
        self.name = str(device["name"])
        self.rate_hz = round(device["default_samplerate"])
        self.n_namesakes = sum(other["name"] == self.name for other in devices) - 1
        stream = sounddevice.InputStream(
            device=device["index"],
            samplerate=self.rate_hz,
            blocksize=round(BLOCK_SECONDS * self.rate_hz),
            channels=min(2, device["max_input_channels"]),
            dtype="float32",
            latency="high",
            callback=self._on_block,
            finished_callback=lambda: self._blocks.put(None),
        )
        portaudio.n_open += 1
        try:
            stream.start()
        except BaseException:
            _close(stream)
            raise
        return stream

    def _on_block(self, indata: Block, n_samples: int, times: object, status: Any) -> None:
        """PortAudio's own thread: copy, count, return; an exception here would vanish and end the stream."""
        if self._blocks.qsize() >= QUEUE_BLOCKS:
            with suppress(queue.Empty):
                self._blocks.get_nowait()
            self._n_dropped += 1
        self._blocks.put((indata.copy(), wall_seconds(), bool(status.input_overflow)))

    def read(self, timeout_seconds: float) -> Block | None:
        if not self._ready:
            self._fetch(timeout_seconds)
        if not self._ready:
            return np.zeros((0, 1), np.float32)
        item = self._ready.popleft()
        if isinstance(item, float):
            self.n_overflows += 1
            raise AudioGapError(item)
        # Who comes late takes all that waits at once: that is quicker than one by one.
        blocks = [item]
        while not self._blocks.empty() and not self._ready and len(blocks) < MOST_BLOCKS:
            self._fetch(0.0)
            if self._ready and not isinstance(more := self._ready[0], float):
                self._ready.popleft()
                blocks.append(more)
        block = np.concatenate(blocks) if len(blocks) > 1 else item
        # A driver may hand over NaN after a fault; silence is the honest replacement.
        return block if np.isfinite(block).all() else np.nan_to_num(block, posinf=0.0, neginf=0.0)

    def _fetch(self, timeout_seconds: float) -> None:
        """Wait for the next block."""
        if self._is_gone:
            raise SourceLostError(f"microphone {self.name!r} went away")
        try:
            item = self._blocks.get(timeout=timeout_seconds)
        except queue.Empty:
            silent_seconds = time.monotonic() - self._last_block
            if silent_seconds > STALLED_SECONDS:
                raise SourceLostError(f"microphone {self.name!r} gave no audio for {silent_seconds:.1f} s") from None
            return
        if item is None:
            self._is_gone = True
            self._ready.extend(self._gaps.flush())
            return
        block, arrived_seconds, overflowed = item
        self._last_block = time.monotonic()
        n_dropped = self._n_dropped
        is_spliced = overflowed or n_dropped > self._n_dropped_told
        self._n_dropped_told = n_dropped
        self._ready.extend(self._gaps.take(block, arrived_seconds, is_spliced))

    def close(self) -> None:
        stream, self._stream = self._stream, None
        if stream is not None:
            try:
                ask(lambda: _close(stream), CLOSE_SECONDS)
            except SourceUnavailableError:
                return  # it is closed as soon as the sound server goes on


def _close(stream: Any) -> None:
    """On PortAudio's thread."""
    portaudio.n_open -= 1
    stream.close(ignore_errors=True)


def _code(error: Exception) -> int:
    """PortAudio's own code; 0 where there is none."""
    code = error.args[1] if len(error.args) > 1 else 0
    return code if isinstance(code, int) else 0


def _explain(error: Exception) -> str:
    """The error in words a person can act on."""
    known = {
        -9985: "another program holds it, or access is denied; close the other program and try again",
        -9997: "it does not take its own sample rate; choose another with: kws-live devices",
        -9998: "it does not give that many channels; choose another with: kws-live devices",
    }
    return known.get(_code(error), f"{str(error).splitlines()[0]}; {NEXT_STEP}")
