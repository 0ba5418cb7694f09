import multiprocessing
from pathlib import Path

import pytest
from pyarrow import parquet

from kws_live.errors import ConfigError
from kws_live.scan.archive import scan
from kws_live.scan.excerpt import Excerpt
from kws_live.scan.workers import LocalProcesses
from tests.evaluation.tone_model import ToneModel, write_sound
from tests.fakes import decision_settings, tone_words
from tests.scan.dying_workers import die_always, die_once, hang_on_a_wav, run_here, spot_tones

SETTINGS = decision_settings(gate_mode=None)


@pytest.fixture
def archive(tmp_path: Path) -> Path:
    folder = tmp_path / "archive"
    folder.mkdir()
    words = [("yes", 1.0), ("no", 3.0), ("stop", 5.0), ("yes", 8.5), ("no", 12.9)]
    for name, seconds in (("a.wav", 15.0), ("b.flac", 6.5)):
        within = [(word, at) for word, at in words if at < seconds - 1]
        write_sound(folder / name, tone_words(within, seconds, 16_000), 16_000)
    return folder


@pytest.mark.slow
def test_two_processes_find_what_one_finds(archive: Path, tmp_path: Path) -> None:
    alone = scan([archive], tmp_path / "alone.parquet", ToneModel(), SETTINGS, run_here, 4)
    runner = LocalProcesses(2, spot_tones)
    both = scan([archive], tmp_path / "both.parquet", ToneModel(), SETTINGS, runner, 4)
    assert both.detections == alone.detections
    assert len(both.detections) == 8
    one, two = (parquet.read_table(tmp_path / f"{name}.parquet") for name in ("alone", "both"))
    assert one.equals(two)


@pytest.mark.slow
def test_a_worker_that_is_killed_changes_nothing(archive: Path, tmp_path: Path) -> None:
    alone = scan([archive], tmp_path / "alone.parquet", ToneModel(), SETTINGS, run_here, 4)
    after = scan([archive], tmp_path / "after.parquet", ToneModel(), SETTINGS, LocalProcesses(2, die_once), 4)
    assert (archive / "died").exists()
    assert after.detections == alone.detections
    assert after.broken == {}
    assert after.audio_seconds == pytest.approx(alone.audio_seconds)


def test_a_file_that_kills_every_worker_is_listed_and_the_others_are_done(archive: Path, tmp_path: Path) -> None:
    result = scan([archive], tmp_path / "events.parquet", ToneModel(), SETTINGS, LocalProcesses(2, die_always))
    assert {Path(path).name: reason for path, reason in result.broken.items()} == {
        "b.flac": "the worker died 3 times while reading this file"
    }
    assert {Path(event.source).name for event in result.detections} == {"a.wav"}


def test_who_leaves_a_scan_does_not_wait_for_what_is_under_way(archive: Path) -> None:
    others = set(multiprocessing.active_children())
    excerpts = [Excerpt(str(archive / "b.flac")), Excerpt(str(archive / "a.wav"))]
    found = LocalProcesses(2, hang_on_a_wav)(ToneModel(), SETTINGS, excerpts)
    assert Path(next(found).excerpt.path).name == "b.flac"
    with pytest.raises(KeyboardInterrupt):
        found.throw(KeyboardInterrupt)  # as Ctrl-C does
    assert set(multiprocessing.active_children()) == others


def test_no_workers_can_do_nothing() -> None:
    with pytest.raises(ConfigError, match="0 workers are not enough"):
        LocalProcesses(0)
