import csv
import json
import re
import sqlite3
from pathlib import Path

import pytest
from spoken import spoken, wait_until

from kws_live.errors import ConfigError
from kws_live.events import AudioSkipped, NearMiss
from kws_live.sinks import open_sink

EVENTS = (
    spoken("yes", 1.5),
    NearMiss(position=44_100, keyword="no", score=0.4, threshold=0.6, reason='it said "no", quietly'),
    AudioSkipped(position=66_150, n_samples=22_050),
)


def test_a_csv_table_holds_every_event_and_goes_on_where_it_was(tmp_path: Path) -> None:
    path = tmp_path / "events.csv"
    for event in EVENTS:
        sink = open_sink(f"csv:{path}")
        sink.send(event)
        sink.close()
    with path.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [(row["type"], row["keyword"], row["seconds"]) for row in rows] == [
        ("detection", "yes", "1.5"),
        ("near_miss", "no", "2.0"),
        ("audio_skipped", "", "3.0"),
    ]
    assert rows[1]["reason"] == 'it said "no", quietly'


def test_another_table_is_not_written_into(tmp_path: Path) -> None:
    path = tmp_path / "accounts.csv"
    path.write_text("date,sum\n2026-01-01,7\n")
    with pytest.raises(ConfigError, match=r"is another table \(its first line is 'date,sum'\)"):
        open_sink(f"csv:{path}")
    assert path.read_text() == "date,sum\n2026-01-01,7\n"


@pytest.mark.parametrize("scheme", ["csv", "jsonl"])
def test_a_file_that_takes_no_more_is_named(tmp_path: Path, scheme: str) -> None:
    resource = pytest.importorskip("resource", reason="there is no limit to the size of a file")
    path = tmp_path / "events"
    sink = open_sink(f"{scheme}:{path}")
    kept = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (path.stat().st_size, kept[1]))
    try:
        with pytest.raises(OSError, match=re.escape(str(path))):
            sink.send(EVENTS[0])
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, kept)
    sink.close()
    assert '"yes"' in path.read_text() or ",yes," in path.read_text()  # it is kept until there is room


@pytest.mark.parametrize("scheme", ["csv", "jsonl"])
def test_a_home_may_be_written_short(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, scheme: str) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("USERPROFILE", str(tmp_path))
    open_sink(f"{scheme}:~/events").close()
    assert (tmp_path / "events").is_file()
    with pytest.raises(ConfigError, match="cannot write events"):
        open_sink(f"{scheme}:~no-such-user-here/events")


def test_a_database_holds_every_event_and_can_be_read_meanwhile(tmp_path: Path) -> None:
    path = tmp_path / "events.db"
    sink = open_sink(f"sqlite:{path}")
    reader = sqlite3.connect(path)
    for event in EVENTS:
        sink.send(event)
    wait_until(lambda: reader.execute("SELECT count(*) FROM events").fetchone() == (3,))
    sink.close()
    rows = reader.execute("SELECT type, keyword, score, seconds, event FROM events ORDER BY id").fetchall()
    reader.close()
    assert [row[:4] for row in rows] == [
        ("detection", "yes", 0.9, 1.5),
        ("near_miss", "no", 0.4, 2.0),
        ("audio_skipped", None, None, 3.0),
    ]
    assert json.loads(rows[2][4])["n_samples"] == 22_050


def test_a_locked_database_delays_nobody_and_loses_nothing(tmp_path: Path) -> None:
    path = tmp_path / "events.db"
    sink = open_sink(f"sqlite:{path}")
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN EXCLUSIVE")
    for event in EVENTS:
        sink.send(event)  # returns although nothing can be written
    other.execute("ROLLBACK")
    wait_until(lambda: other.execute("SELECT count(*) FROM events").fetchone() == (3,))
    other.close()
    sink.close()


@pytest.mark.parametrize("scheme", ["csv", "sqlite"])
def test_a_place_that_cannot_be_written_is_refused(scheme: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="needs a path"):
        open_sink(f"{scheme}:")
    with pytest.raises(ConfigError, match="cannot write events to"):
        open_sink(f"{scheme}:{tmp_path / 'missing' / 'file'}")


def test_what_is_no_database_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "letter.txt"
    path.write_text("Dear sir or madam, " * 100)
    with pytest.raises(ConfigError, match="file is not a database"):
        open_sink(f"sqlite:{path}")
