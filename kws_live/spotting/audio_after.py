"""The audio after a word: from its end, without a gap, up to a pause."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from typing import Final

import numpy as np

from kws_live.audio import SAMPLE_RATE_HZ, SPEECH_RATE_HZ, Samples
from kws_live.errors import ConfigError
from kws_live.events import Detection, word_end
from kws_live.spotting.speech_gate import FRAME_SAMPLES, WebrtcGate
from kws_live.stream.resampling import Resampler
from kws_live.stream.ring_buffer import RingBuffer

LONGEST_SECONDS: Final = 10.0
BLOCK_SECONDS: Final = 0.1

LEAST_SECONDS: Final = 2.0
"""Minimum length, to allow for a breath after the word."""

STALLED_SECONDS: Final = 2.0
"""Time without new audio after which it ends."""


class AudioAfter:
    """An iterator over blocks of audio as they arrive, for ``for`` or ``async for``, once.

    The first block begins at the end of the word, so nothing said during the decision is lost. The last one comes a
    second after the last speech, after ``longest_seconds``, or where the audio ends or has a gap.

    Parameters
    ----------
    ring : the ring buffer with the audio
    detection : of the word
    longest_seconds : above 0
    rate_hz : 16,000 or 22,050

    Raises
    ------
    ConfigError
        If the rate is not one of these.
    """

    def __init__(
        self,
        ring: RingBuffer,
        detection: Detection,
        longest_seconds: float = LONGEST_SECONDS,
        rate_hz: int = SPEECH_RATE_HZ,
    ) -> None:
        if rate_hz not in (SPEECH_RATE_HZ, SAMPLE_RATE_HZ):
            raise ConfigError(f"rate_hz {rate_hz} must be {SPEECH_RATE_HZ} or {SAMPLE_RATE_HZ}")
        self._ring = ring
        self._begin = word_end(detection)
        self._end = self._begin + round(longest_seconds * SAMPLE_RATE_HZ)
        self._resampler = Resampler(SAMPLE_RATE_HZ, rate_hz)
        self._blocks = (block for block in self._read() if block.size)

    def __iter__(self) -> Iterator[Samples]:
        return self._blocks

    async def __aiter__(self) -> AsyncIterator[Samples]:
        while (block := await asyncio.to_thread(next, self._blocks, None)) is not None:
            yield block

    def _read(self) -> Iterator[Samples]:
        pauses = _Pauses()
        position = self._begin
        while position < self._end:
            n_samples = min(round(BLOCK_SECONDS * SAMPLE_RATE_HZ), self._end - position)
            self._ring.wait(position + n_samples, STALLED_SECONDS)
            start, samples = self._ring.read_on(position, n_samples)
            if start != position or not samples.size:
                break
            position += samples.size
            yield self._resampler.process(samples)
            if pauses.now(samples) and position - self._begin >= LEAST_SECONDS * SAMPLE_RATE_HZ:
                break
        yield self._resampler.finish()


class _Pauses:
    """Detects a second without speech."""

    def __init__(self) -> None:
        self._gate = WebrtcGate(3)
        self._resampler = Resampler(SAMPLE_RATE_HZ, SPEECH_RATE_HZ, "LQ")
        self._rest = np.zeros(0, np.float32)

    def now(self, samples: Samples) -> bool:
        """Process the next samples; returns whether there was no speech for a second."""
        joined = np.concatenate((self._rest, self._resampler.process(samples)))
        whole = joined.size // FRAME_SAMPLES * FRAME_SAMPLES
        self._rest = joined[whole:]
        return not self._gate.is_open(joined[:whole])
