"""The page's server takes no file away from listening, whoever knocks."""

import http.client
import json
import re
import socket
import subprocess
import sys
from contextlib import ExitStack, suppress
from pathlib import Path

import numpy as np
import pytest
import soundfile

import kws_live
from kws_live.audio import float_to_pcm16

pytestmark = pytest.mark.slow

pytest.importorskip("resource", reason="Windows has no such limit")
PATIENCE_SECONDS = 60.0
N_FILES, N_HALF_REQUESTS = 256, 300

LIMITED = f"""
import resource, sys
resource.setrlimit(resource.RLIMIT_NOFILE, ({N_FILES}, {N_FILES}))
from kws_live.cli import program
program()
"""


def _demo() -> bytes:
    samples, rate_hz = soundfile.read(Path(kws_live.__file__).parent / "sources" / "demo.flac", dtype="float32")
    return float_to_pcm16(np.asarray(samples, np.float32)).tobytes() if rate_hz else b""


def _rate_hz() -> int:
    return int(soundfile.info(Path(kws_live.__file__).parent / "sources" / "demo.flac").samplerate)


def test_half_requests_make_listening_neither_deaf_nor_loud(tmp_path: Path) -> None:
    command = ["tune", "--port", "0", "--no-browser", "--host", "0.0.0.0", "--source", f"stdin:{_rate_hz()}", "--json"]
    log = tmp_path / "log"
    with (
        log.open("wb") as errors,
        subprocess.Popen(
            [sys.executable, "-c", LIMITED, *command],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=errors,
            cwd=tmp_path,
        ) as process,  # fmt: skip
        ExitStack() as held,
    ):
        held.callback(process.kill)
        assert process.stdin is not None
        assert process.stdout is not None
        while (found := re.search(rb"panel: http://[^:]+:(\d+)/\?token=(\S+)", log.read_bytes())) is None:
            assert process.poll() is None, log.read_text()
        port, token = int(found[1]), found[2].decode()

        def half_requests() -> None:
            for _ in range(N_HALF_REQUESTS):
                with suppress(OSError):
                    one = held.enter_context(socket.create_connection(("127.0.0.1", port), PATIENCE_SECONDS))
                    one.sendall(b"GET / HTTP/1.1\r\nX: ")

        def hears() -> bool:
            assert process.stdin is not None
            assert process.stdout is not None
            process.stdin.write(_demo())
            process.stdin.flush()
            return any(json.loads(line)["type"] == "detection" for line in iter(process.stdout.readline, b""))

        half_requests()
        assert hears()
        half_requests()
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE_SECONDS)
        connection.request("GET", f"/?token={token}")
        assert connection.getresponse().status == 303
        connection.close()
        assert hears()
        assert log.stat().st_size < 4096
        process.stdin.close()
        process.terminate()
        process.stdout.read()
        process.wait(PATIENCE_SECONDS)


@pytest.mark.parametrize("name", ["numpy.fft", "numpy.ma"])
def test_nothing_that_listening_needs_is_loaded_late(name: str) -> None:
    told = subprocess.run(
        [sys.executable, "-c", f"import sys, kws_live.panel.server; print({name!r} in sys.modules)"],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert told.stdout == "True\n"
