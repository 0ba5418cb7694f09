"""Checks of output paths, made before the work rather than after it."""

import os
from pathlib import Path

from kws_live.errors import ConfigError


def require_place(path: Path) -> None:
    """Raise a ConfigError with the reason if a file cannot be written there."""
    if path.is_dir():
        raise ConfigError(f"{path} is a folder; give the name of a file in it")
    if path.exists():  # a link, a device or a mounted file is written in place
        if not os.access(path, os.W_OK):
            raise ConfigError(f"cannot write {path}: permission denied; choose another name")
        return
    folder = Path(os.path.realpath(path)).parent if path.is_symlink() else path.parent
    if not folder.is_dir():
        raise ConfigError(f"cannot write {path}: there is no folder {folder}; create it first")
    if not os.access(folder, os.W_OK):
        raise ConfigError(f"cannot write {path}: no permission to write into {folder}; choose another folder")
