"""However a signal meets the program, it ends by that signal, soon, and says nothing strange."""

import os
import random
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
import soundfile

from kws_live.audio import Samples
from tests.enrolment.spoken_takes import takes_of, write_takes
from tests.spoken import wait_until

PATIENCE_SECONDS = 60
READY = "ready\n"
# The moment from which on no signal meets Python's own start.
PROGRAM = (sys.executable, "-c", "from kws_live.cli import program\nprint('ready', flush=True)\nprogram()")
Process = subprocess.Popen[str]

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(sys.platform == "win32", reason="signals are those of POSIX"),
]


@pytest.fixture
def processes() -> Iterator[list[Process]]:
    """What a test has started; none outlives it."""
    started: list[Process] = []
    yield started
    for process in started:
        process.kill()
        process.communicate()


def begin(processes: list[Process], *command: str, line: str = READY) -> Process:
    """A program, once it has printed a line."""
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    processes.append(process)
    assert process.stdout is not None
    assert process.stdout.readline().startswith(line.strip())
    return process


def begin_script(processes: list[Process], script: str) -> Process:
    """A program of a few lines, with `Signals` at hand."""
    header = "import os, sys, time, threading\nfrom kws_live.cli.signals import Signals, end_at_once\n"
    return begin(processes, sys.executable, "-c", header + script)


def end_of(process: Process, number: int) -> tuple[int, str]:
    """Send a signal; the exit code, and what was said on standard error."""
    process.send_signal(number)
    _, said = process.communicate(timeout=PATIENCE_SECONDS)
    return process.returncode, said


def test_a_signal_at_any_moment_ends_it_by_that_signal(processes: list[Process]) -> None:
    def ends(seed: int) -> None:
        chance = random.Random(seed)
        command = chance.choice(
            [["listen", "--source", "demo:"], ["tune", "--source", "demo:", "--no-browser", "--port", "0"]]
        )
        number = chance.choice([signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
        process = begin(processes, *PROGRAM, *command)
        time.sleep(chance.uniform(0.0, 2.0))
        code, said = end_of(process, number)
        assert code == -number, seed
        assert [line for line in said.splitlines() if not line.startswith("panel: http")] == [], seed

    with ThreadPoolExecutor(4) as threads:  # most of them wait for their moment
        list(threads.map(ends, range(20)))


@pytest.mark.parametrize(
    "command",
    [["detect", "long.wav"], ["doctor", "--source", "long.wav", "--seconds", "3000"], ["scan", "long.wav"]],
    ids=lambda command: str(command[0]),
)
def test_a_command_that_computes_ends_by_the_signal_and_leaves_nothing_half_done(
    processes: list[Process], command: list[str], demo_audio: Samples, tmp_path: Path
) -> None:
    soundfile.write(tmp_path / "long.wav", np.tile(demo_audio, 100), 22_050)
    words = [str(tmp_path / word) if word == "long.wav" else word for word in command]
    begun = {}
    for number in (signal.SIGINT, signal.SIGTERM):
        out = tmp_path / number.name
        out.mkdir()
        into = ["--out", str(out / "events.parquet"), "--workers", "1"] if command[0] == "scan" else []
        begun[number] = begin(processes, *PROGRAM, *words, *into)
    time.sleep(2.0)  # somewhere in their work
    for number, process in begun.items():
        assert end_of(process, number) == (-number, "")
    assert not list(tmp_path.glob("*/*.parquet"))


def test_a_shell_loop_ends_at_ctrl_c(tmp_path: Path) -> None:
    loop = f'for i in 1 2 3; do "{sys.executable}" -m kws_live listen --source demo:; echo again; done'
    shell = subprocess.Popen(
        ["bash", "-c", loop], start_new_session=True, stdout=subprocess.PIPE, text=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
    )  # fmt: skip
    try:
        assert shell.stdout is not None
        assert shell.stdout.readline().startswith("listening")
        os.killpg(shell.pid, signal.SIGINT)
        said, _ = shell.communicate(timeout=PATIENCE_SECONDS)
        assert "again" not in said
        assert shell.returncode == -signal.SIGINT
    finally:
        shell.kill()


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_the_first_process_of_a_container_ends_with_the_code(number: int, code: int) -> None:
    unshare = ("unshare", "--fork", "--pid", "--kill-child")
    if (
        shutil.which("unshare") is None
        or subprocess.run([*unshare, "true"], capture_output=True, check=False).returncode
    ):
        pytest.skip("this user may not make a namespace of processes")
    # It signals itself: from outside its number is not known.
    script = (
        "import os\nfrom kws_live.cli.signals import signals\n"
        f"signals.install()\nassert os.getpid() == 1\nos.kill(1, {number})\nimport time\ntime.sleep(60)"
    )
    done = subprocess.run([*unshare, sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (code, "")


def test_what_was_told_to_ignore_ctrl_c_does_so(processes: list[Process]) -> None:
    script = "signals = Signals(); signals.install(); print('ready', flush=True); input(); print(signals.number)"
    header = "from kws_live.cli.signals import Signals; "
    process = subprocess.Popen(
        ["sh", "-c", 'trap "" INT; exec "$0" -c "$1"', sys.executable, header + script],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    processes.append(process)
    assert process.stdout is not None
    assert process.stdout.readline() == READY
    process.send_signal(signal.SIGINT)
    assert process.communicate("\n", timeout=PATIENCE_SECONDS) == ("None\n", "")


# What a command makes of it.


def test_without_a_word_from_the_command_it_ends_at_once(processes: list[Process]) -> None:
    process = begin_script(processes, "Signals(3600).install(); print('ready', flush=True); time.sleep(3600)")
    assert end_of(process, signal.SIGTERM) == (-signal.SIGTERM, "")


NOTED = """
signals = Signals({patience})
signals.install()
told = threading.Event()
with signals.noted(lambda: (os.write(1, b"told\\n"), told.set())):  # a print may interrupt that of "ready"
    print("ready", flush=True)
    while True:
        time.sleep(0.01)
        told.is_set() and {look}
"""


def test_a_command_that_notes_it_is_told_and_raises_where_it_looks(processes: list[Process]) -> None:
    process = begin_script(processes, NOTED.format(patience=3600, look="signals.check()"))
    process.send_signal(signal.SIGTERM)
    said, error = process.communicate(timeout=PATIENCE_SECONDS)
    assert said == "told\n"
    assert "EndedBySignalError" in error


def test_what_does_not_look_is_ended_by_a_deadline(processes: list[Process]) -> None:
    process = begin_script(processes, NOTED.format(patience=0.2, look="None"))
    assert end_of(process, signal.SIGTERM) == (-signal.SIGTERM, "")


def test_what_does_not_look_is_ended_by_a_second_signal(processes: list[Process]) -> None:
    process = begin_script(processes, NOTED.format(patience=3600, look="None"))
    end = time.monotonic() + PATIENCE_SECONDS
    while process.poll() is None:
        assert time.monotonic() < end
        process.send_signal(signal.SIGINT)
        time.sleep(0.1)
    assert process.returncode == -signal.SIGINT


def test_a_signal_that_is_sent_twice_is_one(processes: list[Process]) -> None:
    process = begin_script(
        processes, NOTED.format(patience=3600, look="signals.number and (time.sleep(1), sys.exit(5))")
    )
    process.send_signal(signal.SIGTERM)
    process.send_signal(signal.SIGTERM)
    process.communicate(timeout=PATIENCE_SECONDS)
    assert process.returncode == 5


def test_an_interrupt_is_raised_once_wherever_the_block_is(processes: list[Process]) -> None:
    script = """
signals = Signals(3600)
signals.install()
try:
    with signals.interrupting():
        print("ready", flush=True)
        threading.Event().wait(3600)
except KeyboardInterrupt as error:
    print(error.code)
"""
    process = begin_script(processes, script)
    process.send_signal(signal.SIGTERM)
    assert process.communicate(timeout=PATIENCE_SECONDS) == ("143\n", "")


def test_an_interrupt_that_comes_just_as_the_block_begins_to_wait_is_raised_too(processes: list[Process]) -> None:
    # The thread that receives signals gets this one; the main thread, already waiting, is not interrupted by it.
    script = """
import signal
signals = Signals(3600)
signals.install()
try:
    with signals.interrupting():
        received = signal.set_wakeup_fd(-1)
        signal.set_wakeup_fd(received)
        os.write(received, bytes([signal.SIGTERM]))
        print("ready", flush=True)
        threading.Event().wait(3600)
except KeyboardInterrupt as error:
    print(error.code)
"""
    process = begin_script(processes, script)
    assert process.communicate(timeout=PATIENCE_SECONDS) == ("143\n", "")


def test_a_thread_that_is_stuck_in_foreign_code_does_not_keep_the_process(processes: list[Process]) -> None:
    # With a call in C that signals do not wake: Python runs no handler in the main thread.
    script = """
import ctypes, signal
Signals(3600).install()
def later(): time.sleep(0.5); print("ready", flush=True)
threading.Thread(target=later).start()
pause = ctypes.CDLL(None).sleep
while True: pause(3600)
"""
    process = begin_script(processes, script)
    assert end_of(process, signal.SIGTERM) == (-signal.SIGTERM, "")


def test_a_signal_during_the_first_imports_ends_it_without_a_traceback() -> None:
    script = (
        "import os, signal, sys\n"
        "class Interrupts:\n"
        "    def find_spec(self, name, *_):\n"
        "        if name == 'kws_live.cli.signals': os.kill(os.getpid(), signal.SIGINT)\n"
        "sys.meta_path.insert(0, Interrupts())\n"
        "import kws_live.__main__\n"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=PATIENCE_SECONDS)
    assert (done.returncode, done.stderr) == (-signal.SIGINT, "")


def test_the_programs_first_imports_leave_an_ignored_signal_ignored() -> None:
    script = (
        "import signal\nsignal.signal(signal.SIGINT, signal.SIG_IGN)\nimport kws_live.__main__\n"
        "assert signal.getsignal(signal.SIGINT) == signal.SIG_IGN"
    )
    subprocess.run([sys.executable, "-c", script], check=True, timeout=PATIENCE_SECONDS)


def test_a_signal_while_a_model_is_written_leaves_no_half_of_it(
    processes: list[Process], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KWS_LIVE_MODELS", str(tmp_path / "models"))
    takes = write_takes(tmp_path / "takes", takes_of("left", "off", n=3))
    process = begin(processes, *PROGRAM, "teach", "left off", "--takes", str(takes))
    wait_until(lambda: any((tmp_path / "models").glob(".my-words.*/*")))
    assert end_of(process, signal.SIGINT) == (-signal.SIGINT, "learning ...\n")
    assert {path.name for path in (tmp_path / "models").iterdir()} <= {"my-words"}  # if it was quicker than the signal
