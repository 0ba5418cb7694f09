"""Requests about settings and profiles."""

import re
import shlex
from pathlib import Path
from typing import Any, Final

from kws_live.errors import ConfigError
from kws_live.live.live_settings import LiveSettings
from kws_live.panel.view_state import CHANGEABLE

PROFILE_NAME: Final = re.compile(r"\w[\w -]{0,39}")


class SettingsDesk:
    """Changes settings, and saves them as profiles; pages notice a change by the settings' version.

    Parameters
    ----------
    settings : the spotter's
    folder : for profiles
    """

    def __init__(self, settings: LiveSettings, folder: Path) -> None:
        self._settings = settings
        self._folder = folder

    def threshold(self, word: str, value: Any) -> dict[str, Any]:
        """Set one word's threshold."""
        self._settings.set_threshold(word, value)
        return {}

    def thresholds(self, values: dict[str, float]) -> dict[str, Any]:
        """Set several thresholds."""
        self._settings.set_thresholds(values)
        return {}

    def listen(self, word: str, on: bool) -> dict[str, Any]:
        """Switch a word on or off."""
        settings = self._settings.snapshot()
        settings.require_known(word)
        active = {one for one in settings.thresholds if settings.listens_to(one)}
        active = active | {word} if on else active - {word}
        self._settings.change(active=None if len(active) == len(settings.thresholds) else frozenset(active))
        return {}

    def change(self, name: str, value: Any) -> dict[str, Any]:
        """Set another setting."""
        if name not in CHANGEABLE:
            raise ConfigError(f"setting {name!r} cannot be changed here; these can: {', '.join(CHANGEABLE)}")
        self._settings.change(**{name: value})
        return {}

    def reset(self) -> dict[str, Any]:
        """Restore the defaults."""
        self._settings.reset()
        return {}

    def profiles(self) -> dict[str, Any]:
        """Return the saved profiles, each with the command that uses it."""
        names = [path.stem.removeprefix("profile-") for path in self._folder.glob("profile-*.toml")]
        return {
            "profiles": [
                {"name": name, "command": shlex.join(["kws-live", "listen", "--settings", str(self._path(name))])}
                for name in sorted(names)
                if PROFILE_NAME.fullmatch(name)
            ]
        }

    def save_profile(self, name: str) -> dict[str, Any]:
        """Save the settings as a profile."""
        self._settings.save(self._path(name))
        return {"name": name}

    def delete_profile(self, name: str) -> dict[str, Any]:
        """Delete a profile."""
        try:
            self._path(name).unlink()
        except OSError as error:
            raise ConfigError(f"cannot delete profile {name!r}: {error.strerror}") from error
        return {"name": name}

    def load_profile(self, name: str) -> dict[str, Any]:
        """Apply a profile."""
        self._settings.load(self._path(name))
        return {"name": name}

    def _path(self, name: str) -> Path:
        if not PROFILE_NAME.fullmatch(name):
            raise ConfigError(f"profile name {name!r} is not possible; use 1 to 40 letters, digits, spaces, - or _")
        return self._folder.absolute() / f"profile-{name}.toml"
