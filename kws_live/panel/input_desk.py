"""Requests about the source and the model: list them, change them, replay a recording."""

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
    """Changes the source and the model.

    Parameters
    ----------
    observer : what is shown

    Attributes
    ----------
    loops : whether a recording is repeated when it ends
    """

    def __init__(self, observer: Observer) -> None:
        self.loops = False
        self._observer = observer
        self._spotter = observer.spotter
        # The source with which the program was started stays selectable.
        self._first_source = None if self._spotter.address is None else str(self._spotter.address)
        self._first_name = self._spotter.source.name
        self._first_model = self._spotter.model
        self._offered: set[str] = set()

    @property
    def can_play(self) -> bool:
        """Whether the source can be played from its start."""
        address = self._spotter.address
        if address is None or self._spotter.source.live:
            return False
        return isinstance(address, Path) or not address.startswith("stdin")

    async def sources(self) -> dict[str, Any]:
        """Return the sources that may be selected."""
        choices = await asyncio.to_thread(source_choices)
        offered = {choice["source"] for choice in choices}
        if self._first_source is not None and self._first_source not in offered:
            choices.append({"source": self._first_source, "name": self._first_name})
        self._offered = {choice["source"] for choice in choices}
        return {"choices": choices}

    async def source(self, name: str) -> dict[str, Any]:
        """Change to a source."""
        # Only offered sources: a page must not open files by their path.
        if name not in self._offered:
            raise ConfigError(f"source {name!r} was not offered; request the list first")
        await self._go_over(name)
        return {"name": name}

    async def play(self) -> dict[str, Any]:
        """Play the recording again from its start."""
        address = self._spotter.address
        if address is None or not self.can_play:
            raise ConfigError(f"{self._spotter.source.name!r} cannot be played again; choose another source")
        await self._go_over(address)
        return {}

    async def _go_over(self, source: str | Path) -> None:
        self._spotter.stay()  # so that another source may follow when this one ends
        await asyncio.to_thread(self._spotter.change_source, source)

    def loop(self, on: bool) -> dict[str, Any]:
        """Turn repeating of recordings on or off."""
        self.loops = on
        return {"on": on}

    async def keep_playing(self) -> None:
        """Repeat a recording that has ended, if repeating is on."""
        condition = self._spotter.condition()
        if self.loops and self.can_play and condition.source_has_ended and not condition.is_over:
            try:
                await self.play()
            except KwsLiveError as error:
                self.loops = False
                log.warning("cannot play the recording again: %s", one_line(error))

    async def models(self) -> dict[str, Any]:
        """Return the models that may be selected, and which is in use."""
        names = await asyncio.to_thread(model_choices)
        first = self._first_model.card.name
        now = self._spotter.model.card.name
        return {"names": names if first in names else [first, *names], "now": now}

    async def use_model(self, name: str) -> dict[str, Any]:
        """Change to a model."""
        if name not in (await self.models())["names"]:  # a page must not open folders by their path
            raise ConfigError(f"there is no model {name!r} here; request the list first")
        known = await asyncio.to_thread(model_choices)
        await asyncio.to_thread(self._change_model, name if name in known else self._first_model)
        return {"name": name}

    async def reload_model(self, name: str) -> None:
        """Reload a model whose words have changed, if it is in use."""
        if self._spotter.model.card.name == name:
            await asyncio.to_thread(self._change_model, name)

    def _change_model(self, model: str | Model) -> None:
        self._spotter.change_model(load_model(model) if isinstance(model, str) else model)
