"""A machine that hears its own loudspeaker, with a real sound server."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from kws_live.sources.playback import Playback
from tests.conftest import DEMO
from tests.microphone.test_listening import Listening
from tests.virtual_microphone import LOUDSPEAKER, VirtualMicrophone


@pytest.fixture(scope="module")
def machine(virtual_microphone: VirtualMicrophone) -> VirtualMicrophone:
    """A microphone that hears the machine's own loudspeaker, too."""
    virtual_microphone.add_loudspeaker()
    return virtual_microphone


@pytest.fixture
def listening(machine: VirtualMicrophone) -> Iterator[Listening]:
    program = Listening(machine, "--gate=off", "--ignore-playback")
    program.wait_for(lambda events: any(event["type"] == "speech_started" for event in events))
    yield program
    program.stop()


def vetoed(program: Listening) -> list[str]:
    return [event["keyword"] for event in program.events if "own_playback" in event.get("reason", "")]


def test_words_of_the_loudspeaker_do_not_fire_and_those_of_a_person_do(
    machine: VirtualMicrophone, listening: Listening, demo_words: list[str]
) -> None:
    machine.play(DEMO, LOUDSPEAKER)
    listening.wait_for(lambda _: len(vetoed(listening)) >= 8)
    assert listening.words() == []
    machine.play(DEMO)
    listening.wait_for(lambda _: len(listening.words()) >= 8)
    assert set(listening.words()) <= set(demo_words)
    assert len(listening.words()) >= 8
    assert listening.stop() == ""


@pytest.mark.parametrize(
    ("source", "said"),
    [
        ("playback:no_such_sink", "cannot hear what no_such_sink plays: "),
        ("playback:", "cannot hear what this machine"),
    ],
)
def test_a_loudspeaker_that_cannot_be_heard_is_one_line(machine: VirtualMicrophone, source: str, said: str) -> None:
    server = {} if source != "playback:" else {"PULSE_SERVER": "unix:/nonexistent"}
    done = subprocess.run(
        [sys.executable, "-m", "kws_live", "listen", "--source=demo:", "--ignore-playback", source],
        env={**machine.environment, **server}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 1
    assert said in done.stderr
    assert done.stderr.count("\n") == 1


def test_without_the_sound_servers_programs_it_says_what_to_do(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(Exception, match=r"needs the program parec .* elsewhere name a source"):
        Playback()
