"""How a long-running command ends: by a signal, a closed terminal, a closed pipe or a full disk."""

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
0 the source ended; 1 an error, reported in one line, or a failed sink or callback; 2 wrong usage; 141 the reader of
the output exited. Ctrl-C, SIGTERM and a closed terminal end the program by that signal, which a shell shows as 130,
143 and 129. A second signal ends it immediately; so does a time limit of 8 seconds"""

_OUTPUT_ERRORS: Final = {errno.EPIPE, errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO}
_REFUSALS: Final = {
    errno.EACCES,
    errno.EDQUOT,
    errno.EEXIST,
    errno.ELOOP,
    errno.ENAMETOOLONG,
    errno.ENOSPC,
    errno.ENOTDIR,
    errno.EPERM,
    errno.EROFS,
}


class Output:
    """Prints events; an output error is kept for `wait`, which then stops listening.

    Parameters
    ----------
    tell : prints one event
    """

    name: Final = "standard output"

    def __init__(self, tell: Callable[[Event], None]) -> None:
        self.error: OSError | None = None
        self._tell = tell

    def __call__(self, event: Event) -> None:
        if self.error is None:
            try:
                self._tell(event)
            except OSError as error:
                self.error = error

    def wait(self, spotter: Spotter) -> None:
        """Listen until the source ends, a signal arrives or the output fails.

        Raises
        ------
        EndedBySignalError
            If a signal arrived.
        OSError
            If the output cannot be written, or its reader exited; noticed immediately, not at the next event.
        """
        while self.error is None and not spotter.wait(POLL_SECONDS):
            signals.check()
            if reader_has_left():
                raise BrokenPipeError(errno.EPIPE, os.strerror(errno.EPIPE))
        if self.error is not None:
            raise self.error


def reader_has_left() -> bool:
    """Whether standard output is a pipe whose reader exited; False on systems that cannot report it."""
    if not hasattr(select, "poll"):
        return False
    try:
        poll = select.poll()
        poll.register(sys.stdout.fileno(), 0)
        return any(what & select.POLLERR for _, what in poll.poll(0))
    except (OSError, ValueError, AttributeError):  # standard output is closed or not a file
        return False


def is_output_error(error: OSError) -> bool:
    """Whether the error is from writing to standard output; errors of named files have a file name."""
    on_windows = sys.platform == "win32" and error.errno == errno.EINVAL  # its code for a broken pipe
    return error.filename is None and (error.errno in _OUTPUT_ERRORS or on_windows)


def is_refusal(error: OSError) -> bool:
    """Whether the system refuses access to a file."""
    return error.filename is not None and error.errno in _REFUSALS


def output_broke(error: OSError) -> int:
    """Report that the output failed, unless its reader just exited; returns the exit code."""
    # Flushing the buffer must not fail again at exit.
    with suppress(OSError, ValueError, AttributeError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    if error.errno in (errno.EPIPE, errno.EINVAL):
        return 141
    with suppress(OSError):
        print(f"kws-live: cannot write the output: {error.strerror}", file=sys.stderr)
    return 1
