"""Sources that are listened to: two threads must not read one of them."""

import threading

from kws_live.errors import SessionError
from kws_live.sources import AudioSource

_lock = threading.Lock()
_claimed: list[AudioSource] = []


def claim(source: AudioSource) -> None:
    """Note that a source is listened to.

    Raises
    ------
    SessionError
        If it is already.
    """
    with _lock:
        if any(one is source for one in _claimed):
            raise SessionError(f"{source.name!r} is listened to already; open it once more")
        _claimed.append(source)


def release(source: AudioSource) -> None:
    """Note that it is no longer."""
    with _lock:
        _claimed[:] = [one for one in _claimed if one is not source]
