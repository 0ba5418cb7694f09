"""Raw PCM through real pipes."""

import os
import sys

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kws_live.errors import AudioError, SourceUnavailableError
from kws_live.sources.pcm_stream import PcmStream, open_stdin


@given(st.lists(st.binary(max_size=50), max_size=8), st.integers(1, 3))
def test_samples_cut_in_the_middle_are_put_together(writes: list[bytes], n_channels: int) -> None:
    reader, writer = os.pipe()
    stream = PcmStream(reader, 16_000, n_channels)
    got = []
    for piece in writes:
        if piece:
            os.write(writer, piece)
            block = stream.read(5.0)
            assert block is not None
            got.append(block)
    os.close(writer)
    assert stream.read(5.0) is None
    os.close(reader)
    whole = b"".join(writes)
    n = len(whole) // (2 * n_channels)
    expected = np.frombuffer(whole[: n * 2 * n_channels], "<i2").reshape(-1, n_channels) / 32768.0
    np.testing.assert_array_equal(np.concatenate([np.zeros((0, n_channels)), *got]), expected)


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
        ("0", "stdin:0 has 0 samples a second; 4000 to 384000"), ("3999", "3999 samples"), ("384001", "384001 samples"),
        ("fast", "'fast' is no rate; use one as in stdin:16000"), ("-16000", "'-16000' is no rate"),
        ("16000.5", "no rate"), ("9" * 5000, "no rate"), ("²", "no rate"), (",2", "'' is no rate"),
        ("16000,0", "channels must be 1 to 64"), ("16000,65", "channels"), ("16000,x", "channels"),
        ("16000,²", "channels"), ("16000," + "9" * 5000, "channels"),
    ],
)  # fmt: skip
def test_an_impossible_layout_is_refused(layout: str, said: str) -> None:
    with pytest.raises(SourceUnavailableError, match=said):
        open_stdin(layout)


def test_a_closed_standard_input_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", None)
    with pytest.raises(SourceUnavailableError, match="standard input is closed; pipe 16-bit PCM into it"):
        open_stdin("16000")


def test_a_terminal_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    class Terminal:
        closed = False

        def isatty(self) -> bool:
            return True

    monkeypatch.setattr(sys, "stdin", Terminal())
    with pytest.raises(SourceUnavailableError, match="standard input is a terminal"):
        open_stdin("")
