"""What a session knows of those whom its events are handed to."""

from typing import Protocol


class Listeners(Protocol):
    """Asked on the session's own threads."""

    def hold(self) -> object:
        """Called before each event on the dispatcher thread; returns when there is something to tell it to."""

    def drain(self) -> object:
        """Called after the last event on the dispatcher thread; the session ends when it returns."""

    def runs_here(self) -> bool:
        """Whether the caller is something that `drain` waits for."""

    def busy_since(self) -> float | None:
        """Since when something that events are handed to has not returned, by `time.monotonic`; None: nothing is."""


class Direct:
    """There are none beside the function that is called for each event."""

    def hold(self) -> None: ...

    def drain(self) -> None: ...

    def runs_here(self) -> bool:
        return False

    def busy_since(self) -> float | None:
        return None
