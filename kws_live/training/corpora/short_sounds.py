"""Windows of everyday sounds from collections of short recordings: knocks, bells, animals, engines, instruments.

With only a few long recordings of noise, a network learns those rooms. Sound effects of games and desktops, drum kits
and sampled instruments are free, short, and as varied as the sounds in a house.
"""

import contextlib
import io
import re
import struct
from collections.abc import Iterable, Iterator
from itertools import pairwise
from pathlib import Path
from typing import Final

import numpy as np
import soxr

from kws_live.audio import SPEECH_RATE_HZ, Samples, to_mono
from kws_live.model.features import FeatureExtractor, FeatureSettings
from kws_live.training.dataset import BACKGROUND, ClipInfo, SetName, StoredValues, write_archive

SUFFIXES: Final = frozenset({".wav", ".ogg", ".oga", ".flac", ".aif", ".aiff", ".aifc", ".au", ".mp3", ".opus"})
CONTAINERS: Final = frozenset({".cat", ".rcc"})
"""Container files of games that embed whole wav and ogg files (OpenTTD, Qt)."""

MOST_WINDOWS: Final = 6
"""Maximum per recording, so that music and ambience do not crowd out short sounds."""
FAINT: Final = 1e-3
"""Recordings below this peak count as empty."""


def write_short_sounds(
    folder: Path, settings: FeatureSettings, collections: Iterable[tuple[Path, SetName]], seed: int
) -> int:
    """Create a feature archive of background sound from folders of recordings and SoundFont 2 files.

    Parameters
    ----------
    folder : Path
        The archive to create.
    settings : FeatureSettings
        The front end, at 16 kHz.
    collections : folders, searched recursively, each with the set of its sounds
    seed : for tempo, position and repetition

    Returns
    -------
    int
        Number of windows written; unreadable files are skipped.
    """
    extractor = FeatureExtractor(settings)
    clips: list[ClipInfo] = []
    spectra = []
    for collection, set_name in collections:
        for number, (name, sound) in enumerate(sounds_in(collection)):
            rng = np.random.default_rng([seed, number])
            for i, window in enumerate(_windows(rng, sound, settings.window_samples)):
                clips.append(ClipInfo(f"{collection.name}/{name}#{i}", BACKGROUND, "", set_name))
                spectra.append(extractor.log_mel(window).astype(np.float16))
    write_archive(folder, settings, StoredValues("float16"), clips, np.asarray(spectra))
    return len(clips)


def sounds_in(folder: Path) -> Iterator[tuple[str, Samples]]:
    """Yield every sound below a folder at 16 kHz, with its relative name."""
    for path in sorted(folder.rglob("[!.]*")):
        name = str(path.relative_to(folder))
        try:
            if path.suffix.lower() == ".sf2":
                yield from ((f"{name}/{i}", sound) for i, sound in enumerate(soundfont_samples(path.read_bytes())))
            elif path.suffix.lower() in CONTAINERS:
                yield from ((f"{name}/{i}", sound) for i, sound in enumerate(embedded_sounds(path.read_bytes())))
            elif path.suffix.lower() in SUFFIXES:
                yield name, _read(path)
        except (OSError, RuntimeError):
            continue


def _read(file: Path | io.BytesIO) -> Samples:
    import soundfile

    samples, rate = soundfile.read(file, dtype="float32", always_2d=True, frames=60 * 48_000)
    return np.asarray(soxr.resample(to_mono(samples), rate, SPEECH_RATE_HZ), dtype=np.float32)


def embedded_sounds(data: bytes) -> Iterator[Samples]:
    """Yield the wav and ogg files embedded uncompressed in another file, at 16 kHz; unreadable ones are skipped."""
    begins = [found.start() for found in re.finditer(rb"RIFF....WAVE|OggS\x00\x02", data, re.DOTALL)]
    for begin, end in pairwise([*begins, len(data)]):
        with contextlib.suppress(RuntimeError):
            yield _read(io.BytesIO(data[begin:end]))


def soundfont_samples(data: bytes) -> Iterator[Samples]:
    """Yield the recordings in a SoundFont 2 file, at 16 kHz.

    Source: SoundFont technical specification 2.04, sections 4 and 7.10: 16-bit samples in the chunk ``smpl``, one
    46-byte record for each in ``shdr``.
    """
    chunks: dict[bytes, bytes] = {}
    _read_chunks(memoryview(data)[12:], chunks)
    samples = np.frombuffer(chunks.get(b"smpl", b""), dtype="<i2")
    for record in struct.iter_unpack("<20s5IBbHH", chunks.get(b"shdr", b"")[: -46 or None]):
        start, end, rate = record[1], record[2], record[5]
        if end - start > 400 and rate >= 8000:
            sound = samples[start:end].astype(np.float32) / 32768
            yield soxr.resample(sound, rate, SPEECH_RATE_HZ).astype(np.float32)


def _read_chunks(data: memoryview, into: dict[bytes, bytes]) -> None:
    while len(data) >= 8:
        kind, size = bytes(data[:4]), int.from_bytes(data[4:8], "little")
        if kind == b"LIST":
            _read_chunks(data[12 : 8 + size], into)
        else:
            into[kind] = bytes(data[8 : 8 + size])
        data = data[8 + size + size % 2 :]


def _windows(rng: np.random.Generator, sound: Samples, n: int) -> Iterator[Samples]:
    """Yield windows of ``n`` samples: a short sound once or repeated, a long one in parts, each at a random speed."""
    if not sound.size or float(np.abs(sound).max()) < FAINT or not np.isfinite(sound).all():
        return
    wanted = 2 if sound.size < n else min(MOST_WINDOWS, 1 + sound.size // n)
    for i in range(wanted):
        # Twice the speed is an octave higher, like a smaller bell.
        played = soxr.resample(sound, SPEECH_RATE_HZ, SPEECH_RATE_HZ / 2 ** rng.uniform(-0.5, 0.5))
        window = np.zeros(n, dtype=np.float32)
        if played.size >= n:
            start = round(i * (played.size - n) / max(1, wanted - 1))
            window[:] = played[start : start + n]
        else:
            first = int(rng.integers(-played.size // 2, n - played.size // 2))
            period = int(n * rng.uniform(0.06, 0.8)) if rng.random() < 0.5 else 2 * n
            for start in range(first - (first + played.size) // period * period, n, period):
                begin, end = max(start, 0), min(start + played.size, n)
                if end > begin:
                    window[begin:end] += played[begin - start : end - start]
        peak = float(np.abs(window).max())
        if peak > FAINT:
            yield window / max(peak, 1.0)
