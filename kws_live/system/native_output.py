"""Native libraries write to descriptor 2 past Python; this keeps their chatter off the terminal."""

import ctypes
import logging
import os
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache

_one_at_a_time = threading.RLock()


@contextmanager
def quiet_stderr() -> Iterator[None]:
    """Send descriptor 2 to nowhere while the ``with`` block runs; for the whole process, so keep it short.

    One thread at a time: a second one would keep the nowhere of the first, and put that back.
    """
    with _one_at_a_time:
        try:
            kept = os.dup(2)
        except OSError:  # no stderr: nothing to keep quiet
            yield
            return
        null = os.open(os.devnull, os.O_WRONLY)
        try:
            os.dup2(null, 2)
            yield
        finally:
            os.dup2(kept, 2)
            os.close(kept)
            os.close(null)


@cache  # each time opens a file for good
def silence_c_stderr() -> None:
    """Send what C libraries print through C's ``stderr`` to nowhere, for good.

    ALSA and PortAudio print from threads of their own whenever a device goes, so no short silence would do. Python,
    whose ``sys.stderr`` writes to the descriptor itself, is not touched. With debug logging on, nothing is silenced.
    """
    if sys.platform == "win32" or logging.getLogger(__name__).isEnabledFor(logging.DEBUG):
        return
    try:
        c_library = ctypes.CDLL(None)
        stream = ctypes.c_void_p.in_dll(c_library, "__stderrp" if sys.platform == "darwin" else "stderr")
        c_library.fopen.restype = ctypes.c_void_p
        if null := c_library.fopen(os.devnull.encode(), b"w"):
            stream.value = null
    except (OSError, ValueError, AttributeError):  # another C library: its messages stay
        return
