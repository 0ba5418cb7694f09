"""One contract for every source, found by walking the package: a new one cannot be forgotten."""

import importlib
import inspect
import os
import pkgutil
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
import soundfile

import kws_live.sources
from kws_live.audio import Block
from kws_live.errors import SourceUnavailableError
from kws_live.sources import SCHEMES, AudioSource, open_source, optional
from kws_live.sources.array import ArraySource
from kws_live.sources.ffmpeg import Ffmpeg
from kws_live.sources.microphone import BATCH_BLOCKS, Microphone
from kws_live.sources.network import TcpStream, UdpStream
from kws_live.sources.one_channel import OneChannel
from kws_live.sources.pcm_stream import PcmStream
from kws_live.sources.playback import Playback
from kws_live.sources.program import ProgramSource
from kws_live.sources.sound_file import SoundFile
from tests.fake_sounddevice import FakeSounddevice

SIGNAL = np.random.default_rng(3).uniform(-0.5, 0.5, (8_000, 2)).astype(np.float32)
RATE_HZ = 16_000


def array(_folder: Path) -> AudioSource:
    return ArraySource(SIGNAL, RATE_HZ)


def sound_file(folder: Path) -> AudioSource:
    soundfile.write(folder / "a.wav", SIGNAL, RATE_HZ, subtype="FLOAT")
    return SoundFile(folder / "a.wav")


def pcm_stream(_folder: Path) -> AudioSource:
    reader, writer = os.pipe()
    pcm = np.rint(SIGNAL * 32768).astype("<i2").tobytes()

    def write() -> None:
        with os.fdopen(writer, "wb") as file:
            file.write(pcm)

    threading.Thread(target=write).start()
    return PcmStream(reader, RATE_HZ, 2)


def one_channel(_folder: Path) -> AudioSource:
    return OneChannel(ArraySource(np.concatenate([SIGNAL, SIGNAL], axis=1), RATE_HZ), 1)


FINITE: dict[type, Callable[[Path], AudioSource]] = {
    ArraySource: array,
    SoundFile: sound_file,
    PcmStream: pcm_stream,
    OneChannel: one_channel,
}
ENDLESS: tuple[type, ...] = (Microphone, TcpStream, UdpStream, ProgramSource, Ffmpeg, Playback)


def every_source() -> Iterator[type]:
    for info in pkgutil.iter_modules(kws_live.sources.__path__):
        module = importlib.import_module(f"kws_live.sources.{info.name}")
        for name, thing in inspect.getmembers(module, inspect.isclass):
            is_own = thing.__module__ == module.__name__ and not name.startswith("_")
            if is_own and hasattr(thing, "read") and hasattr(thing, "close"):
                yield thing


def test_every_source_of_the_package_is_tested_here() -> None:
    assert set(every_source()) == {*FINITE, *ENDLESS}


def take_all(source: AudioSource) -> Block:
    blocks = []
    while (block := source.read(1.0)) is not None:
        blocks.append(block)
    return np.concatenate(blocks)


@pytest.fixture(params=list(FINITE.values()), ids=[kind.__name__ for kind in FINITE])
def source(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[AudioSource]:
    opened: AudioSource = request.param(tmp_path)
    yield opened
    opened.close()


def test_it_has_what_the_protocol_asks_for(source: AudioSource) -> None:
    assert isinstance(source.name, str)
    assert source.name
    assert source.rate_hz == RATE_HZ
    assert source.n_overflows == 0
    assert source.live is False
    take_all(source)


def test_its_blocks_are_the_audio_float32_and_two_dimensional(source: AudioSource) -> None:
    got = take_all(source)
    assert got.dtype == np.float32
    expected = SIGNAL[:, :1] if isinstance(source, OneChannel) else SIGNAL
    assert got.shape == expected.shape
    np.testing.assert_allclose(got, expected, atol=1 / 32768)
    assert source.read(0.0) is None  # the end stays the end


@pytest.mark.twin("test_its_blocks_are_the_audio_float32_and_two_dimensional")
def test_after_close_it_is_at_its_end_and_may_be_closed_again(source: AudioSource) -> None:
    source.read(1.0)
    source.close()
    source.close()
    assert source.read(0.0) is None


def test_a_microphone_hands_over_float32_blocks_and_is_live(fake_sounddevice: FakeSounddevice) -> None:
    microphone = Microphone()
    spoken = np.full((480, 1), 0.25, np.float32)
    for half in np.split(spoken, BATCH_BLOCKS):
        fake_sounddevice.streams[-1].speak(half)
    block = microphone.read(1.0)
    assert microphone.live is True
    assert block is not None
    assert block.dtype == np.float32
    np.testing.assert_array_equal(block, spoken)
    microphone.close()
    microphone.close()


def test_every_scheme_is_told_in_the_modules_docstring() -> None:
    assert kws_live.sources.__doc__ is not None
    for scheme in SCHEMES:
        assert f"{scheme}:" in kws_live.sources.__doc__


@pytest.mark.parametrize("name", ["ftp:x", "microphone:USB", "zz:" + "a" * 300])
def test_an_unknown_scheme_lists_the_known_ones(name: str) -> None:
    with pytest.raises(SourceUnavailableError, match=r"mic:.*file:.*demo:.*stdin:"):
        open_source(name)


def test_the_demo_opens_by_its_scheme() -> None:
    source = open_source("demo:", paced=False)
    assert source.name == "demo recording"
    assert take_all(source).shape[0] > 10 * source.rate_hz
    source.close()


def test_a_file_whose_name_looks_like_a_scheme_opens(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    soundfile.write("talk:1.wav", SIGNAL, RATE_HZ)
    open_source("talk:1.wav").close()
    open_source("file:talk:1.wav").close()


@pytest.mark.parametrize(
    ("code", "said"),
    [
        ("raise RuntimeError('not today')", "cannot open 'added:x': RuntimeError: not today"),
        ("raise OSError(5, 'broken')", "cannot open 'added:x': OSError"),
        ("return None", "'added:x' does not open an audio source: what its package returns has no name"),
        ("import nothing_of_this_name", "cannot open 'added:x': ModuleNotFoundError"),
        (
            "import types; return types.SimpleNamespace(name='x', rate_hz=1, live=True, n_overflows=0, close=1)",
            "no read",
        ),
    ],
)
def test_a_source_of_another_package_that_fails_is_one_line(tmp_path: Path, code: str, said: str) -> None:
    (tmp_path / "added.py").write_text(f"def make(rest, paced):\n    {code}\n")
    info = tmp_path / "added-1.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: added\nVersion: 1\n")
    (info / "entry_points.txt").write_text("[kws_live.sources]\nadded = added:make\n")
    program = (
        "import sys; sys.path.insert(0, sys.argv[1])\n"
        "from kws_live.sources import open_source\n"
        "from kws_live.errors import SourceUnavailableError\n"
        "try: open_source('added:x')\n"
        "except SourceUnavailableError as error: print(error)\n"
    )
    done = subprocess.run([sys.executable, "-c", program, tmp_path], capture_output=True, text=True, check=True)
    assert said in done.stdout
    assert done.stdout.count("\n") == 1


class Plain:
    """Only what every source must have."""

    name, rate_hz, live, n_overflows = "plain", RATE_HZ, True, 0

    def read(self, timeout_seconds: float) -> Block | None:
        return None

    def close(self) -> None: ...


class Whole(Plain):
    """And what a source may have."""

    watched, pauses, n_namesakes = True, True, 2


@pytest.mark.parametrize("wrap", [lambda source: source, lambda source: OneChannel(source, 1)])
def test_what_a_source_may_leave_out_has_a_default_and_what_it_says_counts(
    wrap: Callable[[AudioSource], AudioSource],
) -> None:
    plain, whole = wrap(Plain()), wrap(Whole())
    assert (optional.is_watched(plain), optional.may_pause(plain), optional.n_namesakes(plain)) == (False, False, 0)
    assert (optional.is_watched(whole), optional.may_pause(whole), optional.n_namesakes(whole)) == (True, True, 2)
