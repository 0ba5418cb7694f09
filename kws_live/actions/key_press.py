"""Press keys, as on a keyboard."""

from typing import Any

from kws_live.errors import ActionError, ConfigError
from kws_live.events import Event


class KeyPress:
    """Sends a key or a chord to the window with the focus.

    Parameters
    ----------
    keys : names joined by "+", as in ``"right"``, ``"ctrl+shift+t"``, ``"media_volume_up"``; a single character
        stands for itself; the names are those of pynput's ``Key``

    Raises
    ------
    ConfigError
        If pynput or a screen is missing, or a name is unknown.
    """

    def __init__(self, keys: str) -> None:
        try:
            from pynput import keyboard
        except ImportError as error:
            reason = 'pip install "kws-live[keys]"' if error.name == "pynput" else f"no keyboard access: {error}"
            raise ConfigError(f"key = {keys!r} cannot be pressed: {' '.join(reason.split())}") from error
        self._keys = keys
        self._chord: list[Any] = []
        for name in keys.split("+"):
            if len(name) == 1:
                self._chord.append(name)
            elif name in keyboard.Key.__members__:
                self._chord.append(keyboard.Key[name])
            else:
                known = ", ".join(sorted(keyboard.Key.__members__))
                raise ConfigError(f"no key {name!r} in key = {keys!r}; a single character, or one of: {known}")
        try:
            self._keyboard = keyboard.Controller()
        except Exception as error:  # differs by system: X errors, missing permissions
            raise ConfigError(f"key = {keys!r} cannot be pressed: {' '.join(str(error).split())}") from error

    def describe(self, event: Event) -> str:
        return f"press {self._keys}"

    def do(self, event: Event) -> None:
        try:
            for key in self._chord:
                self._keyboard.press(key)
            for key in reversed(self._chord):
                self._keyboard.release(key)
        except Exception as error:  # differs by system: X errors, missing permissions
            raise ActionError(f"cannot press {self._keys}: {error}") from error

    def close(self) -> None:
        """Nothing to release: no key stays pressed."""
