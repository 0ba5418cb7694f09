"""A call from the same microphone, with a real sound server."""

import subprocess
import sys
from collections.abc import Iterator

import pytest

from tests.conftest import DEMO
from tests.microphone.test_listening import Listening
from tests.virtual_microphone import SOURCE, VirtualMicrophone


@pytest.fixture
def listening(virtual_microphone: VirtualMicrophone) -> Iterator[Listening]:
    program = Listening(virtual_microphone, "--gate=off", "--pause-when=recording")
    program.wait_for(lambda events: any(event["type"] == "speech_started" for event in events))
    yield program
    program.stop()


def is_told(program: Listening, over: bool) -> bool:
    return any(event.get("finding") == "other_recording" and event["over"] is over for event in program.events)


def test_while_another_program_records_words_reach_nothing_and_afterwards_they_do(
    virtual_microphone: VirtualMicrophone, listening: Listening
) -> None:
    call = subprocess.Popen(
        ["parec", f"--device={SOURCE}", "--client-name=a call"],
        env=virtual_microphone.environment, stdout=subprocess.DEVNULL,
    )  # fmt: skip
    try:
        listening.wait_for(lambda _: is_told(listening, over=False))
        virtual_microphone.play(DEMO)
        assert listening.words() == []
    finally:
        call.terminate()
        call.wait()
    listening.wait_for(lambda _: is_told(listening, over=True))
    virtual_microphone.play(DEMO)
    listening.wait_for(lambda _: len(listening.words()) >= 8)
    assert len(listening.words()) >= 8


@pytest.mark.parametrize(
    ("environment", "said"),
    [
        ({}, "this program uses none of their microphones"),
        ({"PULSE_SERVER": "unix:/nonexistent"}, "list source-outputs` failed"),
    ],
)
def test_where_it_cannot_be_known_it_is_refused_with_one_line(
    virtual_microphone: VirtualMicrophone, environment: dict[str, str], said: str
) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "kws_live", "listen", "--source=demo:", "--pause-when=recording"],
        env={**virtual_microphone.environment, **environment}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 1
    assert said in done.stderr
    assert done.stderr.count("\n") == 1
