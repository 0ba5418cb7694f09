import csv
import json
import os
import struct
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest
import soundfile
from pyarrow import parquet

from kws_live.errors import ConfigError, DatasetError
from kws_live.model import Model
from kws_live.scan.archive import cut, find_files, scan
from kws_live.scan.excerpt import Excerpt, Found, spot
from kws_live.spotting.decision_settings import DecisionSettings
from tests.evaluation.tone_model import ToneModel, write_sound
from tests.fakes import decision_settings, tone_words
from tests.scan.dying_workers import run_here

pytestmark = pytest.mark.slow

SETTINGS = decision_settings(gate_mode=None)
MODEL = ToneModel()


@pytest.fixture
def archive(tmp_path: Path) -> Path:
    """Three files of tones, one of them in a deeper folder, and one that is broken."""
    folder = tmp_path / "archive"
    (folder / "deep").mkdir(parents=True)
    for i, (name, seconds) in enumerate((("a.wav", 21.0), ("b.flac", 6.5), ("deep/c.ogg", 9.0))):
        words = [("yes", 1.0), ("no", 2.6 + 0.3 * i), ("stop", 5.0)]
        write_sound(folder / name, tone_words(words, seconds, 16_000), 16_000)
    (folder / "broken.mp3").write_bytes(b"no sound at all")
    (folder / "notes.txt").write_text("no sound", encoding="utf-8")
    return folder


def rows(path: Path) -> list[dict[str, object]]:
    table: list[dict[str, object]] = parquet.read_table(path).to_pylist()
    return table


class Killed(Exception):
    """Stands for a scan that is killed."""


class Runner:
    """Spots in this process, remembers what it was asked for, and may die after some excerpts."""

    def __init__(self, dies_after: int | None = None) -> None:
        self.asked: list[Excerpt] = []
        self.dies_after = dies_after

    def __call__(self, model: Model, settings: DecisionSettings, excerpts: Sequence[Excerpt]) -> Iterator[Found]:
        self.asked = list(excerpts)
        for number, found in enumerate(run_here(model, settings, excerpts)):
            if number == self.dies_after:
                raise Killed
            yield found


def test_words_are_found_with_file_and_time(archive: Path, tmp_path: Path) -> None:
    out = tmp_path / "events.parquet"
    total: list[float] = []
    done: list[float] = []
    result = scan([archive], out, MODEL, SETTINGS, run_here, 4, total.append, done.append)
    assert result.n_files == 4
    assert result.audio_seconds == pytest.approx(36.5)
    assert sum(done) == pytest.approx(sum(total)) == pytest.approx(36.5)
    assert result.hours_per_cpu_hour == pytest.approx(result.audio_seconds / result.cpu_seconds)
    table = rows(out)
    assert [(Path(str(row["file"])).name, row["keyword"]) for row in table] == [
        (name, word) for name in ("a.wav", "b.flac", "c.ogg") for word in ("yes", "no", "stop")
    ]
    assert list(table[0]) == ["file", "keyword", "seconds", "decided_seconds", "word_end_seconds", "score"]
    # Spotted while the word of 0.4 s is in the window, and with a score over the threshold.
    assert all(at < float(str(row["seconds"])) < at + 1.4 for row, at in zip(table[:3], (1.0, 2.6, 5.0), strict=True))
    assert all(0.6 <= float(str(row["score"])) <= 1 for row in table)
    assert json.loads(parquet.read_schema(out).metadata[b"kws_live"])["model"] == "tones"


def test_a_broken_file_is_listed_and_the_others_are_done(archive: Path, tmp_path: Path) -> None:
    result = scan([archive], tmp_path / "events.parquet", MODEL, SETTINGS, run_here)
    assert [Path(path).name for path in result.broken] == ["broken.mp3"]
    with (tmp_path / "events.broken.csv").open(newline="") as file:
        listed = list(csv.DictReader(file))
    assert [Path(row["file"]).name for row in listed] == ["broken.mp3"]
    assert listed[0]["reason"]
    assert len(rows(tmp_path / "events.parquet")) == 9


@pytest.mark.parametrize("excerpt_seconds", [4, 10])
def test_cutting_changes_nothing(archive: Path, tmp_path: Path, excerpt_seconds: int) -> None:
    scan([archive], tmp_path / "whole.parquet", MODEL, SETTINGS, run_here)
    scan([archive], tmp_path / "cut.parquet", MODEL, SETTINGS, run_here, excerpt_seconds)
    whole, parts = rows(tmp_path / "whole.parquet"), rows(tmp_path / "cut.parquet")
    for row in (*whole, *parts):
        row["score"] = round(float(str(row["score"])), 3)
    assert parts == whole


@pytest.mark.parametrize("n_done", [0, 1, 4, 8])
def test_a_killed_scan_goes_on_without_repeating_or_losing_anything(archive: Path, tmp_path: Path, n_done: int) -> None:
    scan([archive], tmp_path / "once.parquet", MODEL, SETTINGS, run_here, 4)
    out = tmp_path / "events.parquet"
    first = Runner(dies_after=n_done)
    with pytest.raises(Killed):
        scan([archive], out, MODEL, SETTINGS, first, 4)
    assert not out.exists()
    second = Runner()
    result = scan([archive], out, MODEL, SETTINGS, second, 4)
    assert len(second.asked) == len(first.asked) - n_done
    assert second.asked == first.asked[n_done:]
    assert rows(out) == rows(tmp_path / "once.parquet")
    assert result.audio_seconds == pytest.approx(36.5)
    assert sorted(path.name for path in tmp_path.glob("events*")) == ["events.broken.csv", "events.parquet"]


def test_a_line_that_was_being_written_is_done_again(archive: Path, tmp_path: Path) -> None:
    out, journal = tmp_path / "events.parquet", tmp_path / "events.parquet.journal"
    with pytest.raises(Killed):
        scan([archive], out, MODEL, SETTINGS, Runner(dies_after=3), 4)
    whole = journal.read_bytes()
    journal.write_bytes(whole[:-20])
    runner = Runner(dies_after=0)
    with pytest.raises(Killed):
        scan([archive], out, MODEL, SETTINGS, runner, 4)
    assert len(runner.asked) == len(every_excerpt(archive)) - 2
    scan([archive], out, MODEL, SETTINGS, run_here, 4)
    assert len(rows(out)) == 9


def every_excerpt(archive: Path) -> list[Excerpt]:
    return [excerpt for path in find_files([archive]) for excerpt in cut(path, 4)[0]]


def test_a_file_that_changed_meanwhile_is_scanned_again(archive: Path, tmp_path: Path) -> None:
    out = tmp_path / "events.parquet"
    with pytest.raises(Killed):
        scan([archive], out, MODEL, SETTINGS, Runner(dies_after=8), 4)
    write_sound(archive / "b.flac", tone_words([("stop", 2.0)], 5.0, 16_000), 16_000)
    scan([archive], out, MODEL, SETTINGS, run_here, 4)
    assert [row["keyword"] for row in rows(out) if str(row["file"]).endswith("b.flac")] == ["stop"]


def test_another_scan_does_not_go_on_with_this_ones_journal(archive: Path, tmp_path: Path) -> None:
    out = tmp_path / "events.parquet"
    with pytest.raises(Killed):
        scan([archive], out, MODEL, SETTINGS, Runner(dies_after=1), 4)
    other = decision_settings(gate_mode=None, thresholds=dict.fromkeys(("yes", "no", "stop"), 0.7))
    for settings, excerpt_seconds in ((other, 4), (SETTINGS, 10)):
        with pytest.raises(ConfigError, match="belongs to a scan with another model, other settings or other lengths"):
            scan([archive], out, MODEL, settings, run_here, excerpt_seconds)
    journal = tmp_path / "events.parquet.journal"
    for text in ("not a journal\n", journal.read_text(encoding="utf-8").splitlines()[0] + "\n{}\n"):
        journal.write_text(text, encoding="utf-8")
        with pytest.raises(ConfigError, match="is not a scan journal; delete it"):
            scan([archive], out, MODEL, SETTINGS, run_here, 4)


def test_what_cannot_be_scanned_is_refused_before_anything_is_written(archive: Path, tmp_path: Path) -> None:
    out = tmp_path / "events.parquet"
    with pytest.raises(DatasetError, match="no file or folder"):
        scan([tmp_path / "absent"], out, MODEL, SETTINGS, run_here)
    (tmp_path / "empty").mkdir()
    with pytest.raises(DatasetError, match="no sound files in "):
        scan([tmp_path / "empty"], out, MODEL, SETTINGS, run_here)
    with pytest.raises(ConfigError, match="must be a multiple of 2 s"):
        scan([archive], out, MODEL, SETTINGS, run_here, 5)
    with pytest.raises(ConfigError, match="cannot write"):
        scan([archive], tmp_path / "no" / "such" / "events.parquet", MODEL, SETTINGS, run_here)
    assert not list(tmp_path.glob("events*"))
    out.write_bytes(b"hours of work")
    with pytest.raises(ConfigError, match="exists; delete it or give another --out"):
        scan([archive], out, MODEL, SETTINGS, run_here)


@pytest.mark.skipif(sys.platform in ("win32", "darwin"), reason="only Linux has file names that are no text")
def test_files_whose_names_are_no_text_are_scanned_resumed_and_listed(archive: Path, tmp_path: Path) -> None:
    os.rename(archive / "a.wav", os.fsencode(archive) + b"/\xff.wav")  # noqa: PTH104  bytes are no Path
    os.rename(archive / "broken.mp3", os.fsencode(archive) + b"/\xfe.mp3")  # noqa: PTH104
    out = tmp_path / "events.parquet"
    with pytest.raises(Killed):
        scan([archive], out, MODEL, SETTINGS, Runner(dies_after=9), 4)
    runner = Runner()
    scan([archive], out, MODEL, SETTINGS, runner, 4)
    assert len(runner.asked) == 2
    assert [row["keyword"] for row in rows(out) if str(row["file"]).endswith("\\udcff.wav")] == ["yes", "no", "stop"]
    assert "\\udcfe.mp3," in (tmp_path / "events.broken.csv").read_text(encoding="utf-8")


@pytest.mark.parametrize("rate_hz", [1, 800, 4_000_000_000])
def test_a_rate_that_cannot_be_is_told_and_not_cut(tmp_path: Path, rate_hz: int) -> None:
    """At 1 sample a second a short file would last for days."""
    path = tmp_path / "a.wav"
    write_sound(path, tone_words([], 2.0, 16_000), 16_000)
    header = bytearray(path.read_bytes())
    header[24:28] = struct.pack("<I", rate_hz)
    path.write_bytes(header)
    parts, seconds, broken = cut(path)
    assert (parts, seconds) == ([], 0.0)
    assert broken
    assert spot(MODEL, SETTINGS, Excerpt(str(path))).broken


def test_no_samples_are_told(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "a.wav", [], 16_000)
    assert cut(tmp_path / "a.wav") == ([], 0.0, "it contains no samples")


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="there are no such pipes")
def test_a_pipe_is_refused_for_it_can_be_read_only_once(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.wav")
    with pytest.raises(DatasetError, match="is a pipe or a device"):
        find_files([tmp_path / "pipe.wav"])


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="whoever runs this may read everything")
def test_a_folder_that_one_may_not_read_is_told(archive: Path, caplog: pytest.LogCaptureFixture) -> None:
    (archive / "deep").chmod(0)
    try:
        names = [path.name for path in find_files([archive])]
    finally:
        (archive / "deep").chmod(0o700)
    assert names == ["a.wav", "b.flac", "broken.mp3"]
    assert "deep is left out: " in caplog.text


def test_a_full_disk_ends_a_scan_in_one_line_and_loses_nothing(archive: Path, tmp_path: Path) -> None:
    resource = pytest.importorskip("resource", reason="there is no limit to the size of a file")
    out = tmp_path / "events.parquet"
    kept = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (4000, kept[1]))
    try:
        with pytest.raises(ConfigError, match=r"cannot write .*journal: .*; what it contains is kept"):
            scan([archive], out, MODEL, SETTINGS, run_here, 4)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, kept)
    runner = Runner()
    scan([archive], out, MODEL, SETTINGS, runner, 4)
    assert 0 < len(runner.asked) < 10
    assert len(rows(out)) == 9


def test_files_are_found_once_each(archive: Path) -> None:
    names = [path.name for path in find_files([archive, archive / "deep", archive / "a.wav"])]
    assert names == ["a.wav", "b.flac", "broken.mp3", "c.ogg"]


def test_long_files_are_cut_without_gap_or_overlap(tmp_path: Path) -> None:
    path = tmp_path / "long.wav"
    write_sound(path, tone_words([], 21.5, 8_000), 8_000)
    parts, seconds, broken = cut(path, 8)
    assert [(part.begin_seconds, part.end_seconds) for part in parts] == [(0, 8), (8, 16), (16, None)]
    assert (seconds, broken) == (21.5, "")
