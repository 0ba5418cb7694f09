"""Detection of changes to a file."""

import stat
from pathlib import Path


class FileWatch:
    """Checks a file for changes on request; a pipe never counts as changed, because it can be read only once.

    Parameters
    ----------
    path : of the file; create the watch before reading the file, so that no change is missed
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._seen = self._stamp()

    def changed(self) -> bool:
        """Whether the file was replaced or modified since the last call, or since the start.

        A missing file does not count as changed, because editors may replace files.
        """
        stamp = self._stamp()
        if stamp is None or stamp == self._seen:
            return False
        self._seen = stamp
        return True

    def _stamp(self) -> tuple[int, int, int] | None:
        try:
            status = self._path.stat()
        except OSError:
            return None
        return (status.st_mtime_ns, status.st_size, status.st_ino) if stat.S_ISREG(status.st_mode) else None
