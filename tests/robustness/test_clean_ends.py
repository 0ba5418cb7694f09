"""However a listening program ends: what was heard is written, nothing is left behind, the exit code says why."""

import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest
import soundfile

from tests.spoken import wait_until

PATIENCE_SECONDS = 60
LISTEN = (sys.executable, "-m", "kws_live", "listen")
needs_posix = pytest.mark.skipif(sys.platform == "win32", reason="signals and /dev/full are those of POSIX")
Process = subprocess.Popen[str]


@pytest.fixture
def programs() -> Iterator[list[Process]]:
    """Programs that a test has started; none outlives it."""
    started: list[Process] = []
    yield started
    for process in started:
        process.kill()
        process.communicate()


def begin(programs: list[Process], *arguments: str) -> Process:
    """A program that listens to a pipe in which nothing is, once it does."""
    process = subprocess.Popen(
        [*LISTEN, "--source", "stdin:16000", *arguments],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    programs.append(process)
    assert process.stdout is not None
    if "--json" not in arguments:
        assert "listening" in process.stdout.readline()
    return process


def speak(process: Process) -> None:
    """Two seconds of loud noise: the gate opens, so that there is an event."""
    assert process.stdin is not None
    os.write(process.stdin.fileno(), os.urandom(64_000))
    process.stdin.flush()


@needs_posix
@pytest.mark.parametrize("name", ["SIGINT", "SIGTERM", "SIGHUP"])
def test_it_dies_by_the_signal_and_every_event_is_written(programs: list[Process], tmp_path: Path, name: str) -> None:
    written = tmp_path / "events.jsonl"
    process = begin(programs, "--sink", f"jsonl:{written}", "--stats")
    speak(process)
    while not written.read_text():  # the first event
        assert process.poll() is None
    number = getattr(signal, name)
    process.send_signal(number)
    _, errors = process.communicate(timeout=PATIENCE_SECONDS)
    assert process.returncode == -number
    assert "Traceback" not in errors
    assert "audio" in errors  # the figures
    events = [json.loads(line) for line in written.read_text().splitlines()]
    assert events[0]["type"] == "speech_started"


@needs_posix
def test_a_signal_that_is_ignored_stays_so(programs: list[Process]) -> None:
    process = subprocess.Popen(
        ["nohup", *LISTEN, "--source", "stdin:16000"],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    programs.append(process)
    assert process.stdout is not None
    assert process.stdin is not None
    assert "listening" in process.stdout.readline()
    process.send_signal(signal.SIGHUP)
    os.write(process.stdin.fileno(), bytes(3200))
    process.stdin.close()  # only the end of the source ends it
    process.stdin = None
    process.communicate(timeout=PATIENCE_SECONDS)
    assert process.returncode == 0


@needs_posix
def test_a_reader_that_leaves_ends_it_at_once_even_without_an_event(programs: list[Process]) -> None:
    process = begin(programs)
    assert process.stdout is not None
    assert process.stderr is not None
    process.stdout.close()  # as head does; nothing is spoken afterwards
    assert process.wait(PATIENCE_SECONDS) == 141
    assert process.stderr.read() == ""


@needs_posix
def test_piped_into_head_it_ends_after_one_line() -> None:
    command = f"{sys.executable} -m kws_live listen --source demo: --fast --json | head -n 1; echo ${{PIPESTATUS[0]}}"
    done = subprocess.run(["bash", "-c", command], capture_output=True, text=True, timeout=PATIENCE_SECONDS, check=True)
    line, code = done.stdout.splitlines()
    assert json.loads(line)["type"] == "speech_started"
    assert code in ("141", "0")  # 0: it had written everything before head left
    assert done.stderr == ""


@needs_posix
@pytest.mark.parametrize("arguments", [("--json",), ()])
def test_a_full_disk_behind_the_output_is_one_line_and_code_1(arguments: tuple[str, ...]) -> None:
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            [*LISTEN, "--source", "demo:", "--fast", *arguments],
            stdout=full, stderr=subprocess.PIPE, text=True, timeout=PATIENCE_SECONDS, check=False,
        )  # fmt: skip
    assert done.returncode == 1
    assert done.stderr == "kws-live: cannot write the output: No space left on device\n"


@needs_posix
def test_a_full_disk_behind_a_sink_is_told_once_and_the_others_go_on(tmp_path: Path) -> None:
    good = tmp_path / "events.jsonl"
    done = subprocess.run(
        [*LISTEN, "--source", "demo:", "--fast", "--sink", "jsonl:/dev/full", "--sink", f"jsonl:{good}"],
        capture_output=True, text=True, timeout=PATIENCE_SECONDS, check=False,
    )  # fmt: skip
    assert done.returncode == 1  # something asked for was not done
    assert done.stderr.count("No space left on device: '/dev/full'") == 2  # at the first event, and at the end
    assert "Traceback" not in done.stderr
    told = [json.loads(line) for line in good.read_text().splitlines()]
    n_words = sum(event["type"] == "detection" for event in told)
    assert n_words == done.stdout.count("\n") - 1 > 0  # the greeting is no word


def test_the_end_of_the_source_is_code_0(programs: list[Process]) -> None:
    process = begin(programs)
    assert process.stdin is not None
    os.write(process.stdin.fileno(), bytes(3200))
    _, errors = process.communicate(timeout=PATIENCE_SECONDS)
    assert (process.returncode, errors) == (0, "")


def test_an_error_is_one_line_and_code_1_and_wrong_usage_code_2() -> None:
    missing = subprocess.run([*LISTEN, "--source", "nowhere.wav"], capture_output=True, text=True, check=False)
    assert missing.returncode == 1
    assert missing.stderr.count("\n") == 1
    wrong = subprocess.run([*LISTEN, "--volume", "11"], capture_output=True, text=True, check=False)
    assert wrong.returncode == 2


def test_help_lists_the_exit_codes() -> None:
    done = subprocess.run([*LISTEN, "--help"], capture_output=True, text=True, check=True)
    for code in ("0 ", "1 ", "2 ", "130", "143", "129", "141 "):
        assert code in done.stdout.partition("exit codes")[2]


@pytest.mark.slow
@needs_posix
def test_a_reader_that_stopped_reading_is_named_as_the_standard_output(programs: list[Process], tmp_path: Path) -> None:
    reader, writer = os.pipe()
    os.set_blocking(writer, False)
    with suppress(BlockingIOError):
        while True:
            os.write(writer, bytes(4096))
    os.set_blocking(writer, True)
    heard = tmp_path / "events.jsonl"
    arguments = ("--source", "demo:", "--fast", "--json", "--sink", f"jsonl:{heard}")
    process = subprocess.Popen([*LISTEN, *arguments], stdout=writer, stderr=subprocess.PIPE, text=True)
    programs.append(process)
    os.close(writer)
    wait_until(lambda: heard.exists() and '"go"' in heard.read_text())
    process.send_signal(signal.SIGTERM)
    _, err = process.communicate(timeout=PATIENCE_SECONDS)
    os.close(reader)
    assert re.fullmatch(r"standard output: \d+ not delivered by the end: listening ended first\n", err)


LIMITED = """
import resource
resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096))
from kws_live.cli import program
program()
"""


@pytest.mark.slow
@needs_posix
@pytest.mark.parametrize(
    "command",
    [["make-stream", "--clips", "clips", "--out", "s.flac", "--words", "5"], ["prepare", "clips", "--out", "features"]],
    ids=lambda command: str(command[0]),
)
def test_a_full_disk_behind_a_file_is_one_line_and_leaves_no_half_of_it(command: list[str], tmp_path: Path) -> None:
    rng = np.random.default_rng(1)
    for word in ("yes", "no", "up", "down", "left", "right", "on", "off", "stop", "go"):
        (tmp_path / "clips" / word).mkdir(parents=True)
        clip = 1e-3 * rng.standard_normal(16_000)
        clip[5_000:11_000] += 0.3 * np.sin(0.3 * np.arange(6_000))
        soundfile.write(tmp_path / "clips" / word / "1.wav", clip, 16_000)
    done = subprocess.run(
        [sys.executable, "-c", LIMITED, *command],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=PATIENCE_SECONDS,
    )
    assert done.returncode == 1
    assert re.fullmatch(r"kws-live: cannot \w+ (s\.flac|features).*File too large.*\n", done.stderr), done.stderr
    assert not {"s.flac", "s.csv", "features"} & {path.name for path in tmp_path.iterdir()}
