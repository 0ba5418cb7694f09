"""A program gets what is said after a word, as a WAV file."""

import sys
from pathlib import Path

import numpy as np
import pytest

from kws_live import listen
from kws_live.actions.command import Command
from kws_live.actions.pipe import Pipe
from kws_live.audio import SAMPLE_RATE_HZ
from kws_live.errors import ActionError
from kws_live.stream.ring_buffer import RingBuffer
from kws_live.testing import FakeMicrophone, tone_model
from tests.spoken import spoken

RECOGNISER = """
import io, sys, wave
with wave.open(io.BytesIO(sys.stdin.buffer.read())) as sound:
    told = sound.getframerate(), sound.getnchannels(), sound.getnframes()
with open(sys.argv[1], "a") as file:
    print(sys.argv[2], *told, file=file)
"""


@pytest.fixture
def recogniser(tmp_path: Path) -> Path:
    path = tmp_path / "recogniser.py"
    path.write_text(RECOGNISER)
    return path


def test_a_program_is_given_the_sound_after_the_word_with_the_event(tmp_path: Path, recogniser: Path) -> None:
    ring = RingBuffer(10 * SAMPLE_RATE_HZ)
    ring.write(np.zeros(5 * SAMPLE_RATE_HZ, np.float32))
    ring.close()
    out = tmp_path / "out"
    pipe = Pipe(Command([sys.executable, str(recogniser), str(out), "{keyword}"]), lambda: ring, 1.5)
    assert pipe.describe(spoken("go")).endswith(f"{out} go with the audio that follows")
    pipe.do(spoken("go", 1.0))
    assert out.read_text() == "go 16000 1 24000\n"


def test_where_there_is_no_sound_it_says_so(recogniser: Path) -> None:
    command, empty = Command([sys.executable, str(recogniser)]), RingBuffer(10)
    empty.close()
    with pytest.raises(ActionError, match="there is no audio to pipe"):
        Pipe(command, lambda: None, 1.0).do(spoken("go"))
    with pytest.raises(ActionError, match="the audio after 'go' is no longer available"):
        Pipe(command, lambda: empty, 1.0).do(spoken("go"))


def test_a_program_that_reads_nothing_is_no_error() -> None:
    ring = RingBuffer(10 * SAMPLE_RATE_HZ)
    ring.write(np.zeros(9 * SAMPLE_RATE_HZ, np.float32))
    ring.close()
    Pipe(Command([sys.executable, "-c", "pass"]), lambda: ring, 8.0).do(spoken("go", 0.5))


def test_a_binding_hands_the_sound_on_and_others_are_done_meanwhile(tmp_path: Path, recogniser: Path) -> None:
    out, bindings = tmp_path / "out", tmp_path / "commands.toml"
    run = [sys.executable, str(recogniser), str(out), "{keyword}"]
    bindings.write_text(f'[[binding]]\nword = "yes"\nlongest_seconds = 0.5\npipe = {run!r}\n')
    microphone = FakeMicrophone(["yes", "no"])
    with listen(microphone, model=tone_model("yes", "no"), sinks=[f"bindings:{bindings}"]) as spotter:
        spotter.wait(30.0)
    assert out.read_text().startswith("yes 16000 1 ")
    assert spotter.statistics().events_undelivered == 0


def test_python_gets_the_same_sound() -> None:
    with listen(FakeMicrophone(["yes", "no"]), model=tone_model("yes", "no")) as spotter:
        detection = spotter.wait_for("yes", timeout_seconds=30.0)
        assert detection is not None
        assert detection.word_end_position is not None
        expected = spotter.ring.read(detection.word_end_position, 2205)
        assert expected is not None
        blocks = spotter.audio_after(detection, longest_seconds=0.1, rate_hz=SAMPLE_RATE_HZ)
        np.testing.assert_array_equal(np.concatenate([*blocks]), expected)
