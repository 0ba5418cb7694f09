import json
import shutil
from pathlib import Path

import pytest
from pyarrow import parquet

from kws_live.cli import main

DEMO = Path(__file__).parents[2] / "kws_live" / "sources" / "demo.flac"


def test_a_scan_writes_events_and_figures(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    shutil.copy(DEMO, tmp_path / "talk.flac")
    (tmp_path / "broken.wav").write_bytes(b"no sound")
    out = tmp_path / "events.parquet"
    assert main(["scan", str(tmp_path), "--out", str(out), "--workers", "1", "--json"]) == 0
    captured = capsys.readouterr()
    figures = json.loads(captured.out)
    table = parquet.read_table(out)
    assert figures["events"] == table.num_rows > 0
    assert (figures["files"], figures["broken"]) == (2, 1)
    assert figures["audio_hours"] == pytest.approx(17.559 / 3600, abs=1e-4)
    assert figures["audio_hours_per_cpu_hour"] > 0
    assert "broken.wav is broken: " in captured.err
    # Not twice over hours of work.
    assert main(["scan", str(tmp_path), "--out", str(out)]) == 1
    assert "exists; delete it or give another --out" in capsys.readouterr().err


def test_what_cannot_be_scanned_is_told_in_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for arguments, message in (
        ([str(tmp_path / "absent")], "no file or folder"),
        ([str(tmp_path)], "no sound files there"),
        ([str(DEMO), "--workers", "0"], "0 workers can do nothing"),
        ([str(DEMO), "--excerpt", "3"], "must be a multiple of 2 s"),
    ):
        assert main(["scan", *arguments, "--out", str(tmp_path / "e.parquet")]) == 1
        error = capsys.readouterr().err
        assert message in error
        assert error.count("\n") == 1
    assert list(tmp_path.iterdir()) == []
