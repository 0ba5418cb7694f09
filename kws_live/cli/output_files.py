"""Where results are to be written: checked before the work, not after it."""

import os
from pathlib import Path

from kws_live.errors import ConfigError


def require_place(path: Path) -> None:
    """Raise a ConfigError that says why, if a file cannot be written there."""
    if path.is_dir():
        raise ConfigError(f"{path} is a folder; give the name of a file in it")
    if not path.parent.is_dir():
        raise ConfigError(f"cannot write {path}: there is no folder {path.parent}; create it first")
    if not os.access(path.parent, os.W_OK):
        raise ConfigError(f"cannot write {path}: you may not write into {path.parent}; choose another folder")
