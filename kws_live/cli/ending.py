"""How a command that runs for long ends: by a signal, a closed terminal, a reader that has left, a full disk."""

import errno
import os
import select
import sys
from collections.abc import Callable
from contextlib import suppress
from typing import Final

from kws_live.cli.signals import signals
from kws_live.events import Event
from kws_live.live.capture import POLL_SECONDS
from kws_live.spotter import Spotter

EXIT_CODES: Final = """\
0 the source ended; 1 an error, reported in one line, or a sink or callback failed; 2 wrong usage; 141 the reader of the
output has gone. Ctrl-C, SIGTERM and a closed terminal end the program by that signal, which a shell shows as 130, 143
and 129. A second signal ends it at once, and so do 8 seconds without an end"""

_OUTPUT_ERRORS: Final = {errno.EPIPE, errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO}
_REFUSALS: Final = {errno.EACCES, errno.EPERM, errno.EROFS, errno.ENAMETOOLONG, errno.ELOOP, errno.ENOSPC, errno.EDQUOT}


class Output:
    """Prints events; what breaks the output is kept for `wait`, which ends the listening.

    Parameters
    ----------
    tell : prints one event
    """

    def __init__(self, tell: Callable[[Event], None]) -> None:
        self.error: OSError | None = None
        self._tell = tell

    def send(self, event: Event) -> None:
        if self.error is None:
            try:
                self._tell(event)
            except OSError as error:
                self.error = error

    def wait(self, spotter: Spotter) -> None:
        """Listen until the source ends, a signal has come or the output breaks.

        Raises
        ------
        EndedBySignalError
            If a signal has come.
        OSError
            If the output cannot be written, or its reader has left: known at once, not at the next event.
        """
        while self.error is None and not spotter.wait(POLL_SECONDS):
            signals.check()
            if reader_has_left():
                raise BrokenPipeError(errno.EPIPE, os.strerror(errno.EPIPE))
        if self.error is not None:
            raise self.error


def reader_has_left() -> bool:
    """Whether standard output is a pipe whose reader has left; False where the system cannot tell."""
    if not hasattr(select, "poll"):
        return False
    try:
        poll = select.poll()
        poll.register(sys.stdout.fileno(), 0)
        return any(what & select.POLLERR for _, what in poll.poll(0))
    except (OSError, ValueError, AttributeError):  # standard output is closed, or no file
        return False


def is_output_error(error: OSError) -> bool:
    """Whether it came from writing to standard output: what fails on a named file names it."""
    on_windows = sys.platform == "win32" and error.errno == errno.EINVAL  # its word for a broken pipe
    return error.filename is None and (error.errno in _OUTPUT_ERRORS or on_windows)


def is_refusal(error: OSError) -> bool:
    """Whether the system does not let a file be used, whatever the program does with it."""
    return error.filename is not None and error.errno in _REFUSALS


def output_broke(error: OSError) -> int:
    """Say that the output broke, unless its reader simply left; the exit code."""
    # What is still in the buffer must not fail again at the exit.
    with suppress(OSError, ValueError, AttributeError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    if error.errno in (errno.EPIPE, errno.EINVAL):
        return 141
    with suppress(OSError):
        print(f"kws-live: cannot write the output: {error.strerror}", file=sys.stderr)
    return 1
