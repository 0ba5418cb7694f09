"""Other processes, and the end of this one."""

import multiprocessing
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import pytest

import kws_live
from kws_live.errors import SessionError
from kws_live.spotter import Spotter
from kws_live.testing import tone_model
from tests.fakes import EndlessSource

PATIENCE_SECONDS = 30.0

CALLS: dict[str, Callable[[Spotter], object]] = {
    "start": lambda spotter: spotter.start(),
    "wait": lambda spotter: spotter.wait(),
    "wait_for": lambda spotter: spotter.wait_for(),
    "events": lambda spotter: next(spotter.events()),
    "statistics": lambda spotter: spotter.statistics(),
    "on": lambda spotter: spotter.on("yes"),
    "send_to": lambda spotter: spotter.send_to("jsonl:-"),
    "change_source": lambda spotter: spotter.change_source("demo:"),
}


def _call_in_child(spotter: Spotter, answers: Any) -> None:
    for name, call in CALLS.items():
        try:
            call(spotter)
            answers.put((name, "no error"))
        except SessionError as error:
            answers.put((name, str(error)))
    spotter.stop()  # harmless
    answers.put(("stop", ""))


@pytest.mark.skipif("fork" not in multiprocessing.get_all_start_methods(), reason="this system has no fork")
@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_in_a_forked_process_every_call_says_where_to_start() -> None:
    context = multiprocessing.get_context("fork")
    answers = context.SimpleQueue()
    with kws_live.listen(EndlessSource(), model=tone_model("yes", "no")) as spotter:
        child = context.Process(target=_call_in_child, args=(spotter, answers))
        child.start()
        child.join(PATIENCE_SECONDS)
        alive = child.is_alive()
        child.kill()
        child.join()
        assert not alive
        told = {}
        while not answers.empty():
            name, said = answers.get()
            told[name] = said
        assert told.pop("stop") == ""
        assert set(told) == set(CALLS)
        assert all("make one with kws_live.listen() after the fork" in said for said in told.values()), told
        assert not spotter.wait(0.0)  # and here it listens


def test_a_program_that_ends_without_stop_ends_quietly_and_its_sinks_are_written() -> None:
    script = """
import kws_live
from kws_live.events import Event
class Sink:
    def send(self, event): pass
    def close(self): print("closed", flush=True)
spotter = kws_live.listen("demo:", sinks=[Sink()])
spotter.start()
"""
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, timeout=PATIENCE_SECONDS, check=False
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "closed\n", "")
