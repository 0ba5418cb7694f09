"""Every command, and every way in which it can fail: its exit code, and one line that says why."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from kws_live.cli import COMMANDS, main

PATIENCE_SECONDS = 60

REFUSED: list[tuple[str, str]] = [
    # What is named is not there.
    ("listen --source none.wav", "no file 'none.wav'"),
    ("listen --source nowhere:", "unknown source 'nowhere:'"),
    ("listen --source demo: --model none", "no model 'none'"),
    ("listen --source demo: --settings none.toml", "none.toml"),
    ("listen --source demo: --bindings none.toml", "none.toml"),
    ("listen --source demo: --sink nowhere:", "unknown sink 'nowhere:'"),
    ("listen --source demo: --sink jsonl:/dev/null/events.jsonl", "/dev/null/events.jsonl"),
    ("listen --source demo: --sink exec:no-such-program", "no such program"),
    ("listen --source demo: --live", "needs a terminal"),
    ("tune --source none.wav --no-browser", "no file 'none.wav'"),
    ("tune --source demo: --no-browser --port 99999", "port"),
    ("detect none.wav", "no file 'none.wav'"),
    ("wyoming --uri nowhere", "cannot listen on 'nowhere'"),
    ("wyoming --model none", "no model 'none'"),
    ("doctor --source demo: --seconds 0", "--seconds 0 must be"),
    ("teach lamp --takes none", "none is not a folder"),
    ("teach lamp --source none.wav", "no file 'none.wav'"),
    ("words list --model none", "no model 'none'"),
    ("prepare none --out out", "none is not a folder"),
    ("train --recipe none --features none --out out", "no recipe 'none'"),
    ("train --recipe commands-12 --features none --out out", "none is not a feature archive"),
    ("evaluate --clips none", "none is not a folder"),
    ("evaluate --stream none.wav", "no file 'none.wav'"),
    ("calibrate --room none.wav --budget 1/h", "no file 'none.wav'"),
    ("calibrate --room none.wav --budget often", "budget 'often' is not a rate"),
    ("scan none --out out.parquet", "no file or folder 'none'"),
    ("make-stream --clips none --out out.wav", "none is not a folder"),
]


@pytest.mark.parametrize(("line", "said"), REFUSED, ids=[line for line, _ in REFUSED])
def test_what_cannot_be_done_is_one_line_and_code_1(
    line: str, said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(line.split()) == 1
    error = capsys.readouterr().err.strip()
    assert error.startswith("kws-live: ")
    assert said in error
    assert error.count("\n") == 0
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", COMMANDS)
def test_a_wrong_option_is_code_2_and_help_code_0(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    for option, code in (("--no-such-option", 2), ("--help", 0)):
        with pytest.raises(SystemExit) as caught:
            main([name, option])
        assert caught.value.code == code
    assert "Traceback" not in capsys.readouterr().err


def run(*arguments: str, **options: object) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(  # type: ignore[call-overload, no-any-return]
        [sys.executable, "-m", "kws_live", *arguments],
        **{"capture_output": True, "text": True, "check": False, "timeout": PATIENCE_SECONDS, **options},
    )


@pytest.mark.parametrize("command", [["listen", "--fast", "--source"], ["detect"]])
def test_a_recording_that_breaks_off_is_code_1_after_its_words(command: list[str], tmp_path: Path) -> None:
    demo = Path(__file__).parents[2] / "kws_live" / "sources" / "demo.flac"
    content = demo.read_bytes()
    (tmp_path / "cut.flac").write_bytes(content[: len(content) // 2])
    done = run(*command, str(tmp_path / "cut.flac"))
    assert done.returncode == 1
    assert " yes " in done.stdout
    assert done.stderr.startswith("kws-live: ")
    assert done.stderr.count("\n") == 1


@pytest.mark.skipif(sys.platform == "win32", reason="broken pipes are those of POSIX")
@pytest.mark.parametrize(
    "command", [["detect", "demo:", "demo:"], ["models"], ["reference"], ["devices", "--json"]], ids=str
)
def test_output_that_is_not_read_is_code_141(command: list[str]) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    try:
        done = run(*command, capture_output=False, stdout=writer, stderr=subprocess.PIPE)
    finally:
        os.close(writer)
    assert (done.returncode, done.stderr) == (141, "")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no full device here")
@pytest.mark.parametrize("command", [["detect", "demo:"], ["models"], ["reference"]], ids=str)
def test_output_that_cannot_be_written_is_one_line_and_code_1(command: list[str]) -> None:
    with Path("/dev/full").open("w") as full:
        done = run(*command, capture_output=False, stdout=full, stderr=subprocess.PIPE)
    assert (done.returncode, done.stderr) == (1, "kws-live: cannot write the output: No space left on device\n")
