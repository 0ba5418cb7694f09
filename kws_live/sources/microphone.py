"""Microphones, through sounddevice and PortAudio."""

import queue
import time
from contextlib import suppress
from typing import Any, Final

import numpy as np

from kws_live.audio import Block
from kws_live.errors import SourceLostError, SourceUnavailableError
from kws_live.sources.portaudio import (
    ANSWER_SECONDS,
    CLOSE_SECONDS,
    NEXT_STEP,
    ask,
    choose_microphone,
    listed,
    load_sounddevice,
)

BLOCK_SECONDS: Final = 0.08
"""Requested from PortAudio: shorter blocks cost time; some drivers do not support longer ones."""

BATCH_BLOCKS: Final = 3
"""Blocks per queue entry: waking a thread costs more than processing a block."""

STALLED_SECONDS: Final = 2.0
"""An unplugged microphone raises no error; it counts as lost after this time without a block."""

QUEUE_BATCHES: Final = 41
"""Batches kept while the capture thread does not read: 10 s; then the oldest are dropped."""


class Microphone:
    """The signal of a microphone, at the device's own rate.

    Parameters
    ----------
    wanted : "" (default), an index, or a part of the name
    n_channels : largest number of channels opened

    Attributes
    ----------
    n_namesakes : other devices of the same name

    Raises
    ------
    SourceUnavailableError
        If there is no such device, or it cannot be opened.
    """

    live = True

    def __init__(self, wanted: str = "", n_channels: int = 2) -> None:
        sounddevice = load_sounddevice()
        self.name = wanted
        self.n_overflows = 0
        self.n_namesakes = 0
        self._n_channels = n_channels
        self._batches: queue.SimpleQueue[tuple[list[Block], bool] | None] = queue.SimpleQueue()
        self._batch: list[Block] = []  # this and the next: used by PortAudio's thread only
        self._is_spliced = False  # audio was lost before the batch
        self._is_gone = False
        self._stream: Any = None
        try:
            self._stream = ask(lambda: self._open(sounddevice, wanted), ANSWER_SECONDS, _close)
        except (sounddevice.PortAudioError, ValueError) as error:
            finding = "device_busy" if _code(error) == -9985 else "cannot_open"
            raise SourceUnavailableError(f"cannot open microphone {self.name!r}: {_explain(error)}", finding) from error
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
            channels=min(self._n_channels, device["max_input_channels"]),
            dtype="float32",
            latency="high",
            callback=self._on_block,
            finished_callback=self._on_end,
        )
        try:
            stream.start()
        except BaseException:
            _close(stream)
            raise
        return stream

    def _on_block(self, indata: Block, n_samples: int, times: object, status: Any) -> None:
        """PortAudio's own thread: copy, queue, return; an exception here would vanish and end the stream."""
        if status.input_overflow:
            self._hand_over()
            self._is_spliced = True
        self._batch.append(indata.copy())
        if len(self._batch) >= BATCH_BLOCKS:
            self._hand_over()

    def _hand_over(self) -> None:
        """Queue the blocks of this batch; drop the oldest batch if the queue is full."""
        if not self._batch:
            return
        if self._batches.qsize() >= QUEUE_BATCHES:
            with suppress(queue.Empty):
                self._batches.get_nowait()
            self._is_spliced = True
        self._batches.put((self._batch, self._is_spliced))
        self._batch, self._is_spliced = [], False

    def _on_end(self) -> None:
        self._hand_over()
        self._batches.put(None)

    def read(self, timeout_seconds: float) -> Block | None:
        if self._is_gone:
            raise SourceLostError(f"microphone {self.name!r} was disconnected")
        nothing = np.zeros((0, 1), np.float32)
        try:
            item = self._batches.get(timeout=timeout_seconds)
        except queue.Empty:
            silent_seconds = time.monotonic() - self._last_block
            if silent_seconds > STALLED_SECONDS:
                raise SourceLostError(
                    f"microphone {self.name!r} delivered no audio for {silent_seconds:.1f} s"
                ) from None
            return nothing
        if item is None:
            self._is_gone = True
            return nothing
        self._last_block = time.monotonic()
        blocks, is_spliced = item
        self.n_overflows += is_spliced
        return np.concatenate(blocks)

    def close(self) -> None:
        stream, self._stream = self._stream, None
        if stream is not None:
            try:
                ask(lambda: _close(stream), CLOSE_SECONDS)
            except SourceUnavailableError:
                return  # it is closed as soon as the sound server responds


def _close(stream: Any) -> None:
    """On PortAudio's thread."""
    stream.close(ignore_errors=True)


def _code(error: Exception) -> int:
    """Return PortAudio's error code; 0 if there is none."""
    code = error.args[1] if len(error.args) > 1 else 0
    return code if isinstance(code, int) else 0


def _explain(error: Exception) -> str:
    """Return the error as a message with a remedy."""
    known = {
        -9985: "another program holds it, or access is denied; close the other program and try again",
        -9997: "it does not take its own sample rate; choose another with: kws-live devices",
        -9998: "it does not give that many channels; choose another with: kws-live devices",
    }
    return known.get(_code(error), f"{str(error).splitlines()[0]}; {NEXT_STEP}")
