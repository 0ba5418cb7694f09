"""Finding sound files, and reading them whole: mono, at the rate asked for."""

import logging
import os
from pathlib import Path
from typing import Final

import numpy as np

from kws_live.audio import Samples, to_mono
from kws_live.errors import DatasetError
from kws_live.sources.sound_file import as_named, why_unreadable

log = logging.getLogger(__name__)

SUFFIXES: Final = frozenset({".wav", ".flac", ".ogg", ".opus", ".mp3"})


def sound_files(folder: Path, deep: bool = False) -> list[Path]:
    """Sound files of a folder, and of those in it if ``deep``, in alphabetical order.

    Raises
    ------
    DatasetError
        If there is no such folder.
    """
    if not folder.is_dir():
        raise DatasetError(f"{folder} is no folder")
    if not deep:
        paths = list(folder.iterdir())
    else:  # not by rglob: it leaves a folder that one may not read out without a word
        walk = os.walk(folder, onerror=lambda error: log.warning("%s is left out: %s", error.filename, error.strerror))
        paths = [Path(place, name) for place, _, names in walk for name in names]
    return sorted(path for path in paths if path.suffix.lower() in SUFFIXES and path.is_file())


def read_own_rate(path: Path) -> tuple[Samples, int]:
    """Read a sound file: float32 (n_samples,), mono, and its rate.

    Raises
    ------
    DatasetError
        If it cannot be decoded, is empty or holds values that are not numbers.
    """
    import soundfile

    if not path.is_file():
        raise DatasetError(f"no file {str(path)!r}")
    try:
        block, rate_hz = soundfile.read(as_named(path), dtype="float32", always_2d=True)
    except (OSError, RuntimeError, TypeError) as error:
        raise DatasetError(
            f"{path} cannot be read as sound: {why_unreadable(error)}; wav, flac, ogg and mp3 would do"
        ) from error
    if not block.size:
        raise DatasetError(f"{path} has no samples")
    if not np.isfinite(block).all():
        raise DatasetError(f"{path} has samples that are not numbers")
    return to_mono(block), int(rate_hz)


def read_mono(path: Path, rate_hz: int) -> Samples:
    """Read a sound file, float32 (n_samples,) at ``rate_hz``; raises as `read_own_rate` does."""
    import soxr

    samples, own_rate_hz = read_own_rate(path)
    return np.asarray(soxr.resample(samples, own_rate_hz, rate_hz, quality="HQ"), dtype=np.float32)
