"""Folders of recordings: which files are sound files, and which to skip."""

import logging
import os
import shutil
from pathlib import Path
from typing import Final

from kws_live.errors import DatasetError

log = logging.getLogger(__name__)

SUFFIXES: Final = frozenset(
    {".wav", ".flac", ".ogg", ".oga", ".opus", ".mp3", ".aif", ".aiff", ".aifc", ".au", ".caf", ".w64"}
)
"""Files that libsndfile reads."""

FFMPEG_SUFFIXES: Final = frozenset({".m4a", ".m4b", ".aac", ".mp4", ".webm", ".weba", ".mka", ".3gp", ".amr", ".wma"})
"""Files recorded by telephones, browsers and messengers; ffmpeg reads them all, libsndfile none."""

KINDS: Final = "wav, flac, ogg, opus, mp3, with ffmpeg also m4a, webm and amr"
"""For messages."""


INSTALL: Final = "install ffmpeg (Debian, Ubuntu: apt-get install ffmpeg)"


def has_ffmpeg() -> bool:
    """Whether the program ffmpeg is installed."""
    return shutil.which("ffmpeg") is not None


def sound_files(folder: Path, deep: bool = False, ffmpeg: bool = True) -> list[Path]:
    """Return the sound files of a folder, and of its subfolders if ``deep``, in alphabetical order.

    Hidden files and folders (``._take1.wav``, ``.git``) are skipped. Links to folders are followed, each folder once.
    Folders that cannot be read, and files that need ffmpeg where it is missing, are logged.

    Parameters
    ----------
    folder : where to search
    deep : search subfolders too
    ffmpeg : include files that only ffmpeg reads

    Raises
    ------
    DatasetError
        If there is no such folder.
    """
    if not folder.is_dir():
        raise DatasetError(f"{folder} is not a folder")
    found: list[Path] = []
    seen = {_identity(folder)}

    def is_new(place: Path) -> bool:
        identity = _identity(place)
        new = identity is None or identity not in seen
        seen.add(identity)
        return new

    def tell(error: OSError) -> None:
        log.warning("%s is left out: %s", error.filename, error.strerror)

    walk = os.walk(folder, onerror=tell, followlinks=True)
    for place, folders, names in walk:
        folders[:] = [name for name in sorted(folders) if deep and name[0] != "." and is_new(Path(place, name))]
        found += [Path(place, name) for name in names if name[0] != "."]
    found = sorted(path for path in found if path.suffix.lower() in SUFFIXES | FFMPEG_SUFFIXES and _is_file(path))
    if ffmpeg and has_ffmpeg():
        return found
    out = [path for path in found if path.suffix.lower() not in SUFFIXES]
    if out:
        told = f"to use them, {INSTALL}" if ffmpeg else "make them wav or flac"
        log.warning("left out: %s%s; %s", out[0], f" and {len(out) - 1} more" if out[1:] else "", told)
    return [path for path in found if path.suffix.lower() in SUFFIXES]


def subfolders(folder: Path) -> list[Path]:
    """Return the subfolders of a folder that are not hidden, in alphabetical order."""
    return sorted(path for path in folder.iterdir() if path.name[0] != "." and path.is_dir())


def _identity(folder: Path) -> tuple[int, int] | None:
    """Return the same value for every name of a folder; None if unknown: the walk reports why."""
    try:
        status = folder.stat()
    except OSError:
        return None
    return status.st_dev, status.st_ino


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except OSError:
        return False
