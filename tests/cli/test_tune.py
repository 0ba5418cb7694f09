"""``kws-live tune`` from the outside."""

import os
import re
import signal
import subprocess
import sys
import urllib.request
from pathlib import Path

import pytest


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
