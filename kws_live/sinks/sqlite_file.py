"""Events in an SQLite database, to be asked questions later."""

import json
import math
import sqlite3
from datetime import UTC, datetime
from pathlib import Path

from kws_live.errors import ActionError, ConfigError
from kws_live.events import Event
from kws_live.outbox import Outbox

TABLE = """
CREATE TABLE IF NOT EXISTS events (
  id INTEGER PRIMARY KEY, at TEXT NOT NULL, type TEXT NOT NULL, keyword TEXT, score REAL,
  seconds REAL NOT NULL, position INTEGER NOT NULL, source TEXT NOT NULL, event TEXT NOT NULL
)
"""


class SqliteFile:
    """Inserts every event into the table ``events``: its main values as columns, all of it as JSON in ``event``.

    ``at`` is the time of day (UTC) it was sent. Another program may read meanwhile; while one holds the database
    locked, events wait.

    Parameters
    ----------
    path : the database; made if it is not there

    Raises
    ------
    ConfigError
        If it cannot be opened, or is no database.
    """

    def __init__(self, path: str) -> None:
        if not path:
            raise ConfigError("sqlite: needs a path, as in sqlite:events.db")
        try:
            # The outbox's thread uses it after this one: never both at once.
            self._database = sqlite3.connect(Path(path).expanduser(), timeout=1.0, check_same_thread=False)
            with self._database:
                self._database.execute("PRAGMA journal_mode=WAL")  # readers do not wait for the writer, nor it for them
                self._database.execute(TABLE)
        except sqlite3.Error as error:
            raise ConfigError(f"cannot write events to {path!r}: {error}") from error
        self._path = path
        self._outbox = Outbox(f"sqlite:{path}", self._insert, oldest_seconds=math.inf)

    def _insert(self, event: Event, at: str = "") -> None:
        values = event.to_dict()
        row = (at, *(values.get(name) for name in ("type", "keyword", "score", "seconds", "position", "source")))
        try:
            with self._database:
                self._database.execute(
                    "INSERT INTO events (at, type, keyword, score, seconds, position, source, event) "
                    "VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
                    (*row, json.dumps(values, ensure_ascii=False)),
                )
        except sqlite3.OperationalError as error:  # locked, disk full: may pass
            raise ActionError(f"cannot write to {self._path!r}: {error}", again=True) from error

    def send(self, event: Event) -> None:
        at = datetime.now(UTC).isoformat(timespec="milliseconds")
        self._outbox.put(event, lambda event: self._insert(event, at))

    def close(self) -> None:
        self._outbox.close()
        self._database.close()
