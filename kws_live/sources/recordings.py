"""Read whole sound files: mono, at the requested rate and length."""

from collections.abc import Iterable
from contextlib import closing, suppress
from pathlib import Path
from typing import Literal

import numpy as np

from kws_live.audio import Samples
from kws_live.errors import DatasetError, SourceUnavailableError
from kws_live.sources.sound_file import as_named, why_not_read
from kws_live.sources.sound_folder import FFMPEG_SUFFIXES, KINDS
from kws_live.stream.channels import Mixer


def length_seconds(paths: Iterable[Path]) -> float:
    """Return the total duration of sound files, by their headers; unreadable ones count 0 s."""
    import soundfile

    total = 0.0
    for path in paths:
        with suppress(OSError, RuntimeError, TypeError):
            total += soundfile.info(as_named(path)).duration
    return total


def read_own_rate(path: Path) -> tuple[Samples, int]:
    """Read a sound file: float32 (n_samples,), mixed to mono as a microphone's signal is, and its rate.

    Raises
    ------
    DatasetError
        If it cannot be decoded, is empty, or contains NaN or infinity.
    """
    import soundfile

    if not path.is_file():
        raise DatasetError(f"no file {str(path)!r}")
    try:
        block, rate_hz = soundfile.read(as_named(path), dtype="float32", always_2d=True)
    except (OSError, RuntimeError, TypeError) as error:
        if path.suffix.lower() in FFMPEG_SUFFIXES:
            return _read_through_ffmpeg(path)
        raise DatasetError(f"{path} cannot be read as audio: {why_not_read(error)}; supported: {KINDS}") from error
    if not block.size:
        raise DatasetError(f"{path} contains no samples")
    if not np.isfinite(block).all():
        raise DatasetError(f"{path} contains samples that are not numbers (NaN or infinity)")
    return Mixer(int(rate_hz)).mono(block), int(rate_hz)


def _read_through_ffmpeg(path: Path) -> tuple[Samples, int]:
    from kws_live.sources.ffmpeg import Ffmpeg

    try:
        source = Ffmpeg(f"file:{path}", paced=False)  # so that a name with a colon is not taken for an address
    except SourceUnavailableError as error:
        raise DatasetError(f"{path} cannot be read as audio: {error}") from error
    blocks = []
    with closing(source):
        while (block := source.read(1.0)) is not None:
            blocks.append(block)
    return Mixer(source.rate_hz).mono(np.concatenate(blocks)), source.rate_hz


def read_mono(path: Path, rate_hz: int) -> Samples:
    """Read a sound file, float32 (n_samples,) at ``rate_hz``; raises as `read_own_rate` does."""
    import soxr

    samples, own_rate_hz = read_own_rate(path)
    return np.asarray(soxr.resample(samples, own_rate_hz, rate_hz, quality="HQ"), dtype=np.float32)


def fit(samples: Samples, n_samples: int, keep: Literal["middle", "loudest"]) -> Samples:
    """Bring a clip to a length: pad a shorter one with zeros on both sides, keep a part of a longer one.

    For training, keep the loudest part, where the word is; for scoring, keep the middle, whatever it contains.
    """
    missing = n_samples - samples.size
    if missing >= 0:
        return np.pad(samples, (missing // 2, missing - missing // 2))
    start = -missing // 2
    if keep == "loudest":
        energy = np.concatenate(([0.0], np.cumsum(np.square(samples, dtype=np.float64))))
        start = int(np.argmax(energy[n_samples:] - energy[:-n_samples]))
    return samples[start : start + n_samples]
