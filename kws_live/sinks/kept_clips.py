"""The recordings that the sink clips: keeps: which are unsorted, and where sorted ones go."""

import re
from operator import attrgetter
from pathlib import Path
from typing import Final

from kws_live.audio import UNKNOWN
from kws_live.errors import ConfigError
from kws_live.sinks.log_file import private_folders

KINDS: Final = ("detection", "near_miss")
UNSORTED: Final = re.compile(rf"\d{{8}}-\d{{6}}_\d+_({'|'.join(KINDS)})\.flac")


def unsorted_clips(folder: Path) -> list[Path]:
    """Return the unsorted clips, the oldest first; the folder of each is its word."""
    found = (path for path in folder.glob("*/*.flac") if UNSORTED.fullmatch(path.name))
    return sorted(found, key=attrgetter("name"))


def both_files(clip: Path) -> list[Path]:
    """Return the clip and its event file, if they exist."""
    return [path for path in (clip, clip.with_suffix(".json")) if path.exists()]


def sort_clip(clip: Path, is_right: bool) -> Path:
    """Rename a clip so that it is never deleted; if its word was not said, move it to ``_unknown_``.

    Raises
    ------
    ConfigError
        If it cannot be moved.
    """
    folder = clip.parent if is_right else clip.parent.with_name(UNKNOWN)
    stem = f"{clip.stem}_right" if is_right else f"{clip.stem}_not_{clip.parent.name}"
    target = folder / f"{stem}.flac"
    try:
        private_folders(target)
        for path in both_files(clip):
            path.rename(target.with_suffix(path.suffix))
    except OSError as error:
        raise ConfigError(f"cannot move {clip} to {target}: {error.strerror}") from error
    return target
