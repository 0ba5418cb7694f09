"""PortAudio's calls have an end, even where the sound server has none."""

import subprocess
import sys
import threading
import weakref

import numpy as np
import pytest

from kws_live.errors import SourceLostError, SourceUnavailableError
from kws_live.model import Model
from kws_live.sources.microphone import BATCH_BLOCKS, QUEUE_BATCHES, Microphone
from kws_live.sources.portaudio import ask, list_microphones, plain_name
from tests.fake_sounddevice import FakeSounddevice

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
    with pytest.raises(SourceUnavailableError, match="does not respond"):
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
    with pytest.raises(SourceUnavailableError, match="does not respond"):
        Microphone()
    frozen.let_go.set()
    ask(lambda: None, PATIENCE_SECONDS)
    assert [stream.is_open for stream in fake_sounddevice.streams] == [False]


def read_all(microphone: Microphone) -> list[tuple[int, list[int]]]:
    """The batches that are there: how many overflows are known by then, and the numbers of their blocks."""
    batches: list[tuple[int, list[int]]] = []
    while True:
        block = microphone.read(0)
        assert block is not None
        if not block.size:
            return batches
        batches.append((microphone.n_overflows, [int(number) for number in block[::1920, 0]]))


def test_an_overflow_is_told_with_the_block_that_it_came_before(fake_sounddevice: FakeSounddevice) -> None:
    microphone = Microphone()
    for number in range(7):
        block = np.full((1920, 1), number, np.float32)
        fake_sounddevice.streams[0].speak(block, overflow=number == 4)
    assert read_all(microphone) == [(0, [0, 1, 2]), (0, [3]), (1, [4, 5, 6])]
    microphone.close()


def test_where_nothing_is_read_the_oldest_blocks_go_and_that_is_an_overflow(fake_sounddevice: FakeSounddevice) -> None:
    microphone = Microphone()
    n_blocks = BATCH_BLOCKS * (QUEUE_BATCHES + 5)
    for number in range(n_blocks):
        fake_sounddevice.streams[0].speak(np.full((1920, 1), number, np.float32))
    batches = read_all(microphone)
    assert [number for _, numbers in batches for number in numbers] == [*range(5 * BATCH_BLOCKS, n_blocks)]
    assert microphone.n_overflows == 5
    microphone.close()


def test_a_microphone_that_goes_hands_over_its_last_blocks_first(fake_sounddevice: FakeSounddevice) -> None:
    microphone = Microphone()
    fake_sounddevice.streams[0].speak(np.full((1920, 1), 7, np.float32))
    fake_sounddevice.streams[0].go_away()
    assert read_all(microphone) == [(0, [7])]
    with pytest.raises(SourceLostError, match="was disconnected"):
        microphone.read(0)
    microphone.close()


@pytest.mark.slow
def test_portaudio_is_restarted_for_a_fresh_list_only_while_no_stream_of_the_process_is_open(
    fake_sounddevice: FakeSounddevice,
) -> None:
    class Thing:
        """Something that may be referred to weakly."""

    dead = weakref.proxy(Thing())  # the garbage collector knows such things, and they raise when they are looked at
    list_microphones()
    before = fake_sounddevice.n_restarts
    of_the_program = fake_sounddevice.InputStream(callback=lambda *_: None)
    list_microphones()
    Microphone().close()
    assert fake_sounddevice.n_restarts == before
    of_the_program.close()
    list_microphones()
    assert fake_sounddevice.n_restarts == before + 1
    del dead


@pytest.mark.slow
@pytest.mark.usefixtures("fake_sounddevice")
def test_a_network_runs_on_while_microphones_are_listed(commands_model: Model) -> None:
    scorer, over = commands_model.scorer(), threading.Event()
    settings = commands_model.card.features
    features = np.zeros((settings.n_frames, settings.n_mfcc), np.float32)

    def list_again_and_again() -> None:
        for _ in range(20):
            list_microphones()
        over.set()

    thread = threading.Thread(target=list_again_and_again)
    thread.start()
    try:
        while not over.is_set():
            scorer.score(features)
    finally:
        thread.join()


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
        "import ctypes, sys; from kws_live.system.native_output import silence_c_stderr; silence_c_stderr();"
        "c = ctypes.CDLL(None);"
        "c.fputs(b'noise', ctypes.c_void_p.in_dll(c, '__stderrp' if sys.platform == 'darwin' else 'stderr'));"
        "print('python', file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stderr == "python\n"
