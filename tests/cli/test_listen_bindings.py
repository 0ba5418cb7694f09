import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from kws_live.cli import main
from kws_live.testing import FakeMicrophone
from tests.spoken import free_port

BINDINGS = """
[[binding]]
word = "on"
run = ["echo", "lamp {keyword}"]
[[binding]]
word = "off"
shell = "reboot"
"""


@pytest.fixture
def bindings(tmp_path: Path) -> str:
    path = tmp_path / "commands.toml"
    path.write_text(BINDINGS)
    return str(path)


@pytest.mark.slow
@pytest.mark.skipif(os.name == "nt", reason="echo is a program of POSIX")
def test_listen_does_what_the_bindings_say(
    bindings: str, microphone: FakeMicrophone, capfd: pytest.CaptureFixture[str]
) -> None:
    microphone.end_with("yes", "on")
    assert main(["listen", "--bindings", bindings, "--json"]) == 0
    captured = capfd.readouterr()
    assert "lamp on" in captured.err
    assert "lamp" not in captured.out


@pytest.mark.slow
def test_a_dry_run_tells_and_does_nothing(
    bindings: str, microphone: FakeMicrophone, capfd: pytest.CaptureFixture[str]
) -> None:
    microphone.end_with("on", "off")
    assert main(["listen", "--bindings", bindings, "--dry-run"]) == 0
    told = [line.strip() for line in capfd.readouterr().err.splitlines()]
    assert told == ["on: would run echo 'lamp on'", "off: would run reboot"]


def test_wrong_usage_is_told_in_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["listen", "--dry-run"]) == 1
    assert "--dry-run needs --bindings" in capsys.readouterr().err
    (tmp_path / "commands.toml").write_text('[[binding]]\nword = "maybe"\nrun = ["echo"]\n')
    assert main(["listen", "--bindings", str(tmp_path / "commands.toml")]) == 1
    told = capsys.readouterr().err
    assert "line 2: word = 'maybe' is not a word of this model" in told
    assert told.count("\n") == 1


@pytest.mark.skipif(os.name == "nt", reason="SIGTERM is POSIX's")
def test_the_wyoming_service_says_where_it_is_and_ends_when_told(capsys: pytest.CaptureFixture[str]) -> None:
    uri = f"tcp://127.0.0.1:{free_port()}"
    service = subprocess.Popen(
        [sys.executable, "-m", "kws_live", "wyoming", "--uri", uri], stderr=subprocess.PIPE, text=True
    )
    assert service.stderr is not None
    assert service.stderr.readline().startswith(f"serving {uri}, model commands-12: yes no up")
    assert main(["wyoming", "--uri", uri]) == 1
    assert "cannot listen on" in capsys.readouterr().err
    service.send_signal(signal.SIGTERM)
    assert service.wait(20) == -signal.SIGTERM
    assert service.stderr.read() == ""
    service.stderr.close()
