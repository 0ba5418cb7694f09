import csv
import json
import os
import re
import shutil
import sqlite3
import stat
from pathlib import Path

import pytest

from kws_live.errors import ActionError, ConfigError
from kws_live.events import AudioSkipped, NearMiss
from kws_live.sinks import open_sink
from tests.spoken import spoken, wait_until

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
@pytest.mark.parametrize("room_bytes", [0, 7])
def test_a_full_disk_is_told_and_whole_lines_are_there_once_there_is_room(
    tmp_path: Path, scheme: str, room_bytes: int
) -> None:
    resource = pytest.importorskip("resource", reason="there is no limit to the size of a file")
    path = tmp_path / "events"
    sink = open_sink(f"{scheme}:{path}")
    sink.send(EVENTS[0])
    kept = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (path.stat().st_size + room_bytes, kept[1]))
    try:
        for _ in range(2):
            with pytest.raises(ActionError, match=f"File too large: {re.escape(repr(str(path)))}") as failure:
                sink.send(EVENTS[1])
            assert failure.value.again
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, kept)
    for event in EVENTS[1:]:
        sink.send(event)
    sink.close()
    assert lines(path) == ["detection", "near_miss", "audio_skipped"]


def lines(path: Path) -> list[str]:
    """The types of the events in a file, each line of which must be whole."""
    text = path.read_text(encoding="utf-8")
    assert text.endswith("\n")
    if not text.startswith("{"):
        return [row["type"] for row in csv.DictReader(text.splitlines())]
    return [json.loads(line)["type"] for line in text.splitlines()]


@pytest.mark.parametrize("scheme", ["csv", "jsonl"])
def test_a_line_that_was_cut_does_not_spoil_the_next_one(tmp_path: Path, scheme: str) -> None:
    path = tmp_path / "events"
    sink = open_sink(f"{scheme}:{path}")
    sink.send(EVENTS[0])
    sink.close()
    path.write_bytes(path.read_bytes()[:-9])  # as when the machine lost power
    sink = open_sink(f"{scheme}:{path}")
    sink.send(EVENTS[1])
    sink.close()
    last = path.read_text(encoding="utf-8").splitlines()[-1]
    assert "near_miss" in last
    assert "detection" not in last


@pytest.mark.skipif(os.name == "nt", reason="there an open file cannot be moved away")
@pytest.mark.parametrize("scheme", ["csv", "jsonl", "sqlite"])
@pytest.mark.parametrize("how", ["renamed", "deleted", "deleted with its folder", "emptied"])
def test_a_file_that_goes_away_is_made_anew(tmp_path: Path, scheme: str, how: str) -> None:
    if (scheme, how) == ("sqlite", "emptied"):
        pytest.skip("no database is emptied so")
    path = tmp_path / "logs" / "events"
    sink = open_sink(f"{scheme}:{path}")
    sink.send(EVENTS[0])
    wait_until(lambda: found(scheme, path) == ["detection"])
    match how:
        case "renamed":
            path.rename(path.with_name("events.1"))
        case "deleted":
            path.unlink()
        case "emptied":
            os.truncate(path, 0)
        case _:
            shutil.rmtree(path.parent)
    for event in EVENTS[1:]:
        sink.send(event)
    sink.close()
    assert found(scheme, path) == ["near_miss", "audio_skipped"]
    if how == "renamed":
        assert found(scheme, path.with_name("events.1")) == ["detection"]


def found(scheme: str, path: Path) -> list[str]:
    if scheme != "sqlite":
        return lines(path)
    database = sqlite3.connect(path)
    try:
        return [row[0] for row in database.execute("SELECT type FROM events ORDER BY id")]
    finally:
        database.close()


@pytest.mark.skipif(os.name == "nt", reason="modes are POSIX's")
@pytest.mark.parametrize("scheme", ["csv", "jsonl", "sqlite"])
def test_what_is_made_is_for_its_owner_alone_and_what_was_there_stays_as_it_is(tmp_path: Path, scheme: str) -> None:
    path = tmp_path / "new" / "folder" / "events"
    kept = os.umask(0o022)
    try:
        sink = open_sink(f"{scheme}:{path}")
        sink.send(EVENTS[0])
        sink.close()
        made = [path, path.parent, path.parent.parent]
        assert [stat.S_IMODE(one.stat().st_mode) for one in made] == [0o600, 0o700, 0o700]
        path.chmod(0o640)
        open_sink(f"{scheme}:{path}").close()
        assert stat.S_IMODE(path.stat().st_mode) == 0o640
    finally:
        os.umask(kept)


def test_no_text_is_a_formula_to_a_spreadsheet(tmp_path: Path) -> None:
    path = tmp_path / "events.csv"
    sink = open_sink(f"csv:{path}")
    words = ["=cmd|'/C calc'!A0", "+1", "-1", "@SUM(A1)", "\tx", "\rx", "yes", "a=b"]
    for word in words:
        sink.send(spoken(word))
    sink.close()
    with path.open(encoding="utf-8", newline="") as file:
        told = [row["keyword"] for row in csv.DictReader(file)]
    assert told == [*(f"'{word}" for word in words[:6]), "yes", "a=b"]


@pytest.mark.parametrize("scheme", ["csv", "jsonl"])
def test_a_home_may_be_written_short(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, scheme: str) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("USERPROFILE", str(tmp_path))
    open_sink(f"{scheme}:~/events").close()
    assert (tmp_path / "events").is_file()
    with pytest.raises(ConfigError, match="'~no-such-user-here/events': there is no such home folder"):
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
def test_a_place_that_cannot_be_written_is_refused(scheme: str) -> None:
    with pytest.raises(ConfigError, match="needs a path"):
        open_sink(f"{scheme}:")
    with pytest.raises(ConfigError, match="cannot write events to"):
        open_sink(f"{scheme}:{Path(__file__) / 'file'}")


def test_what_is_no_database_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "letter.txt"
    path.write_text("Dear sir or madam, " * 100)
    with pytest.raises(ConfigError, match="file is not a database"):
        open_sink(f"sqlite:{path}")
