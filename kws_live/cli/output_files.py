"""Where results are to be written: checked before the work, not after it."""

import os
from pathlib import Path

from kws_live.errors import ConfigError


def require_place(path: Path) -> None:
    """Raise a ConfigError that says why, if a file cannot be written there."""
    if path.is_dir():
        raise ConfigError(f"{path} is a folder; give the name of a file in it")
    if path.exists():  # a link, a device or a file mounted by itself is written where it is
        if not os.access(path, os.W_OK):
            raise ConfigError(f"cannot write {path}: you may not; choose another name")
        return
    folder = Path(os.path.realpath(path)).parent if path.is_symlink() else path.parent
    if not folder.is_dir():
        raise ConfigError(f"cannot write {path}: there is no folder {folder}; create it first")
    if not os.access(folder, os.W_OK):
        raise ConfigError(f"cannot write {path}: you may not write into {folder}; choose another folder")
