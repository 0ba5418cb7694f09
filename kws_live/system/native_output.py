"""Suppression of messages that native libraries write to descriptor 2, bypassing Python."""

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
    """Discard output to descriptor 2 during the ``with`` block; affects the whole process, so keep it short.

    One thread at a time: a second one would save the redirected descriptor of the first and restore that.
    """
    with _one_at_a_time:
        try:
            kept = os.dup(2)
        except OSError:  # no stderr: nothing to suppress
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


@cache  # each call would open another file
def silence_c_stderr() -> None:
    """Permanently discard what C libraries print to C's ``stderr``.

    ALSA and PortAudio print from their own threads whenever a device disappears, so a short suppression would not do.
    Python's ``sys.stderr`` uses the descriptor directly and is not affected. With debug logging, nothing is discarded.
    """
    if sys.platform == "win32" or logging.getLogger(__name__).isEnabledFor(logging.DEBUG):
        return
    try:
        c_library = ctypes.CDLL(None)
        stream = ctypes.c_void_p.in_dll(c_library, "__stderrp" if sys.platform == "darwin" else "stderr")
        c_library.fopen.restype = ctypes.c_void_p
        if null := c_library.fopen(os.devnull.encode(), b"w"):
            stream.value = null
    except (OSError, ValueError, AttributeError):  # an unknown C library: its messages stay
        return
