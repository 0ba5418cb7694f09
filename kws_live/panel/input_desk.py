"""What a page asks of the source and the model: which there are, to go over to another, to play one again."""

import asyncio
import logging
from pathlib import Path
from typing import Any

from kws_live.errors import ConfigError, KwsLiveError
from kws_live.model import Model, load_model
from kws_live.panel.choices import model_choices, source_choices
from kws_live.panel.observer import Observer
from kws_live.system.outside_log import one_line, spare

log = spare(logging.getLogger(__name__))


class InputDesk:
    """Changes what is listened to, and with which model.

    Parameters
    ----------
    observer : what is shown

    Attributes
    ----------
    loops : whether a recording is played again whenever it has ended
    """

    def __init__(self, observer: Observer) -> None:
        self.loops = False
        self._observer = observer
        self._spotter = observer.spotter
        # What the program was started with may always be gone back to.
        self._first_source = None if self._spotter.address is None else str(self._spotter.address)
        self._first_name = self._spotter.source.name
        self._first_model = self._spotter.model
        self._offered: set[str] = set()

    @property
    def can_play(self) -> bool:
        """Whether the source can be played from its begin."""
        address = self._spotter.address
        if address is None or self._spotter.source.live:
            return False
        return isinstance(address, Path) or not address.startswith("stdin")

    async def sources(self) -> dict[str, Any]:
        """The sources that may be chosen."""
        choices = await asyncio.to_thread(source_choices)
        offered = {choice["source"] for choice in choices}
        if self._first_source is not None and self._first_source not in offered:
            choices.append({"source": self._first_source, "name": self._first_name})
        self._offered = {choice["source"] for choice in choices}
        return {"choices": choices}

    async def source(self, name: str) -> dict[str, Any]:
        """Go over to a source."""
        # Only what was offered: a page must not open files by their path.
        if name not in self._offered:
            raise ConfigError(f"source {name!r} was not offered; ask for the list first")
        await self._go_over(name)
        return {"name": name}

    async def play(self) -> dict[str, Any]:
        """Play the recording again from its begin."""
        address = self._spotter.address
        if address is None or not self.can_play:
            raise ConfigError(f"{self._spotter.source.name!r} cannot be played again; choose another source")
        await self._go_over(address)
        return {}

    async def _go_over(self, source: str | Path) -> None:
        self._spotter.stay()  # what is chosen here and ends may be followed by something else
        await asyncio.to_thread(self._spotter.change_source, source)

    def loop(self, on: bool) -> dict[str, Any]:
        """Play recordings again and again, or no more."""
        self.loops = on
        return {"on": on}

    async def keep_playing(self) -> None:
        """Play a recording again that has ended, if that is wished."""
        condition = self._spotter.condition()
        if self.loops and self.can_play and condition.source_has_ended and not condition.is_over:
            try:
                await self.play()
            except KwsLiveError as error:
                self.loops = False
                log.warning("cannot play it again: %s", one_line(error))

    async def models(self) -> dict[str, Any]:
        """The models that may be chosen, and which one listens."""
        names = await asyncio.to_thread(model_choices)
        first = self._first_model.card.name
        now = self._spotter.model.card.name
        return {"names": names if first in names else [first, *names], "now": now}

    async def use_model(self, name: str) -> dict[str, Any]:
        """Go over to a model."""
        if name not in (await self.models())["names"]:  # a page must not open folders by their path
            raise ConfigError(f"there is no model {name!r} here; ask for the list first")
        known = await asyncio.to_thread(model_choices)
        await asyncio.to_thread(self._change_model, name if name in known else self._first_model)
        return {"name": name}

    async def reload_model(self, name: str) -> None:
        """The words of a model have changed: listen to them, if it is the one that listens."""
        if self._spotter.model.card.name == name:
            await asyncio.to_thread(self._change_model, name)

    def _change_model(self, model: str | Model) -> None:
        self._spotter.change_model(load_model(model) if isinstance(model, str) else model)
