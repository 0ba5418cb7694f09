"""Has a file changed since it was last asked?"""

import stat
from pathlib import Path


class FileWatch:
    """Looks at a file when asked; a pipe never changes, for it can be read only once.

    Parameters
    ----------
    path : of the file; begin to watch before it is read, so that no change is missed
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._seen = self._stamp()

    def changed(self) -> bool:
        """Whether it is another file, or has another content, than when it was last asked, or at the start.

        An editor may replace a file: one that is gone for a moment has not changed.
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
