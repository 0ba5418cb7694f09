"""Native libraries write to descriptor 2 past Python; this keeps their chatter off the terminal."""

import os
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def quiet_stderr() -> Iterator[None]:
    """Send descriptor 2 to nowhere while the ``with`` block runs; for the whole process, so keep it short."""
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
