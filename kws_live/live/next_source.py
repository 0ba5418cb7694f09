"""The next source, until it takes over."""

import logging
import threading
from collections.abc import Callable

from kws_live.errors import SessionError
from kws_live.sources import AudioSource

log = logging.getLogger(__name__)

Reopen = Callable[[], AudioSource]
Change = tuple[AudioSource, Reopen | None]


class NextSource:
    """Holds an open source until it is taken; otherwise closes it."""

    def __init__(self) -> None:
        self._change: Change | None = None
        self._closed = False
        self._lock = threading.Lock()

    def put(self, source: AudioSource, reopen: Reopen | None) -> None:
        """Offer a source, replacing the previous offer.

        Raises
        ------
        SessionError
            After `close`; the source is closed.
        """
        with self._lock:
            if self._closed:
                close_source(source)
                raise SessionError("listening has ended, so there is no source to change; start again")
            if self._change is not None:
                close_source(self._change[0])
            self._change = source, reopen

    def take(self) -> Change | None:
        """Return the last offer, once; None if there is none."""
        with self._lock:
            change, self._change = self._change, None
            return change

    def close(self) -> None:
        """Accept no more sources."""
        with self._lock:
            self._closed = True
            if self._change is not None:
                close_source(self._change[0])
                self._change = None


def close_source(source: AudioSource) -> None:
    """Close a source; errors are logged."""
    try:
        source.close()
    except Exception:
        log.exception("the source %r failed to close", source.name)
