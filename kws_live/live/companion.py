"""Hooks for parts that run alongside a session."""

from typing import TYPE_CHECKING

from kws_live.model import Model

if TYPE_CHECKING:
    from kws_live.live.audience import Audience
    from kws_live.live.session import Session


class Companion:
    """Base class whose hooks do nothing."""

    def meet(self, session: "Session", audience: "Audience") -> None:
        """Called first, with the session and the receivers of its events."""

    def start(self) -> None:
        """Called before the session starts."""

    def look(self) -> None:
        """Called regularly while the session runs; must return quickly."""

    def change_model(self, model: Model) -> None:
        """Called when the session has switched to another model."""

    def stop(self) -> None:
        """Called when the session has ended, or never started; may be called repeatedly."""
