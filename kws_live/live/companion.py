"""What runs beside a session, from its start to its end."""

from kws_live.model import Model


class Companion:
    """Does nothing at any of its moments."""

    def start(self) -> None:
        """The session is about to start."""

    def look(self) -> None:
        """Called now and then while the session runs; must be quick."""

    def change_model(self, model: Model) -> None:
        """The session has gone over to another model."""

    def stop(self) -> None:
        """The session has ended, or never began; may be called twice."""
