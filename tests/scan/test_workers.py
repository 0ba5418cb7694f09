import json
import multiprocessing
import subprocess
import sys
from pathlib import Path

import pytest
from pyarrow import parquet

from kws_live.errors import ConfigError
from kws_live.scan.archive import scan
from kws_live.scan.excerpt import Excerpt
from kws_live.scan.workers import LocalProcesses, run_here
from tests.evaluation.tone_model import ToneModel, write_sound
from tests.fakes import decision_settings, tone_words
from tests.scan.dying_workers import die_always, die_once, hang_on_a_wav, spot_tones

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


def test_two_processes_find_what_one_finds(archive: Path, tmp_path: Path) -> None:
    alone = scan([archive], tmp_path / "alone.parquet", ToneModel(), SETTINGS, run_here, 4)
    runner = LocalProcesses(2, spot_tones)
    both = scan([archive], tmp_path / "both.parquet", ToneModel(), SETTINGS, runner, 4)
    assert both.detections == alone.detections
    assert len(both.detections) == 8
    one, two = (parquet.read_table(tmp_path / f"{name}.parquet") for name in ("alone", "both"))
    assert one.equals(two)


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
        "b.flac": "the worker died 3 times while it read this file"
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
    with pytest.raises(ConfigError, match="0 workers can do nothing"):
        LocalProcesses(0)


ON_DASK = """
import json, os, signal, sys
from pathlib import Path

if __name__ == "__main__":
    from distributed import LocalCluster
    from kws_live.scan.archive import scan
    from kws_live.scan.workers import DaskCluster, run_here
    from kws_live.model import load_model
    from kws_live.detection import make_settings

    model, out = load_model(), Path(sys.argv[2])
    live = make_settings(model)
    live.change(gate_mode=None, mode="spotting", thresholds=dict.fromkeys(model.card.keywords, 0.05))
    with LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=None) as cluster:
        pids = [worker.pid for worker in cluster.workers.values()]

        def kill_one(seconds):  # after the first excerpt, one worker in the middle of its next
            if pids and seconds:
                os.kill(pids.pop(), signal.SIGKILL)
                pids.clear()

        runner = DaskCluster(cluster.scheduler_address)
        there = scan([Path(sys.argv[1])], out, model, live.snapshot(), runner, 4, None, kill_one)
    here = scan([Path(sys.argv[1])], out.with_name("here.parquet"), model, live.snapshot(), run_here, 4)
    print(json.dumps({"same": there.detections == here.detections, "n": len(here.detections), "killed": not pids,
                      "broken": there.broken}))
"""


def test_a_dask_cluster_that_loses_a_worker_finds_what_one_process_finds(tmp_path: Path) -> None:
    pytest.importorskip("distributed", reason="Dask is not installed: the extra cluster")
    demo = Path(sys.modules["kws_live"].__file__ or "").parent / "sources" / "demo.flac"
    script = tmp_path / "on_dask.py"
    script.write_text(ON_DASK, encoding="utf-8")
    # A process of its own: Dask's threads outlive its client.
    done = subprocess.run(
        [sys.executable, script, demo, tmp_path / "events.parquet"], capture_output=True, text=True, timeout=110
    )
    assert done.returncode == 0, done.stderr
    result = json.loads(done.stdout)
    assert result.pop("n") > 0
    assert result == {"same": True, "killed": True, "broken": {}}


def test_a_scheduler_that_does_not_answer_is_told() -> None:
    pytest.importorskip("distributed", reason="Dask is not installed: the extra cluster")
    code = "from kws_live.scan.workers import DaskCluster; DaskCluster('tcp://127.0.0.1:1', 0.5)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=110)
    assert "ConfigError: no Dask scheduler answers at 'tcp://127.0.0.1:1'" in done.stderr
