"""From a (virtual) microphone through PortAudio and sounddevice to words, in a program of its own."""

import contextlib
import json
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

from kws_live.audio import SAMPLE_RATE_HZ, Samples
from tests.virtual_microphone import VirtualMicrophone

PATIENCE_SECONDS = 30.0
LENIENT = [
    f"--threshold={word}=0.3" for word in ("yes", "no", "left", "right", "on", "off", "go", "stop", "up", "down")
]


class Listening:
    """``kws-live listen --json`` at a microphone; its events as they come."""

    def __init__(self, microphone: VirtualMicrophone, *options: str) -> None:
        self.events: list[dict[str, Any]] = []
        self._came = threading.Condition()
        self._said: str | None = None
        self.process = subprocess.Popen(
            [sys.executable, "-m", "kws_live", "listen", "--json", *options],
            env=microphone.environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
            text=True,
        )  # fmt: skip
        self._reader = threading.Thread(target=self._read)
        self._reader.start()

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            with self._came:
                self.events.append(json.loads(line))
                self._came.notify_all()
        with self._came:
            self._came.notify_all()

    def wait_for(self, done: Callable[[list[dict[str, Any]]], bool]) -> None:
        with self._came:
            came = self._came.wait_for(lambda: done(self.events), PATIENCE_SECONDS)
        assert came, (self.process.poll(), self.events, self.stop())

    def words(self) -> list[str]:
        return [event["keyword"] for event in self.events if event["type"] == "detection"]

    def types(self) -> list[str]:
        return [event["type"] for event in self.events]

    def stop(self) -> str:
        """End it; what it said on standard error."""
        if self._said is not None:
            return self._said
        self.process.terminate()
        self._reader.join(PATIENCE_SECONDS)
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.process.wait(PATIENCE_SECONDS)
        self.process.kill()
        assert self.process.stdout is not None
        assert self.process.stderr is not None
        self._said = self.process.stderr.read()
        self.process.stdout.close()
        self.process.stderr.close()
        return self._said


@pytest.fixture
def listening(virtual_microphone: VirtualMicrophone) -> Iterator[Listening]:
    program = Listening(virtual_microphone, "--gate=off", *LENIENT)
    try:
        # With the gate off it says at the first hop that it hears.
        program.wait_for(lambda events: any(event["type"] == "speech_started" for event in events))
        yield program
    finally:
        program.stop()


@pytest.fixture(scope="module")
def expected(demo_audio: Samples, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[str]]:
    """A part of the demo recording as a file, and the words found in it without any microphone."""
    path = tmp_path_factory.mktemp("spoken") / "words.wav"
    soundfile.write(path, demo_audio[: round(5.6 * SAMPLE_RATE_HZ)], SAMPLE_RATE_HZ)
    code = [sys.executable, "-m", "kws_live", "detect", str(path), "--json", "--gate=off", *LENIENT]
    done = subprocess.run(code, capture_output=True, text=True, check=True)
    words = [json.loads(line)["keyword"] for line in done.stdout.splitlines()]
    assert len(words) >= 2
    return path, words


def hears_again(microphone: VirtualMicrophone, listening: Listening, path: Path, words: list[str]) -> None:
    """Play until a word is heard: a busy machine may lose what is said while everything starts up again."""
    for _ in range(3):
        microphone.play(path)
        if set(listening.words()) & set(words):
            return
    listening.wait_for(lambda _: bool(set(listening.words()) & set(words)))


def test_words_played_to_the_microphone_come_as_events_in_order(
    virtual_microphone: VirtualMicrophone, listening: Listening, expected: tuple[Path, list[str]]
) -> None:
    path, words = expected
    virtual_microphone.play(path)
    listening.wait_for(lambda _: len(listening.words()) >= len(words))
    assert listening.words() == words
    assert listening.stop() == ""
    assert listening.process.returncode == -signal.SIGTERM


def test_a_microphone_pulled_out_and_put_back_is_heard_again(
    virtual_microphone: VirtualMicrophone, listening: Listening, expected: tuple[Path, list[str]]
) -> None:
    path, words = expected
    virtual_microphone.unplug()
    listening.wait_for(lambda _: "source_lost" in listening.types())
    virtual_microphone.replug()
    listening.wait_for(lambda _: "source_reopened" in listening.types())
    hears_again(virtual_microphone, listening, path, words)


def test_a_sound_server_that_dies_and_comes_back_is_heard_again(
    virtual_microphone: VirtualMicrophone, listening: Listening, expected: tuple[Path, list[str]]
) -> None:
    path, words = expected
    virtual_microphone.crash()
    listening.wait_for(lambda _: "source_lost" in listening.types())
    virtual_microphone.start()
    listening.wait_for(lambda _: "source_reopened" in listening.types())
    hears_again(virtual_microphone, listening, path, words)


@pytest.mark.twin("test_a_microphone_pulled_out_and_put_back_is_heard_again")
def test_what_a_frozen_server_hands_over_late_is_heard_all_the_same(
    virtual_microphone: VirtualMicrophone, listening: Listening, expected: tuple[Path, list[str]]
) -> None:
    path, words = expected
    virtual_microphone.pause()
    threading.Event().wait(0.6)  # shorter than what counts as lost
    virtual_microphone.resume()
    hears_again(virtual_microphone, listening, path, words)
    assert "source_lost" not in listening.types()


@pytest.mark.parametrize(
    ("environment", "said"),
    [({"PULSE_SERVER": "unix:/nonexistent"}, "no microphone found"), ({}, "no microphone 'USB Dusk'; near: ")],
)
def test_no_microphone_and_an_unknown_one_are_one_line(
    virtual_microphone: VirtualMicrophone, environment: dict[str, str], said: str
) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "kws_live", "listen", "--source", "mic:USB Dusk" if not environment else "mic:"],
        env={**virtual_microphone.environment, **environment}, capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 1
    assert done.stderr.startswith("kws-live: ")
    assert said in done.stderr
    assert done.stderr.count("\n") == 1


def test_the_microphone_gives_the_samples_that_are_played(virtual_microphone: VirtualMicrophone) -> None:
    """Noise up to 1 kHz, at another rate than the card's: neither its pitch nor its level nor a block may change."""
    noise = np.random.default_rng(6).uniform(-0.5, 0.5, 2_000).astype(np.float32)
    code = (
        "import sys, numpy as np\n"
        "from kws_live.sources.microphone import Microphone\n"
        "mic = Microphone()\n"
        "assert mic.rate_hz in (44100, 48000)\n"
        "print(mic.rate_hz, flush=True)\n"
        "blocks, n = [], 0\n"
        "while n < 4 * mic.rate_hz:\n"
        "    block = mic.read(1.0); n += len(block); blocks.append(block)\n"
        "mic.close()\n"
        "sys.stdout.buffer.write(np.concatenate(blocks).mean(axis=1).astype('<f4').tobytes())\n"
    )
    with tempfile.TemporaryDirectory() as folder:
        program = subprocess.Popen(
            [sys.executable, "-c", code], env=virtual_microphone.environment, stdout=subprocess.PIPE
        )
        assert program.stdout is not None
        rate_hz = int(program.stdout.readline())
        import soxr

        played = np.asarray(soxr.resample(noise, 2_000, rate_hz), dtype=np.float32)
        soundfile.write(Path(folder) / "noise.wav", played, rate_hz, subtype="FLOAT")
        virtual_microphone.play(Path(folder) / "noise.wav")
        heard = np.frombuffer(program.stdout.read(), "<f4")
        program.stdout.close()
        assert program.wait() == 0
    # In parts, because on a busy machine the player or the server may run dry for a moment.
    n_part = rate_hz // 10
    parts = [played[start : start + n_part] for start in range(0, played.size - n_part, n_part)]
    assert sum(similarity(part, heard) > 0.98 for part in parts) >= len(parts) / 2


def similarity(part: Samples, heard: Samples) -> float:
    """Correlation of a part with what is most like it."""
    size = 1 << (heard.size + part.size).bit_length()
    products = np.fft.irfft(np.fft.rfft(heard, size) * np.conj(np.fft.rfft(part, size)), size)
    at = int(np.argmax(products[: heard.size - part.size]))
    return float(np.corrcoef(heard[at : at + part.size], part)[0, 1])
