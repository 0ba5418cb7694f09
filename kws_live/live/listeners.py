"""The interface between a session and the receivers of its events."""

from typing import Protocol


class Listeners(Protocol):
    """Called on the session's own threads."""

    def hold(self) -> object:
        """Called before each event on the dispatcher thread; returns when there is a receiver."""

    def drain(self) -> object:
        """Called after the last event on the dispatcher thread; the session ends when it returns."""

    def runs_here(self) -> bool:
        """Whether `drain` would wait for the caller."""

    def busy_since(self) -> float | None:
        """Return the start of the longest running call of a receiver, by `time.monotonic`; None: no call."""


class Direct:
    """No receivers except the function called for each event."""

    def hold(self) -> None: ...

    def drain(self) -> None: ...

    def runs_here(self) -> bool:
        return False

    def busy_since(self) -> float | None:
        return None
