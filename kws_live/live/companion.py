"""What runs beside a session, from its start to its end."""

from typing import TYPE_CHECKING

from kws_live.model import Model

if TYPE_CHECKING:
    from kws_live.live.audience import Audience
    from kws_live.live.session import Session


class Companion:
    """Does nothing at any of its moments."""

    def meet(self, session: "Session", audience: "Audience") -> None:
        """What it will run beside; ``audience`` is told of the session's events."""

    def start(self) -> None:
        """The session is about to start."""

    def look(self) -> None:
        """Called now and then while the session runs; must be quick."""

    def change_model(self, model: Model) -> None:
        """The session has gone over to another model."""

    def stop(self) -> None:
        """The session has ended, or never began; may be called twice."""
