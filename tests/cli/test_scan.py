import json
import shutil
import subprocess
from pathlib import Path

import pytest
import soundfile
from pyarrow import parquet

from kws_live.cli import main

DEMO = Path(__file__).parents[2] / "kws_live" / "sources" / "demo.flac"


def test_a_scan_writes_events_and_figures(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    shutil.copy(DEMO, tmp_path / "talk.flac")
    (tmp_path / "broken.wav").write_bytes(b"no sound")
    out = tmp_path / "events.parquet"
    assert main(["scan", str(tmp_path), "--out", str(out), "--workers", "1", "--json"]) == 1  # one file is broken
    captured = capsys.readouterr()
    figures = json.loads(captured.out)
    table = parquet.read_table(out)
    assert figures["events"] == table.num_rows > 0
    assert (figures["files"], figures["broken"]) == (2, 1)
    assert figures["audio_hours"] == pytest.approx(soundfile.info(DEMO).duration / 3600, abs=1e-4)
    assert figures["audio_hours_per_cpu_hour"] > 0
    assert "broken.wav is broken: " in captured.err
    # Not twice over hours of work.
    assert main(["scan", str(tmp_path), "--out", str(out)]) == 1
    assert "exists; delete it or give another --out" in capsys.readouterr().err


def test_what_cannot_be_scanned_is_told_in_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for arguments, message in (
        ([str(tmp_path / "absent")], "no file or folder"),
        ([str(tmp_path)], "no sound files in "),
        ([str(DEMO), "--workers", "0"], "0 workers are not enough"),
        ([str(DEMO), "--excerpt", "3"], "must be a multiple of 2 s"),
    ):
        assert main(["scan", *arguments, "--out", str(tmp_path / "e.parquet")]) == 1
        error = capsys.readouterr().err
        assert message in error
        assert error.count("\n") == 1
    assert list(tmp_path.iterdir()) == []


@pytest.mark.skipif(shutil.which("ffmpeg") is None, reason="needs ffmpeg")
def test_what_ffmpeg_alone_reads_is_scanned_too(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = tmp_path / "from: a phone"
    folder.mkdir()
    voice = folder / "voice: memo.m4a"
    command = ["ffmpeg", "-loglevel", "error", "-i", str(DEMO), f"file:{voice}"]
    subprocess.run(command, check=True)
    (folder / "broken.webm").write_bytes(b"no sound")
    (folder / "._voice.m4a").write_bytes(b"of a Mac")
    out = tmp_path / "events.parquet"
    assert main(["scan", str(folder), "--out", str(out), "--workers", "1", "--json"]) == 1  # one is broken
    captured = capsys.readouterr()
    figures = json.loads(captured.out)
    assert (figures["files"], figures["broken"], figures["events"]) == (2, 1, 10)
    assert figures["audio_hours"] == pytest.approx(17.6 / 3600, abs=1e-4)
    assert "broken.webm is broken: " in captured.err


def test_without_ffmpeg_what_needs_it_is_told(
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    shutil.copy(DEMO, tmp_path / "talk.flac")
    (tmp_path / "voice.m4a").touch()
    monkeypatch.setenv("PATH", str(tmp_path))
    assert main(["scan", str(tmp_path), "--out", str(tmp_path / "e.parquet"), "--workers", "1"]) == 0
    assert "voice.m4a; to use them, install ffmpeg" in caplog.text
    arguments = [str(tmp_path / "voice.m4a"), str(DEMO), "--out", str(tmp_path / "f.parquet"), "--workers", "1"]
    assert main(["scan", *arguments]) == 1
    assert "voice.m4a is broken: to read it, install ffmpeg" in capsys.readouterr().err
