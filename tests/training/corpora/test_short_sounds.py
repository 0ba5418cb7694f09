"""Collections of short sounds: every format, one set a collection, windows that are full or repeat."""

import io
import struct
from pathlib import Path

import numpy as np
import pytest
import soundfile

from kws_live.model.features import SPEECH
from kws_live.training.corpora.short_sounds import (
    MOST_WINDOWS,
    _windows,
    embedded_sounds,
    soundfont_samples,
    sounds_in,
    write_short_sounds,
)
from kws_live.training.dataset import BACKGROUND, FeatureArchive

RNG = np.random.default_rng(1)


def soundfont(*sounds: tuple[np.ndarray, int]) -> bytes:
    """A SoundFont 2 file with nothing but its samples."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return kind + struct.pack("<I", len(data)) + data + b"\0" * (len(data) % 2)

    pcm, records = b"", b""
    for sound, rate_hz in sounds:
        start = len(pcm) // 2
        pcm += (sound * 32767).astype("<i2").tobytes()
        records += struct.pack("<20s5IBbHH", b"name", start, len(pcm) // 2, start, start, rate_hz, 60, 0, 0, 1)
    records += struct.pack("<20s5IBbHH", b"EOS", 0, 0, 0, 0, 0, 0, 0, 0, 0)
    lists = chunk(b"LIST", b"sdta" + chunk(b"smpl", pcm)) + chunk(b"LIST", b"pdta" + chunk(b"shdr", records))
    return chunk(b"RIFF", b"sfbk" + lists)


def test_a_soundfonts_samples_come_out_at_16_khz_in_order() -> None:
    tone = np.sin(2 * np.pi * 1000 * np.arange(32_000) / 32_000) * 0.5
    quiet = RNG.uniform(-0.1, 0.1, 8000)
    first, second = soundfont_samples(soundfont((tone, 32_000), (quiet, 16_000)))
    assert (first.size, second.size) == (16_000, 8000)
    expected = 0.5 * np.sin(2 * np.pi * 1000 * np.arange(16_000) / 16_000)
    np.testing.assert_allclose(first[200:-200], expected[200:-200], atol=2e-3)
    np.testing.assert_allclose(second, quiet, atol=1e-4)


@pytest.mark.twin("test_a_soundfonts_samples_come_out_at_16_khz_in_order")
def test_a_file_that_is_no_soundfont_has_no_samples() -> None:
    assert list(soundfont_samples(b"RIFF\0\0\0\0sfbkLIST\xff\xff\xff\xff")) == []
    assert list(soundfont_samples(b"")) == []


def test_wav_and_ogg_files_within_another_file_are_found_and_a_broken_one_is_left_out(tmp_path: Path) -> None:
    sounds = [np.sin(2 * np.pi * hz * np.arange(n) / 16_000) * 0.5 for hz, n in ((500, 8000), (900, 12_000))]
    parts = []
    for sound, kind, subtype in zip(sounds, ("WAV", "OGG"), ("PCM_16", "VORBIS"), strict=True):
        file = io.BytesIO()
        soundfile.write(file, sound, 16_000, format=kind, subtype=subtype)
        parts.append(file.getvalue())
    (tmp_path / "game.cat").write_bytes(b"index" + parts[0] + b"RIFF\0\0\0\0WAVEnothing" + parts[1] + b"\0" * 7)
    found = list(embedded_sounds((tmp_path / "game.cat").read_bytes()))
    assert [sound.size for sound in found] == [8000, 12_000]
    np.testing.assert_allclose(found[0], sounds[0], atol=1e-4)
    assert [name for name, _ in sounds_in(tmp_path)] == ["game.cat/0", "game.cat/1"]
    assert list(embedded_sounds(b"no sound")) == []


def test_long_sounds_are_cut_and_short_ones_stand_somewhere() -> None:
    minute = RNG.uniform(-0.5, 0.5, 60 * 16_000).astype(np.float32)
    assert [window.size for window in _windows(RNG, minute, 16_000)] == [16_000] * MOST_WINDOWS
    click = np.ones(160, np.float32)
    shares = [
        float(np.count_nonzero(np.abs(w) > 0.01)) / 16_000 for _ in range(20) for w in _windows(RNG, click, 16_000)
    ]
    assert min(shares) < 0.02  # once
    assert max(shares) > 0.03  # again and again
    assert list(_windows(RNG, np.zeros(1000, np.float32), 16_000)) == []


def test_a_collection_is_in_one_set_and_what_cannot_be_read_is_left_out(tmp_path: Path) -> None:
    for name, value in (("bells", 0.3), ("doors", 0.2)):
        (tmp_path / name / "deep").mkdir(parents=True)
        soundfile.write(tmp_path / name / "deep" / "a.wav", RNG.uniform(-value, value, 11_025), 22_050)
    (tmp_path / "doors" / "broken.ogg").write_bytes(b"OggS")
    (tmp_path / "doors" / "read me.txt").write_text("no sound")
    collections = [(tmp_path / "bells", "train"), (tmp_path / "doors", "val")]
    assert write_short_sounds(tmp_path / "out", SPEECH, collections, seed=1) == 4  # type: ignore[arg-type]
    archive = FeatureArchive.open(tmp_path / "out")
    assert set(archive.labels) == {BACKGROUND}
    assert len(archive.rows("train")) == len(archive.rows("val")) == 2
    assert np.isfinite(archive.decibels(np.arange(4))).all()
