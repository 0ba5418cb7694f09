"""What a page asks of the words that were taught."""

import asyncio
from typing import Any

from kws_live.errors import ConfigError
from kws_live.panel.input_desk import InputDesk
from kws_live.panel.lesson import Lessons
from kws_live.panel.observer import Observer


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

    async def rename(self, model: str, word: str, new: str) -> dict[str, Any]:
        """Give a word another name."""
        await asyncio.to_thread(self._lessons.rename, model, word, new)
        await self._inputs.reload_model(model)
        return await self.words()
