"""Events in an SQLite database, for later queries."""

import json
import math
import os
import sqlite3
from datetime import UTC, datetime

from kws_live.actions import plain, shortened
from kws_live.actions.outbox import Outbox
from kws_live.errors import ActionError, ConfigError
from kws_live.events import Event
from kws_live.sinks.log_file import OWNER_ONLY, private_folders
from kws_live.system.text_file import user_path

TABLE = """
CREATE TABLE IF NOT EXISTS events (
  id INTEGER PRIMARY KEY, at TEXT NOT NULL, type TEXT NOT NULL, keyword TEXT, score REAL,
  seconds REAL NOT NULL, position INTEGER NOT NULL, source TEXT NOT NULL, event TEXT NOT NULL
)
"""


class SqliteFile:
    """Inserts every event into the table ``events``: its main values as columns, all of it as JSON in ``event``.

    ``at`` is the time of day (UTC) it was sent. Another program may read meanwhile; while one holds the database
    locked, events wait. A database that was renamed or deleted is created again at the next event.

    Parameters
    ----------
    path : the database; created with its folders if missing, readable by the owner only

    Raises
    ------
    ConfigError
        If it cannot be opened, or is not a database.
    """

    oldest_seconds = math.inf

    def __init__(self, path: str) -> None:
        if not path:
            raise ConfigError("sqlite: needs a path, as in sqlite:events.db")
        self.name = f"sqlite:{plain(path)}"
        self._path = user_path(path)
        self._named = shortened(path)
        try:
            self._open()
        except (sqlite3.Error, OSError) as error:
            raise ConfigError(f"cannot write events to {self._named}: {error}") from error
        self._outbox = Outbox(self.name, oldest_seconds=math.inf)

    def _open(self) -> None:
        private_folders(self._path)
        file = os.open(self._path, os.O_RDWR | os.O_CREAT, OWNER_ONLY)
        try:
            self._stamp = os.fstat(file)
        finally:
            os.close(file)
        # The outbox's thread uses it after this one, never at the same time.
        self._database = sqlite3.connect(self._path, timeout=1.0, check_same_thread=False)
        try:
            with self._database:
                self._database.execute("PRAGMA journal_mode=WAL")  # readers do not wait for the writer, nor it for them
                self._database.execute("PRAGMA wal_autocheckpoint=1")  # so that the file is complete if it is moved
                self._database.execute(TABLE)
        except sqlite3.Error:
            self._database.close()
            raise

    def _is_gone(self) -> bool:
        try:
            there = self._path.stat()
        except FileNotFoundError:
            return True
        return (there.st_dev, there.st_ino) != (self._stamp.st_dev, self._stamp.st_ino)

    def _insert(self, event: Event, at: str) -> None:
        values = event.to_dict()
        row = (at, *(values.get(name) for name in ("type", "keyword", "score", "seconds", "position", "source")))
        try:
            if self._is_gone():
                self._database.close()
                self._open()
            with self._database:
                self._database.execute(
                    "INSERT INTO events (at, type, keyword, score, seconds, position, source, event) "
                    "VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
                    (*row, json.dumps(values, ensure_ascii=False)),
                )
        except (sqlite3.Error, OSError) as error:  # locked, or disk full: perhaps temporary
            raise ActionError(f"cannot write to {self._named}: {error}", again=True) from error

    @property
    def n_lost(self) -> int:
        """Number of events that were not written."""
        return self._outbox.n_lost

    def send(self, event: Event) -> None:
        at = datetime.now(UTC).isoformat(timespec="milliseconds")
        self._outbox.put(event, lambda event: self._insert(event, at))

    def close(self) -> None:
        self._outbox.close()
        self._database.close()
