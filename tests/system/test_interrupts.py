"""Ctrl-C at any step: whatever the program was doing with a spotter, it can still be stopped."""

import _thread
import itertools
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from types import FrameType
from typing import Any

import pytest

import kws_live
from kws_live.spotter import Spotter
from kws_live.system.interrupts import Latch, children_without_interrupts, shielded
from kws_live.testing import FakeMicrophone, tone_model

PATIENCE_SECONDS = 30.0
INTERRUPTED = (
    *(f"kws_live/{name}.py" for name in ("spotter", "system/interrupts", "stream/ring_buffer")),
    *(f"kws_live/live/{name}.py" for name in ("lifetime", "word_wait", "audience", "session", "capture")),
    *(f"kws_live/live/{name}.py" for name in ("event_stream", "stream_clock")),
    *("/threading.py", "/contextlib.py"),
)


def interrupted_at(step: int, call: Callable[[], object]) -> bool:
    """Run a call in which KeyboardInterrupt comes at a step; False if it was over before.

    A step is where Python looks for signals: the begin of a function of its own, and the end of one in C.
    """
    n_steps = itertools.count()
    happened = False

    def profile(frame: FrameType, event: str, _argument: Any) -> None:
        nonlocal happened
        if event in ("call", "c_return") and frame.f_code.co_filename.endswith(INTERRUPTED) and next(n_steps) == step:
            sys.setprofile(None)
            happened = True
            raise KeyboardInterrupt

    sys.setprofile(profile)
    try:
        call()
    except KeyboardInterrupt:
        pass
    finally:
        sys.setprofile(None)
    return happened


def ends_in_time(call: Callable[[], object]) -> bool:
    thread = threading.Thread(target=call, daemon=True)
    thread.start()
    thread.join(PATIENCE_SECONDS)
    return not thread.is_alive()


def begin_and_wait(spotter: Spotter) -> None:
    with spotter:
        spotter.wait(0.0)


def wait_twice(spotter: Spotter) -> None:
    spotter.wait(0.0)
    spotter.wait(0.0)


def start_and_stop(spotter: Spotter) -> None:
    spotter.start()
    spotter.stop()


def mute(spotter: Spotter) -> None:
    with spotter.muted():
        pass


USES: dict[str, Callable[[Spotter], object]] = {
    "with": begin_and_wait,
    "wait": wait_twice,
    "wait_for": lambda spotter: spotter.wait_for("yes", timeout_seconds=0.0),
    "events": lambda spotter: next(iter(spotter.events())),
    "stop": start_and_stop,
    "muted": mute,
    "statistics": lambda spotter: spotter.statistics(),
    "on": lambda spotter: spotter.on("yes")(print),
}


@pytest.mark.slow
@pytest.mark.parametrize("name", USES)
def test_what_was_interrupted_at_any_step_can_be_stopped(name: str) -> None:
    model, use = tone_model("yes", "no"), USES[name]
    for step in itertools.count():
        spotter = kws_live.listen(FakeMicrophone(["yes"]), model=model)
        interrupted = interrupted_at(step, lambda spotter=spotter: use(spotter))  # type: ignore[misc]
        assert ends_in_time(spotter.stop), f"at step {step}"
        if not interrupted:
            break
    assert step > 10


def test_a_shielded_call_gives_its_result_and_its_error() -> None:
    assert shielded(lambda: 5) == 5
    with pytest.raises(ZeroDivisionError):
        shielded(lambda: 1 // 0)


def test_a_shielded_call_runs_on_another_thread_only_in_the_main_thread() -> None:
    assert shielded(threading.current_thread) is not threading.main_thread()
    found: list[bool] = []
    other = threading.Thread(target=lambda: found.append(shielded(threading.current_thread) is other))
    other.start()
    other.join()
    assert found == [True]


def test_an_interrupt_that_wakes_no_wait_still_ends_it_and_the_call_goes_on() -> None:
    may_end, ended = threading.Event(), threading.Event()

    def call() -> None:
        _thread.interrupt_main()  # as a signal that comes just before the wait: it is noted, and no system call ends
        may_end.wait(PATIENCE_SECONDS)
        ended.set()

    with pytest.raises(KeyboardInterrupt):
        shielded(call)
    assert not ended.is_set()
    may_end.set()
    assert ended.wait(PATIENCE_SECONDS)


@pytest.mark.skipif(sys.platform == "win32", reason="signals are those of POSIX")
def test_a_child_that_was_started_without_interrupts_hears_no_ctrl_c_and_others_do() -> None:
    script = "import os, signal; os.kill(os.getpid(), signal.SIGINT); print('goes on')"
    with children_without_interrupts():
        done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, "goes on\n")
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (-signal.SIGINT, "")


def test_a_latch_lets_every_waiter_go_and_keeps_none_that_comes_late() -> None:
    latch = Latch()
    assert not latch.wait(0.0)
    waiters = [threading.Thread(target=latch.wait) for _ in range(3)]
    for waiter in waiters:
        waiter.start()
    latch.set()
    for waiter in waiters:
        waiter.join(PATIENCE_SECONDS)
        assert not waiter.is_alive()
    assert latch.is_set()
    assert latch.wait()


def test_a_latch_that_was_interrupted_still_works() -> None:
    for step in itertools.count():
        latch = Latch()
        if not interrupted_at(step, lambda latch=latch: latch.wait(0.0)):  # type: ignore[misc]
            break
        latch.set()
        assert latch.wait()
    assert step > 5
