"""Finding sound files, and reading them whole: mono, at the rate asked for."""

from contextlib import closing
from pathlib import Path

import numpy as np

from kws_live.audio import Samples, to_mono
from kws_live.errors import DatasetError, SourceUnavailableError
from kws_live.sources import sound_folder
from kws_live.sources.sound_file import as_named, why_unreadable
from kws_live.sources.sound_folder import FFMPEG_SUFFIXES, KINDS


def sound_files(folder: Path, deep: bool = False) -> list[Path]:
    """Sound files of a folder, as `kws_live.sources.sound_folder` finds them.

    Raises
    ------
    DatasetError
        If there is no such folder.
    """
    if not folder.is_dir():
        raise DatasetError(f"{folder} is no folder")
    return sound_folder.sound_files(folder, deep)


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
        if path.suffix.lower() in FFMPEG_SUFFIXES:
            return _read_through_ffmpeg(path)
        raise DatasetError(f"{path} cannot be read as sound: {why_unreadable(error)}; {KINDS} would do") from error
    if not block.size:
        raise DatasetError(f"{path} has no samples")
    if not np.isfinite(block).all():
        raise DatasetError(f"{path} has samples that are not numbers")
    return to_mono(block), int(rate_hz)


def _read_through_ffmpeg(path: Path) -> tuple[Samples, int]:
    from kws_live.sources.ffmpeg import Ffmpeg

    try:
        source = Ffmpeg(f"file:{path}", paced=False)  # a name with a colon in it is no address
    except SourceUnavailableError as error:
        raise DatasetError(f"{path} cannot be read as sound: {error}") from error
    blocks = []
    with closing(source):
        while (block := source.read(1.0)) is not None:
            blocks.append(block)
    return to_mono(np.concatenate(blocks)), source.rate_hz


def read_mono(path: Path, rate_hz: int) -> Samples:
    """Read a sound file, float32 (n_samples,) at ``rate_hz``; raises as `read_own_rate` does."""
    import soxr

    samples, own_rate_hz = read_own_rate(path)
    return np.asarray(soxr.resample(samples, own_rate_hz, rate_hz, quality="HQ"), dtype=np.float32)
