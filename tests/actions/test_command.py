import json
import os
import sys
import threading
from pathlib import Path

import pytest

from kws_live.actions.command import Command
from kws_live.errors import ActionError, ConfigError
from tests.spoken import spoken, wait_until

PYTHON = sys.executable


def test_the_program_gets_the_word_in_arguments_and_environment(tmp_path: Path) -> None:
    code = "import os, sys; open(sys.argv[2], 'w').write(sys.argv[1] + os.environ['KWS_LIVE_EVENT'])"
    Command([PYTHON, "-c", code, "{keyword} {score}|", str(tmp_path / "out")]).do(spoken("yes", 2.0, 0.875))
    said, _, event = (tmp_path / "out").read_text().partition("|")
    assert said == "yes 0.875"
    assert json.loads(event)["keyword"] == "yes"


@pytest.mark.skipif(os.name == "nt", reason="a POSIX shell's line")
def test_a_shell_runs_only_where_it_was_asked_for(tmp_path: Path) -> None:
    out = tmp_path / "out"
    Command([f"echo $KWS_LIVE_KEYWORD $((1+1)) > {out}"], shell=True).do(spoken("stop"))
    assert out.read_text() == "stop 2\n"
    Command([PYTHON, "-c", "import sys; open(sys.argv[1], 'w').write(sys.argv[2])", str(out), "$(id); {keyword}"]).do(
        spoken("x; rm -rf .")
    )
    assert out.read_text() == "$(id); x; rm -rf ."


@pytest.mark.skipif(os.name == "nt", reason="process groups are POSIX's")
def test_a_program_that_takes_too_long_is_killed_with_its_children(tmp_path: Path) -> None:
    pid_file = tmp_path / "pid"
    command = Command([f"sleep 600 & echo $! > {pid_file}; wait"], limit_seconds=1.0, shell=True)
    with pytest.raises(ActionError, match="took longer than 1 s and was killed"):
        command.do(spoken("go"))
    child = int(pid_file.read_text())
    wait_until(lambda: not _runs(child))


def _runs(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def test_close_ends_what_is_running() -> None:
    command = Command([PYTHON, "-c", "import time; print('here', flush=True); time.sleep(600)"], limit_seconds=600)
    errors: list[str] = []

    def run() -> None:
        try:
            command.do(spoken("go"))
        except ActionError as error:
            errors.append(str(error))

    thread = threading.Thread(target=run)
    thread.start()
    wait_until(lambda: bool(command._running))
    command.close()
    thread.join(20)
    assert errors
    with pytest.raises(ActionError, match="listening has ended"):
        command.do(spoken("go"))


def test_a_failing_program_is_told_with_its_code() -> None:
    with pytest.raises(ActionError, match="ended with code 3"):
        Command([PYTHON, "-c", "raise SystemExit(3)"]).do(spoken("go"))


def test_what_it_prints_stays_off_standard_output(capfd: pytest.CaptureFixture[str]) -> None:
    Command([PYTHON, "-c", "print('lamp on')"]).do(spoken("on"))
    captured = capfd.readouterr()
    assert captured.out == ""
    assert "lamp on" in captured.err


def test_a_missing_program_is_told_before_the_first_word(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"cannot run '\./no-such\.sh'"):
        Command(["./no-such.sh"])
    plain = tmp_path / "lamp.sh"
    plain.write_text("#!/bin/sh\n")
    if os.name != "nt":
        with pytest.raises(ConfigError, match="chmod"):
            Command([str(plain)])
    with pytest.raises(ConfigError, match="needs a program"):
        Command([])
