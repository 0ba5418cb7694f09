"""Bytes of every format, with and without a header in front."""

import io
import struct

import numpy as np
import pytest
import soundfile
from hypothesis import given
from hypothesis import strategies as st

from kws_live.audio import Block
from kws_live.errors import AudioError
from kws_live.sources.sample_format import FORMATS, PcmDecoder, read_wave_header, to_block

SIGNAL = np.random.default_rng(5).uniform(-0.5, 0.5, (400, 2)).astype(np.float32)
SUBTYPES = {"u8": "PCM_U8", "s16": "PCM_16", "s24": "PCM_24", "s32": "PCM_32", "f32": "FLOAT"}
STEP = {"u8": 2**-7, "s16": 2**-15, "s24": 2**-23, "s32": 2**-24, "f32": 0.0}


def wav(sample_format: str, rate_hz: int = 16_000, wavex: bool = False) -> bytes:
    file = io.BytesIO()
    soundfile.write(file, SIGNAL, rate_hz, format="WAVEX" if wavex else "WAV", subtype=SUBTYPES[sample_format])
    return file.getvalue()


def decode(content: bytes, n_piece: int, decoder: PcmDecoder) -> Block:
    parts = [decoder.feed(content[at : at + n_piece]) for at in range(0, len(content), n_piece)]
    parts.append(decoder.finish())
    return np.concatenate([part for part in parts if part.shape[0]])


def test_every_format_is_tested() -> None:
    assert set(FORMATS) == set(SUBTYPES)


@pytest.mark.parametrize("wavex", [False, True])
@pytest.mark.parametrize("sample_format", FORMATS)
@given(n_piece=st.integers(1, 300))
def test_a_wav_header_is_believed_however_it_is_cut(sample_format: str, wavex: bool, n_piece: int) -> None:
    content = wav(sample_format, wavex=wavex)
    data = content.index(b"data")
    n_data = int.from_bytes(content[data + 4 : data + 8], "little")
    heard = decode(content[: data + 8 + n_data], n_piece, PcmDecoder(16_000))
    np.testing.assert_allclose(heard, SIGNAL, atol=1.01 * STEP[sample_format])


@pytest.mark.parametrize("sample_format", FORMATS)
@given(n_piece=st.integers(1, 50))
def test_raw_samples_come_out_whole_however_they_are_cut(sample_format: str, n_piece: int) -> None:
    content = wav(sample_format)
    at = content.index(b"data")
    pcm = content[at + 8 : at + 8 + int.from_bytes(content[at + 4 : at + 8], "little")]
    heard = decode(pcm, n_piece, PcmDecoder(16_000, 2, sample_format))
    np.testing.assert_array_equal(heard, to_block(pcm, sample_format, 2))
    np.testing.assert_allclose(heard, SIGNAL, atol=1.01 * STEP[sample_format])


def test_a_header_of_another_rate_says_which_to_ask_for() -> None:
    with pytest.raises(AudioError, match=r"gives 44100 Hz, not 16000 Hz; use stdin:44100"):
        PcmDecoder(16_000).feed(wav("s16", 44_100))


@pytest.mark.parametrize("lengths", [(0, 0), (0xFFFFFFFF, 0xFFFFFFFF), (36, 0)])
def test_lengths_that_a_recorder_could_not_know_do_not_matter(lengths: tuple[int, int]) -> None:
    content = bytearray(wav("s16"))
    at = content.index(b"data")
    content[4:8], content[at + 4 : at + 8] = struct.pack("<I", lengths[0]), struct.pack("<I", lengths[1])
    assert PcmDecoder(16_000).feed(bytes(content)).shape == SIGNAL.shape


@pytest.mark.parametrize(
    "head", [b"fLaC\0\0\0\x22", b"OggS\0\2\0\0", b"ID3\4\0\0\0\0", b"\0\0\0\x20ftypM4A ", b"\x1a\x45\xdf\xa3\x9f\x42"]
)
@pytest.mark.parametrize("n_piece", [1, 100])
def test_a_compressed_file_is_no_stream_of_samples(head: bytes, n_piece: int) -> None:
    with pytest.raises(AudioError, match=r"not raw samples.*ffmpeg:FILE"):
        decode(head + bytes(200), n_piece, PcmDecoder(16_000))


@pytest.mark.parametrize("pcm", [b"\0" * 400, b"RI" * 50, b"\0\0\0\x20" * 50, b"f" * 100, b"\x1a\x45" * 50])
def test_samples_that_begin_like_a_file_are_samples(pcm: bytes) -> None:
    np.testing.assert_array_equal(decode(pcm, 3, PcmDecoder(16_000)), to_block(pcm, "s16", 1))


def test_the_few_bytes_that_looked_like_a_file_are_samples_at_the_end() -> None:
    decoder = PcmDecoder(16_000)
    assert decoder.feed(b"RIFF").shape[0] == 0
    assert decoder.finish().shape == (2, 1)


@pytest.mark.parametrize(
    "head",
    [
        b"RIFF\0\0\0\0AVI ",
        b"RIFF\0\0\0\0WAVEdata\0\0\0\0",
        b"RIFF\0\0\0\0WAVEfmt \x10\0\0\0" + struct.pack("<HHIIHH", 2, 1, 16_000, 0, 0, 4) + b"data\0\0\0\0",
        b"RIFF\0\0\0\0WAVEfmt \x10\0\0\0" + struct.pack("<HHIIHH", 1, 0, 16_000, 0, 0, 16) + b"data\0\0\0\0",
        b"RIFF\0\0\0\0WAVEJUNK\xff\xff\xff\x7f",
        b"RIFF\0\0\0\0WAVE" + (b"JUNK\xf0\0\0\0" + bytes(240)) * 300,
    ],
)
def test_a_header_that_tells_of_no_samples_is_refused(head: bytes) -> None:
    with pytest.raises(AudioError):
        read_wave_header(head)


@given(st.binary(max_size=300))
def test_whatever_follows_it_is_read_or_refused(tail: bytes) -> None:
    decoder = PcmDecoder(16_000)
    try:
        decoder.feed(b"RIFF\0\0\0\0WAVE" + tail)
        assert np.isfinite(decoder.finish()).all()
    except AudioError:
        pass


def test_what_is_not_a_number_becomes_silence() -> None:
    pcm = np.array([0.5, np.nan, np.inf, -np.inf], "<f4").tobytes()
    np.testing.assert_array_equal(to_block(pcm, "f32", 1)[:, 0], [0.5, 0, 0, 0])
