"""PortAudio's calls have an end, even where the sound server has none."""

import subprocess
import sys
import threading

import numpy as np
import pytest
from fake_sounddevice import FakeSounddevice

from kws_live.errors import AudioGapError, SourceUnavailableError
from kws_live.sources.microphone import QUEUE_BLOCKS, Microphone
from kws_live.sources.portaudio import ask, plain_name

PATIENCE_SECONDS = 20.0


class Hanging:
    """A call that hangs until it is let go."""

    def __init__(self) -> None:
        self.begun = threading.Event()
        self.let_go = threading.Event()
        self.done = threading.Event()

    def __call__(self) -> str:
        self.begun.set()
        assert self.let_go.wait(PATIENCE_SECONDS)
        self.done.set()
        return "late"


def test_an_answer_and_an_error_come_back_to_the_caller() -> None:
    assert ask(lambda: 42, PATIENCE_SECONDS) == 42
    with pytest.raises(ZeroDivisionError):
        ask(lambda: 1 / 0, PATIENCE_SECONDS)


def test_all_calls_run_on_one_thread_that_is_not_the_callers() -> None:
    names = {ask(lambda: threading.current_thread().name, PATIENCE_SECONDS) for _ in range(3)}
    assert names == {"PortAudio calls"}


def test_a_call_that_hangs_is_given_up_and_its_late_answer_is_handed_over() -> None:
    call, late = Hanging(), list[str]()
    with pytest.raises(SourceUnavailableError, match="does not answer"):
        ask(call, 0.05, late.append)
    call.let_go.set()
    ask(lambda: None, PATIENCE_SECONDS)  # behind it in the line
    assert late == ["late"]


def test_while_one_call_hangs_the_next_one_that_is_given_up_is_never_made() -> None:
    first, second = Hanging(), Hanging()
    with pytest.raises(SourceUnavailableError):
        ask(first, 0.05)
    with pytest.raises(SourceUnavailableError):
        ask(second, 0.05, lambda late: None)
    first.let_go.set()
    ask(lambda: None, PATIENCE_SECONDS)
    assert first.done.is_set()  # such as closing: it is done in the end
    assert not second.begun.is_set()  # such as opening: nobody waits for it any more


def test_a_microphone_that_opens_too_late_is_closed_again(
    fake_sounddevice: FakeSounddevice, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("kws_live.sources.microphone.ANSWER_SECONDS", 0.05)
    frozen, original = Hanging(), fake_sounddevice.InputStream

    def open_slowly(**arguments: object) -> object:
        frozen()
        return original(**arguments)

    monkeypatch.setattr(fake_sounddevice, "InputStream", open_slowly)
    with pytest.raises(SourceUnavailableError, match="does not answer"):
        Microphone()
    frozen.let_go.set()
    ask(lambda: None, PATIENCE_SECONDS)
    assert [stream.is_open for stream in fake_sounddevice.streams] == [False]


def read_all(microphone: Microphone) -> list[int | float]:
    """What is there: numbers of blocks, and gaps in seconds."""
    items: list[int | float] = []
    n_empty = 0
    while n_empty < QUEUE_BLOCKS:  # what is late is kept for a while, block after block
        try:
            block = microphone.read(0)
        except AudioGapError as gap:
            items.append(gap.seconds)
            continue
        assert block is not None
        items += [int(number) for number in block[::1920, 0]]
        n_empty += not block.size
    return items


def test_an_overflow_is_a_gap_before_the_block_that_tells_of_it(
    fake_sounddevice: FakeSounddevice, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = 1000.0
    monkeypatch.setattr("kws_live.sources.microphone.wall_seconds", lambda: now)
    microphone = Microphone()
    for number in range(40):
        now += 0.04 + (0.5 if number == 20 else 0.0)
        fake_sounddevice.streams[0].speak(np.full((1920, 1), number, np.float32), overflow=number == 20)
    assert read_all(microphone) == [*range(20), pytest.approx(0.5), *range(20, 40)]
    assert microphone.n_overflows == 1
    microphone.close()


def test_where_nobody_reads_the_oldest_blocks_go_and_that_is_a_gap(
    fake_sounddevice: FakeSounddevice, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = 1000.0
    monkeypatch.setattr("kws_live.sources.microphone.wall_seconds", lambda: now)
    microphone = Microphone()
    for number in range(QUEUE_BLOCKS + 50):
        now += 0.04
        fake_sounddevice.streams[0].speak(np.full((1920, 1), number, np.float32))
    gap, *blocks = read_all(microphone)
    assert isinstance(gap, float)
    assert blocks == [*range(50, QUEUE_BLOCKS + 50)]
    assert microphone.n_overflows == 1
    microphone.close()


@pytest.mark.parametrize(
    ("name", "plain"),
    [
        ("USB Audio: - (hw:1,0)", "usb audio: -"),
        ("USB Audio: - (hw:2,0)", "usb audio: -"),
        ("Built-in Microphone", "built-in microphone"),
    ],
)
def test_a_card_number_is_no_part_of_a_name(name: str, plain: str) -> None:
    assert plain_name(name) == plain


@pytest.mark.skipif(sys.platform == "win32", reason="there is nothing to silence")
def test_what_c_libraries_print_is_silenced_and_python_is_not() -> None:
    code = (
        "import ctypes, sys; from kws_live.native_output import silence_c_stderr; silence_c_stderr();"
        "c = ctypes.CDLL(None);"
        "c.fputs(b'noise', ctypes.c_void_p.in_dll(c, '__stderrp' if sys.platform == 'darwin' else 'stderr'));"
        "print('python', file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stderr == "python\n"
