"""``kws-live tune`` from the outside."""

import os
import re
import signal
import socket
import subprocess
import sys
import urllib.request
from pathlib import Path

import pytest

from kws_live.cli import main


@pytest.mark.skipif(sys.platform == "win32", reason="Windows knows no SIGINT between processes")
@pytest.mark.parametrize(
    "command", [["tune", "--port", "0", "--no-browser"], ["listen", "--panel", "--mode", "spotting"]], ids=str
)
def test_it_prints_an_address_that_serves_the_page_and_stops_at_ctrl_c(command: list[str], tmp_path: Path) -> None:
    # In a namespace of its own the default port may be taken by another run of this test: then it says so.
    with subprocess.Popen(
        [sys.executable, "-m", "kws_live", *command, "--source", "demo:"],
        stderr=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        text=True,
        cwd=tmp_path,
        env={"PATH": "/usr/bin:/bin", "PYTHONPATH": os.environ.get("PYTHONPATH", "")},
    ) as process:
        assert process.stderr is not None
        line = process.stderr.readline()
        if "choose another with --port" in line and command[0] == "listen":
            pytest.skip("the panel's port is in use here")
        found = re.search(r"panel: (http://127\.0\.0\.1:\d+/\?token=\S+)", line)
        assert found, line
        browser = urllib.request.build_opener(urllib.request.HTTPCookieProcessor())
        with browser.open(found[1], timeout=20) as page:
            assert b"<title>kws-live</title>" in page.read()
        process.send_signal(signal.SIGINT)
        assert process.wait(timeout=60) == -signal.SIGINT
    assert list(tmp_path.iterdir()) == []  # nothing is written unasked


WRONG = [
    (["tune", "--port", "{taken}"], "Address already in use; choose another --host, or --port (0: any free one)"),
    (["tune", "--port", "0", "--host", "0.0.0.0", "--no-token"], "is open to other machines"),
    (["tune", "--port", "0", "--host", "nowhere.invalid"], "cannot serve at nowhere.invalid"),
    (["tune", "--port", "0", "--token-file", "absent"], "cannot read the token from absent"),
    (["tune", "--port", "0", "--token", ""], "the token is empty"),
    (["tune", "--port", "0", "--folder", __file__], "is not a folder; choose another --folder"),
    (["tune", "--port", "0", "--folder", f"{__file__}/within"], "is not a folder; choose another --folder"),
    (["tune", "--port", "0", "--folder", "~no-such-user/x"], "there is no such home folder"),
    (["listen", "--live"], "--live needs a terminal"),
    (["listen", "--json", "--live"], "give only one of them"),
    (["listen", "--dry-run"], "--dry-run needs --bindings FILE"),
    (["listen", "--bindings", "absent"], "absent"),
    (["listen", "--sink", "jsonl:"], "jsonl: needs a path"),
    (["listen", "--sink", "jsonl:x", "--sink", "lamp:on"], "unknown sink 'lamp:on'"),
    (["listen", "--settings", "absent"], "absent"),
    (["listen", "--threshold", "maybe=0.5"], "unknown word 'maybe'"),
    (["listen", "--model", "absent"], "absent"),
]


@pytest.mark.parametrize(("arguments", "said"), WRONG, ids=[" ".join(given)[:40] for given, _ in WRONG])
def test_what_is_wrong_without_a_microphone_is_told_before_one_is_opened(
    arguments: list[str], said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        given = [one.format(taken=port) for one in arguments]
        assert main([*given, "--source", "opening-this-would-fail.wav"]) == 1
    out, err = capsys.readouterr()
    assert out == ""
    assert said in err
    assert err.count("\n") == 1
    assert "opening-this" not in err


@pytest.mark.twin("test_what_is_wrong_without_a_microphone_is_told_before_one_is_opened")
def test_what_is_wrong_with_the_source_is_told_if_all_else_is_right(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    options = ["--port", "0", "--no-browser", "--folder", str(tmp_path / "new")]
    assert main(["tune", *options, "--source", "opening-this-would-fail.wav"]) == 1
    assert "opening-this-would-fail.wav" in capsys.readouterr().err
