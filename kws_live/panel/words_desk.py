"""Requests about taught words."""

import asyncio
from typing import Any, Final

import soxr

from kws_live.audio import SAMPLE_RATE_HZ, SPEECH_RATE_HZ, pcm16_to_float
from kws_live.errors import ConfigError
from kws_live.panel.input_desk import InputDesk
from kws_live.panel.lesson import Lessons
from kws_live.panel.observer import Observer
from kws_live.spotting.pipeline import HOP_SAMPLES

ALARM_HOPS: Final = 40
"""Length of a false accept: the range of its score, and the room before it."""

ALARM_LEAD_SECONDS: Final = 0.02
"""Added before it: two frames, so that the hops of the recording end where those of the stream did."""


class WordsDesk:
    """Starts lessons, and changes taught words.

    Parameters
    ----------
    observer : of the audio
    lessons : to start
    inputs : reloads the model when its words change
    """

    def __init__(self, observer: Observer, lessons: Lessons, inputs: InputDesk) -> None:
        self._observer = observer
        self._lessons = lessons
        self._inputs = inputs

    async def teach(self, word: str, adapt: bool = False) -> dict[str, Any]:
        """Start a lesson."""
        if self._observer.ended:
            raise ConfigError(
                "the audio has ended, so no takes can be recorded; choose a microphone as the source first"
            )
        await asyncio.to_thread(self._lessons.begin, word, adapt)
        return {}

    def stop(self) -> dict[str, Any]:
        """Cancel the lesson."""
        self._lessons.stop()
        return {}

    async def words(self) -> dict[str, Any]:
        """Return every taught word."""
        return {"words": await asyncio.to_thread(self._lessons.words)}

    async def forget(self, model: str, word: str) -> dict[str, Any]:
        """Remove a word."""
        await asyncio.to_thread(self._lessons.forget, model, word)
        await self._inputs.reload_model(model)
        return await self.words()

    async def not_this(self, position: int, word: str, keep: bool = False) -> dict[str, Any]:
        """Return what it costs a word to unlearn the audio that ends there; done with ``keep``."""
        n_samples = ALARM_HOPS * HOP_SAMPLES + round(ALARM_LEAD_SECONDS * SAMPLE_RATE_HZ)
        pcm = self._observer.state.audio.read(position - n_samples, n_samples)
        if pcm is None:
            raise ConfigError("the audio of that moment is no longer available; choose one of the last ten minutes")
        samples = soxr.resample(pcm16_to_float(pcm), SAMPLE_RATE_HZ, SPEECH_RATE_HZ)
        model = self._observer.spotter.model.card.name
        told = await asyncio.to_thread(self._lessons.not_this, model, word, samples, keep)
        if keep:
            await self._inputs.reload_model(model)
        return {"told": told}

    async def rename(self, model: str, word: str, new: str) -> dict[str, Any]:
        """Rename a word."""
        await asyncio.to_thread(self._lessons.rename, model, word, new)
        await self._inputs.reload_model(model)
        return await self.words()
