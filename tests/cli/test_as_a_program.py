"""The program among others: pipes, signals, closed streams."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile

from kws_live.audio import Samples, float_to_pcm16
from tests.cli.program import KWS_LIVE, words_of


def test_pcm_through_a_real_pipe_gives_the_words_of_the_file(
    demo_rows: list[dict[str, object]], demo_audio: Samples
) -> None:
    pcm = float_to_pcm16(demo_audio).tobytes()
    done = subprocess.run(
        [*KWS_LIVE, "listen", "--source", "stdin:22050", "--json"], input=pcm, capture_output=True, check=True
    )
    assert done.stderr == b""
    assert words_of(done.stdout.decode()) == [row["keyword"] for row in demo_rows]


def test_it_ends_quietly_when_the_reader_of_its_output_has_left() -> None:
    """As with ``| head -1``; the input stays open, so only the broken pipe can end it."""
    process = subprocess.Popen(
        [*KWS_LIVE, "listen", "--source", "demo:", "--fast", "--json"],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert process.stdout is not None
    assert process.stderr is not None
    process.stdout.close()
    assert process.stderr.read() == ""
    assert process.wait() == 141
    process.stderr.close()


@pytest.mark.skipif(sys.platform == "win32", reason="signals are those of POSIX")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_it_dies_by_the_signal_that_ends_it(number: int) -> None:
    reader, writer = os.pipe()
    process = subprocess.Popen(
        [*KWS_LIVE, "listen", "--source", "stdin:16000"], stdin=reader, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    os.close(reader)
    assert process.stdout is not None
    assert process.stdout.readline().startswith(b"listening")
    process.send_signal(number)
    _, err = process.communicate()
    os.close(writer)
    assert process.returncode == -number
    assert err == b""


@pytest.mark.skipif(sys.platform == "win32", reason="a shell of Windows cannot close them")
def test_it_listens_with_standard_output_and_error_closed(tmp_path: Path, demo_rows: list[dict[str, object]]) -> None:
    sink = tmp_path / "events.jsonl"
    line = f"listen --source demo: --fast --sink jsonl:{sink}"
    done = subprocess.run(["sh", "-c", f'"{sys.executable}" -m kws_live {line} >&- 2>&-'], check=False)
    assert done.returncode == 0
    rows = [json.loads(row) for row in sink.read_text(encoding="utf-8").splitlines()]
    assert [row for row in rows if row["type"] == "detection"] == demo_rows


def test_what_a_decoder_says_of_a_broken_file_is_kept_from_the_terminal(tmp_path: Path) -> None:
    (tmp_path / "noise.mp3").write_bytes(b"\xff\xfb" + np.random.default_rng(1).bytes(5000))
    done = subprocess.run([*KWS_LIVE, "detect", tmp_path / "noise.mp3"], capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert done.stderr.startswith("kws-live: ")
    assert done.stderr.count("\n") == 1


@pytest.mark.skipif(sys.platform in ("win32", "darwin"), reason="only Linux has file names that are no text")
def test_a_file_whose_name_is_no_text_is_spotted_and_named(demo_audio: Samples, tmp_path: Path) -> None:
    soundfile.write(tmp_path / "a.wav", demo_audio, 22_050)
    name = os.fsencode(tmp_path) + b"/\xff.wav"
    os.rename(tmp_path / "a.wav", name)  # noqa: PTH104  bytes are no Path
    done = subprocess.run([*KWS_LIVE, "detect", "--json", name], capture_output=True, check=True)
    assert json.loads(done.stdout.splitlines()[0])["source"].endswith("\udcff.wav")
    done = subprocess.run([*KWS_LIVE, "detect", name, name], capture_output=True, check=True)
    assert done.stderr == b""
