"""Pipe the audio after a word to a program."""

import io
import threading
from collections.abc import Callable

import numpy as np
import soundfile

from kws_live.actions.command import Command
from kws_live.audio import SPEECH_RATE_HZ, float_to_pcm16
from kws_live.errors import ActionError
from kws_live.events import Detection, Event
from kws_live.spotting.audio_after import AudioAfter
from kws_live.stream.ring_buffer import RingBuffer


class Pipe:
    """Collects the audio after a word and passes it to a program as a WAV file on its standard input.

    Parameters
    ----------
    command : the program
    ring : returns the ring buffer, or None if not known yet
    longest_seconds : maximum length of the audio
    """

    def __init__(self, command: Command, ring: Callable[[], RingBuffer | None], longest_seconds: float) -> None:
        self._command = command
        self._ring = ring
        self._longest_seconds = longest_seconds
        self._closed = threading.Event()

    def describe(self, event: Event) -> str:
        return f"{self._command.describe(event)} with the audio that follows"

    def do(self, event: Event) -> None:
        ring = self._ring()
        if ring is None or not isinstance(event, Detection):
            raise ActionError("there is no audio to pipe; give the bindings to listen() or Spotter.send_to")
        blocks = []
        for block in AudioAfter(ring, event, self._longest_seconds):
            if self._closed.is_set():
                return
            blocks.append(block)
        if not blocks:
            raise ActionError(f"the audio after {event.keyword!r} is no longer available")
        file = io.BytesIO()
        soundfile.write(file, float_to_pcm16(np.concatenate(blocks)), SPEECH_RATE_HZ, format="WAV")
        self._command.do(event, file.getvalue())

    def close(self) -> None:
        self._closed.set()
        self._command.close()
