"""What a page asks of the words that were taught."""

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
"""Of a false alarm: as far back as its score reaches, and the room before it."""

ALARM_LEAD_SECONDS: Final = 0.02
"""Before them: two frames, so that the hops of the recording end where those of the stream did."""


class WordsDesk:
    """Begins lessons, and changes the words that were taught.

    Parameters
    ----------
    observer : of the sound that takes are cut from
    lessons : given from here
    inputs : whose model is read anew when its words change
    """

    def __init__(self, observer: Observer, lessons: Lessons, inputs: InputDesk) -> None:
        self._observer = observer
        self._lessons = lessons
        self._inputs = inputs

    async def teach(self, word: str, adapt: bool = False) -> dict[str, Any]:
        """Begin a lesson."""
        if self._observer.ended:
            raise ConfigError("the sound has ended, so nothing can be said; choose a microphone first")
        await asyncio.to_thread(self._lessons.begin, word, adapt)
        return {}

    def stop(self) -> dict[str, Any]:
        """Break the lesson off."""
        self._lessons.stop()
        return {}

    async def words(self) -> dict[str, Any]:
        """Every taught word."""
        return {"words": await asyncio.to_thread(self._lessons.words)}

    async def forget(self, model: str, word: str) -> dict[str, Any]:
        """Take a word away."""
        await asyncio.to_thread(self._lessons.forget, model, word)
        await self._inputs.reload_model(model)
        return await self.words()

    async def not_this(self, position: int, word: str, keep: bool = False) -> dict[str, Any]:
        """What it costs a word of the model that listens never to fire again on what ends there; done if kept."""
        n_samples = ALARM_HOPS * HOP_SAMPLES + round(ALARM_LEAD_SECONDS * SAMPLE_RATE_HZ)
        pcm = self._observer.state.audio.read(position - n_samples, n_samples)
        if pcm is None:
            raise ConfigError("the sound of that moment is not remembered any more; the last ten minutes are")
        samples = soxr.resample(pcm16_to_float(pcm), SAMPLE_RATE_HZ, SPEECH_RATE_HZ)
        model = self._observer.spotter.model.card.name
        told = await asyncio.to_thread(self._lessons.not_this, model, word, samples, keep)
        if keep:
            await self._inputs.reload_model(model)
        return {"told": told}

    async def rename(self, model: str, word: str, new: str) -> dict[str, Any]:
        """Give a word another name."""
        await asyncio.to_thread(self._lessons.rename, model, word, new)
        await self._inputs.reload_model(model)
        return await self.words()
