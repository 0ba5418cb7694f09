"""Sound files, good and bad."""

import struct
from pathlib import Path

import numpy as np
import pytest
import soundfile

from kws_live.audio import Block
from kws_live.errors import AudioError, SourceUnavailableError
from kws_live.sources import open_source
from kws_live.sources.sound_file import SoundFile

SIGNAL = np.random.default_rng(4).uniform(-0.5, 0.5, 20_000).astype(np.float32)


def take_all(path: Path) -> Block:
    source = SoundFile(path, paced=False)
    try:
        blocks = []
        while (block := source.read(1.0)) is not None:
            blocks.append(block)
        return np.concatenate(blocks)
    finally:
        source.close()


@pytest.mark.parametrize(
    ("suffix", "subtype", "off_by"),
    [
        ("wav", "PCM_U8", 2**-7), ("wav", "PCM_16", 2**-15), ("wav", "PCM_24", 2**-23), ("wav", "PCM_32", 2**-24),
        ("wav", "FLOAT", 0.0), ("wav", "DOUBLE", 0.0), ("wav", "ULAW", 0.05), ("flac", "PCM_16", 2**-15),
        ("flac", "PCM_24", 2**-23), ("aiff", "PCM_16", 2**-15), ("w64", "PCM_16", 2**-15),
    ],
)  # fmt: skip
def test_every_sample_format_comes_out_as_float32(tmp_path: Path, suffix: str, subtype: str, off_by: float) -> None:
    path = tmp_path / f"a.{suffix}"
    soundfile.write(path, SIGNAL, 16_000, subtype=subtype)
    got = take_all(path)
    assert got.dtype == np.float32
    np.testing.assert_allclose(got[:, 0], SIGNAL, atol=1.01 * off_by)


@pytest.mark.parametrize("suffix", ["ogg", "mp3"])
def test_compressed_formats_come_out_with_their_length_and_level(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"a.{suffix}"
    tone = 0.5 * np.sin(2 * np.pi * 440 * np.arange(44_100) / 44_100)
    soundfile.write(path, tone, 44_100)
    got = take_all(path)
    assert abs(len(got) - 44_100) <= 2400
    assert np.std(got) == pytest.approx(0.5 / np.sqrt(2), rel=0.1)
    np.testing.assert_allclose(got[:, 0], soundfile.read(path, dtype="float32")[0], atol=1e-6)


@pytest.mark.parametrize(("n_channels", "rate_hz"), [(1, 8_000), (2, 44_100), (7, 48_000), (1, 192_000)])
def test_any_channel_count_and_rate(tmp_path: Path, n_channels: int, rate_hz: int) -> None:
    path = tmp_path / "a.wav"
    audio = np.tile(SIGNAL[:, np.newaxis], n_channels) * np.arange(1, n_channels + 1) / n_channels
    soundfile.write(path, audio, rate_hz, subtype="FLOAT")
    source = SoundFile(path, paced=False)
    assert source.rate_hz == rate_hz
    source.close()
    np.testing.assert_allclose(take_all(path), audio, atol=1e-7)


def test_a_truncated_wav_gives_what_is_there(tmp_path: Path) -> None:
    path = tmp_path / "a.wav"
    soundfile.write(path, SIGNAL, 16_000)
    path.write_bytes(path.read_bytes()[:20_044])  # 44 bytes of header, 10,000 samples
    got = take_all(path)
    assert got.shape == (10_000, 1)
    np.testing.assert_allclose(got[:, 0], SIGNAL[:10_000], atol=1e-4)


def test_a_truncated_flac_gives_the_time_where_it_breaks_off(tmp_path: Path) -> None:
    path = tmp_path / "a.flac"
    soundfile.write(path, SIGNAL, 16_000)
    path.write_bytes(path.read_bytes()[:20_000])
    with pytest.raises(AudioError, match=r"a\.flac' breaks off at 0\.\d\d s"):
        take_all(path)


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_values_that_are_not_numbers_are_refused_with_their_time(tmp_path: Path, bad: float) -> None:
    audio = SIGNAL.copy()
    audio[16_500] = bad
    soundfile.write(tmp_path / "a.wav", audio, 16_000, subtype="FLOAT")
    with pytest.raises(AudioError, match=r"a\.wav' contains values that are not numbers \(NaN or infinity\) near 1\.0"):
        take_all(tmp_path / "a.wav")


def test_no_samples_are_refused(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "a.wav", SIGNAL[:0], 16_000)
    with pytest.raises(AudioError, match=r"a\.wav' contains no samples"):
        take_all(tmp_path / "a.wav")


def wav_of_rate(path: Path, rate_hz: int) -> None:
    soundfile.write(path, SIGNAL, 16_000)
    content = bytearray(path.read_bytes())
    content[24:28] = struct.pack("<I", rate_hz)
    path.write_bytes(content)


@pytest.mark.parametrize("rate_hz", [1, 3_999, 384_001, 2**31 - 1])
def test_an_impossible_rate_is_refused(tmp_path: Path, rate_hz: int) -> None:
    wav_of_rate(tmp_path / "a.wav", rate_hz)
    with pytest.raises(SourceUnavailableError, match=f"a sample rate of {rate_hz} Hz; use 4000 to 384000"):
        SoundFile(tmp_path / "a.wav")


def test_what_is_no_sound_file_says_why(tmp_path: Path) -> None:
    (tmp_path / "empty.wav").write_bytes(b"")
    (tmp_path / "text.wav").write_text("not audio at all" * 100)
    (tmp_path / "header.wav").write_bytes(b"RIFF\0\0\0\0WAVE")
    (tmp_path / "noise.wav").write_bytes(b"\xff\xfb" + np.random.default_rng(1).bytes(5000))  # begins as an MP3 does
    for name, said in [
        ("none.wav", r"no file .*none\.wav'"),
        ("empty.wav", r"empty\.wav' is empty"),
        ("text.wav", r"cannot read .*text\.wav' as audio: .*wav, flac, ogg, opus, mp3"),
        ("header.wav", r"cannot read .*header\.wav' as audio"),
        ("noise.wav", r"cannot read .*noise\.wav' as audio: Format not recognised; supported: wav"),
        (".", "is a folder; give a sound file in it"),
        ("a" * 300, "cannot open 'a.*File name too long|cannot open .*aaa.*File name too long"),
    ]:
        with pytest.raises(SourceUnavailableError, match=said) as caught:
            SoundFile(tmp_path / name)
        assert "\n" not in str(caught.value)


@pytest.mark.parametrize("name", ["", "~no-such-user-here/a.wav", "a\0b.wav"])
def test_a_name_that_is_no_path_says_so(name: str) -> None:
    with pytest.raises(SourceUnavailableError):
        SoundFile(name)


def test_a_file_comes_at_the_speed_of_life_when_paced(tmp_path: Path) -> None:
    """No clock is asserted: a block is withheld, again and again, until its last sample would have been spoken."""
    soundfile.write(tmp_path / "a.wav", SIGNAL, 16_000)
    source = SoundFile(tmp_path / "a.wav", paced=True)
    blocks = [source.read(0.0) for _ in range(3)]
    assert [block.shape[0] for block in blocks if block is not None] == [0, 0, 0]
    got = source.read(5.0)
    assert got is not None
    np.testing.assert_allclose(got[:, 0], SIGNAL[: len(got)], atol=1e-4)
    assert len(got) > 0
    source.close()


@pytest.mark.parametrize("subtype", ["PCM_U8", "PCM_16", "PCM_24", "PCM_32", "FLOAT"])
@pytest.mark.parametrize("length", [0, 0xFFFFFFFF, 0x7FFFF000])
def test_an_interrupted_recording_gives_what_was_recorded(tmp_path: Path, subtype: str, length: int) -> None:
    path = tmp_path / "a.wav"
    soundfile.write(path, SIGNAL[:999], 16_000, subtype=subtype)
    content = bytearray(path.read_bytes())
    data = content.index(b"data")
    width = {"PCM_U8": 1, "PCM_16": 2, "PCM_24": 3, "PCM_32": 4, "FLOAT": 4}[subtype]
    del content[data + 8 + 999 * width :]
    content[4:8] = content[data + 4 : data + 8] = struct.pack("<I", length)
    path.write_bytes(content)
    got = take_all(path)
    assert got.shape == (999, 1)
    np.testing.assert_allclose(got[:, 0], SIGNAL[:999], atol=2**-7)


def test_a_recording_of_nothing_is_still_refused(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "a.wav", SIGNAL[:0], 16_000)
    with pytest.raises(AudioError, match="contains no samples"):
        take_all(tmp_path / "a.wav")


@pytest.mark.parametrize("name", ["a.pcm", "a.raw", "a.RAW"])
def test_raw_samples_in_a_file_are_pointed_to_standard_input(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_bytes(b"\1\2" * 1000)
    with pytest.raises(
        SourceUnavailableError, match="raw samples do not say what they are; use --source stdin:16000 <"
    ):
        open_source(str(tmp_path / name))


def test_what_ffmpeg_would_read_says_so_where_there_is_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    (tmp_path / "a.m4a").write_bytes(b"\0\0\0\x20ftypM4A " + bytes(500))
    with pytest.raises(SourceUnavailableError, match="install ffmpeg"):
        open_source(str(tmp_path / "a.m4a"))
