"""The folder for a user's own data: settings, taught words, profiles, evidence."""

import os
import sys
from pathlib import Path

from kws_live.errors import ConfigError
from kws_live.system.text_file import user_path


def user_folder() -> Path:
    """Return the folder given by KWS_LIVE_HOME, or the system's folder for user data.

    Raises
    ------
    ConfigError
        If there is no home folder, as in a container that runs under a user ID without an account.
    """
    if chosen := os.environ.get("KWS_LIVE_HOME"):
        return user_path(chosen)
    try:
        if sys.platform == "win32":
            base = Path(os.environ.get("APPDATA") or Path.home() / "AppData" / "Roaming")
        elif sys.platform == "darwin":
            base = Path.home() / "Library" / "Application Support"
        else:
            base = Path(os.environ.get("XDG_DATA_HOME") or Path.home() / ".local" / "share")
    except RuntimeError as error:
        raise ConfigError(
            "this user has no home folder for settings and taught words; set KWS_LIVE_HOME to a folder"
        ) from error
    return base / "kws-live"


def own_settings(model_name: str) -> Path:
    """Return the path of the user's default settings for a model; the file may not exist."""
    return user_folder() / "settings" / f"{model_name}.toml"
