"""Raw PCM through real pipes."""

import io
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile
from hypothesis import given
from hypothesis import strategies as st

from kws_live.errors import AudioError, SourceUnavailableError
from kws_live.sources.pcm_stream import PcmStream, open_stdin


@given(st.lists(st.binary(min_size=1, max_size=50), min_size=1, max_size=8), st.integers(1, 3))
def test_samples_cut_in_the_middle_are_put_together(writes: list[bytes], n_channels: int) -> None:
    writes[0] = b"\x01" + writes[0]  # no file begins so
    reader, writer = os.pipe()
    stream = PcmStream(reader, 16_000, n_channels)
    got = []
    for piece in writes:
        os.write(writer, piece)
        block = stream.read(5.0)
        assert block is not None
        got.append(block)
    os.close(writer)
    whole = b"".join(writes)
    n = len(whole) // (2 * n_channels)
    if n:
        assert stream.read(5.0) is None
    os.close(reader)
    expected = np.frombuffer(whole[: n * 2 * n_channels], "<i2").reshape(-1, n_channels) / 32768.0
    np.testing.assert_array_equal(np.concatenate([np.zeros((0, n_channels)), *got]), expected)


@pytest.mark.parametrize("written", [b"", b"x", b"\0\0\0"])
def test_a_pipe_that_ends_without_audio_is_an_error(written: bytes) -> None:
    reader, writer = os.pipe()
    os.write(writer, written)
    os.close(writer)

    def read_on() -> None:
        stream = PcmStream(reader, 16_000, 2)
        while stream.read(5.0) is not None:
            pass

    with pytest.raises(AudioError, match="no audio arrived on stdin; check the program that writes it"):
        read_on()
    os.close(reader)


@pytest.mark.parametrize("command", ["listen", "detect"])
def test_a_recorder_that_fails_at_once_is_one_line_and_exit_code_1(command: str) -> None:
    words = [sys.executable, "-m", "kws_live", *(["listen", "--source"] if command == "listen" else ["detect"])]
    done = subprocess.run([*words, "stdin:16000"], input="", capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1].startswith("kws-live: no audio arrived on stdin")


def test_few_samples_that_might_have_begun_a_file_come_at_the_end() -> None:
    reader, writer = os.pipe()
    os.write(writer, bytes(4))
    os.close(writer)
    stream = PcmStream(reader, 16_000)
    blocks = [stream.read(5.0) for _ in range(3)]
    assert [None if block is None else block.shape[0] for block in blocks] == [0, 2, None]
    os.close(reader)


def test_nothing_yet_is_an_empty_block_not_the_end() -> None:
    reader, writer = os.pipe()
    block = PcmStream(reader, 16_000, 2).read(0.0)
    assert block is not None
    assert block.shape == (0, 2)
    os.close(reader)
    os.close(writer)


def test_a_descriptor_that_cannot_be_read_is_an_audio_error(tmp_path: object) -> None:
    folder = os.open(str(tmp_path), os.O_RDONLY)
    with pytest.raises(AudioError, match="cannot read stdin: Is a directory"):
        PcmStream(folder, 16_000).read(1.0)
    os.close(folder)


@pytest.mark.parametrize(
    ("layout", "said"),
    [
        ("0", "stdin:0 has a sample rate of 0 Hz; use 4000 to 384000"),
        ("3999", "rate of 3999 Hz"), ("384001", "rate of 384001 Hz"),
        ("fast", "'fast' is not a sample rate; use one as in stdin:16000"), ("-16000", "'-16000' is not a sample rate"),
        ("16000.5", "not a sample rate"), ("9" * 5000, "sample rate"), ("²", "sample rate"), (",2", "'' is not"),
        ("16000,0", "channels must be 1 to 64"), ("16000,65", "channels"), ("16000,x", "channels"),
        ("16000,²", "channels"), ("16000,1,mp3", "'mp3' is not a sample format; use one of s16, s32"),
        ("16000,1,s16,2", "use RATE,CHANNELS,FORMAT"), ("16000," + "9" * 5000, "channels"),
    ],
)  # fmt: skip
def test_an_impossible_layout_is_refused(layout: str, said: str) -> None:
    with pytest.raises(SourceUnavailableError, match=said):
        open_stdin(layout)


def test_a_closed_standard_input_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", None)
    with pytest.raises(SourceUnavailableError, match="standard input is closed; pipe PCM into it"):
        open_stdin("16000")


def test_a_terminal_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    class Terminal:
        closed = False

        def isatty(self) -> bool:
            return True

    monkeypatch.setattr(sys, "stdin", Terminal())
    with pytest.raises(SourceUnavailableError, match="standard input is a terminal"):
        open_stdin("")


def test_standard_input_that_was_replaced_is_refused_in_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    for replacement in (io.StringIO("x"), object()):
        monkeypatch.setattr(sys, "stdin", replacement)
        with pytest.raises(
            SourceUnavailableError, match="standard input was replaced by something that holds no bytes"
        ):
            open_stdin("16000")


@pytest.mark.parametrize("layout", ["16000,1,s32", "16000,,s32", "16000"])
def test_samples_of_another_format_are_heard_where_it_is_said_or_a_header_says_it(layout: str, tmp_path: Path) -> None:
    samples = np.random.default_rng(0).uniform(-1, 1, 1000).astype(np.float32)
    path = tmp_path / "pcm"
    if layout == "16000":
        soundfile.write(path, samples, 16_000, format="WAV", subtype="PCM_32")
    else:
        path.write_bytes((samples.astype(np.float64) * 2**31).astype("<i4").tobytes())
    code = (
        "import sys; from kws_live.sources import open_source; s = open_source('stdin:' + sys.argv[1])\n"
        "while (block := s.read(1.0)) is not None: sys.stdout.buffer.write(block.tobytes())"
    )
    with path.open("rb") as file:
        done = subprocess.run([sys.executable, "-c", code, layout], stdin=file, capture_output=True, check=True)
    np.testing.assert_allclose(np.frombuffer(done.stdout, np.float32), samples, atol=1e-6)
