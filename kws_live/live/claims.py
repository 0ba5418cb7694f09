"""Registry of sources in use, since two threads must not read the same source."""

import threading

from kws_live.errors import SessionError
from kws_live.sources import AudioSource

_lock = threading.Lock()
_claimed: list[AudioSource] = []


def claim(source: AudioSource) -> None:
    """Register a source as in use.

    Raises
    ------
    SessionError
        If it is already in use.
    """
    with _lock:
        if any(one is source for one in _claimed):
            raise SessionError(f"{source.name!r} is already in use; open it again for another listener")
        _claimed.append(source)


def release(source: AudioSource) -> None:
    """Unregister a source."""
    with _lock:
        _claimed[:] = [one for one in _claimed if one is not source]
