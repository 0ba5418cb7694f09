"""The one thing that several threads may change while audio flows: thresholds and the other decision settings."""

import json
import re
import threading
import tomllib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

from kws_live.decision_settings import DecisionSettings
from kws_live.errors import ConfigError

LARGEST_FILE_BYTES = 2**20


class LiveSettings:
    """Holds a frozen `DecisionSettings` and swaps it; the detector takes a snapshot at every hop.

    Parameters
    ----------
    defaults : what `reset` goes back to
    """

    def __init__(self, defaults: DecisionSettings) -> None:
        self._defaults = defaults
        self._current = defaults
        self._mask: frozenset[str] | None = None
        self._masked = defaults  # the current settings, as they are while `only` masks words
        self._pinned: dict[str, Any] = {}
        self._version = 0
        self._lock = threading.RLock()

    def snapshot(self) -> DecisionSettings:
        """The settings as they are now."""
        return self._masked

    @property
    def version(self) -> int:
        """Grows by one at every change."""
        return self._version

    def set_threshold(self, word: str, value: float) -> None:
        """Set one word's threshold, above 0, at most 1, from the next hop on.

        Raises
        ------
        ConfigError
            If the word is unknown or the value impossible; the old values stay.
        """
        self.set_thresholds({word: value})

    def set_thresholds(self, values: Mapping[str, float]) -> None:
        """Set several thresholds at once."""
        with self._lock:
            self._current.require_known(*values)
            self.change(thresholds={**self._current.thresholds, **values})

    def change(self, **values: Any) -> None:
        """Set any fields of `DecisionSettings`, all or none of them."""
        known = {item.name for item in fields(DecisionSettings)}
        if strange := sorted(set(values) - known):
            raise ConfigError(f"unknown setting {', '.join(strange)}; known are: {', '.join(sorted(known))}")
        with self._lock:
            self._take(replace(self._current, **values))

    def pin(self, **values: Any) -> None:
        """Set fields so that a settings file does not change them again: what was given on the command line.

        Of thresholds, those of the words that are named are pinned.
        """
        with self._lock:
            named = {**self._pinned.get("thresholds", {}), **values.get("thresholds", {})}
            self._current.require_known(*named)
            pinned = {**self._pinned, **values, **({"thresholds": named} if named else {})}
            self._take(_over(self._current, pinned))
            self._pinned = pinned

    def reset(self) -> None:
        """Go back to the defaults."""
        with self._lock:
            self._take(self._defaults)

    def _take(self, new: DecisionSettings) -> None:
        self._masked = new if self._mask is None else replace(new, active=self._mask)
        self._current = new
        self._version += 1

    @contextmanager
    def only(self, *words: str) -> Iterator[None]:
        """Listen to these words alone while the ``with`` block runs; no words: to none."""
        with self._lock:
            self._current.require_known(*words)
            before, self._mask = self._mask, frozenset(words)
            self._take(self._current)
        try:
            yield
        finally:
            with self._lock:
                self._mask = before
                self._take(self._current)

    def load(self, path: str | Path) -> None:
        """Take the values of a TOML settings file; what it does not name goes back to the default.

        Raises
        ------
        ConfigError
            If the file cannot be read or holds an impossible value; it names the line, and the old values stay.
        """
        text = _read(Path(path))
        try:
            values = tomllib.loads(text)
        except (ValueError, RecursionError) as error:  # a ValueError of its own: an integer of thousands of digits
            raise ConfigError(f"{path} is not TOML: {error}") from error
        known = {item.name for item in fields(DecisionSettings)}
        for name in values:
            if name not in known:
                raise ConfigError(
                    f"{path}, line {_line(text, name)}: unknown setting {name!r}; known: {', '.join(sorted(known))}"
                )
        with self._lock:
            new = self._defaults
            for name, value in values.items():
                try:
                    new = self._with(new, name, value)
                except (ConfigError, ValueError) as error:
                    word = next((key for key in _words(value) if repr(key) in str(error)), None)
                    raise ConfigError(f"{path}, line {_line(text, name, word)}: {error}") from error
            self._take(_over(new, self._pinned))

    def _with(self, settings: DecisionSettings, name: str, value: Any) -> DecisionSettings:
        """One value from a file, checked for its type, put into the settings."""
        if name == "thresholds":
            if not isinstance(value, dict):
                raise ConfigError("thresholds must be a table: [thresholds], then one line a word, such as yes = 0.8")
            for word, number in value.items():
                if not _is_number(number):
                    raise ConfigError(f"threshold of {word!r} must be a number, not {number!r}")
            settings.require_known(*value)
            return replace(settings, thresholds={**settings.thresholds, **value})
        if name == "active":
            if not isinstance(value, list) or not all(isinstance(word, str) for word in value):
                raise ConfigError('active must be a list of words, such as ["yes", "no"]')
            return replace(settings, active=frozenset(value))
        if name == "gate_mode" and value == "off":
            return replace(settings, gate_mode=None)
        kind = type(getattr(self._defaults, name) or 0)
        if not (_is_number(value) if kind is float else type(value) is kind):
            raise ConfigError(f"{name} must be a {'number' if kind is float else kind.__name__}, not {value!r}")
        return replace(settings, **{name: value})

    def save(self, path: str | Path) -> None:
        """Write the settings as TOML, all of them, replacing the file in one step."""
        now = self._current
        lines = []
        for item in fields(DecisionSettings):
            value = getattr(now, item.name)
            if item.name == "thresholds" or (item.name == "active" and value is None):
                continue
            if item.name == "active":
                value = sorted(value)
            lines.append(f"{item.name} = {_toml('off' if item.name == 'gate_mode' and value is None else value)}")
        lines += [
            "",
            "[thresholds]",
            *(f"{_toml(word)} = {_toml(float(value))}" for word, value in now.thresholds.items()),
        ]
        target = Path(path)
        partial = target.with_name(target.name + ".partial")
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
            partial.write_text("\n".join(lines) + "\n", encoding="utf-8")
            partial.replace(target)
        except OSError as error:
            with suppress(OSError):
                partial.unlink()
            raise ConfigError(f"cannot write settings to {target}: {error.strerror}") from error


def _over(settings: DecisionSettings, values: Mapping[str, Any]) -> DecisionSettings:
    """The settings with these fields; of thresholds, only those named."""
    if "thresholds" in values:
        values = {**values, "thresholds": {**settings.thresholds, **values["thresholds"]}}
    return replace(settings, **values)


class SettingsFile:
    """A settings file that is watched: `poll` loads it when it has changed.

    Parameters
    ----------
    settings : what it is loaded into
    path : the TOML file; it must be right at the start

    Raises
    ------
    ConfigError
        If the file cannot be used at the start.
    """

    def __init__(self, settings: LiveSettings, path: str | Path) -> None:
        self.path = Path(path)
        self._settings = settings
        self._seen = self._stamp()
        settings.load(self.path)

    def poll(self) -> bool:
        """Load the file if it has changed; True if it did. A broken one raises once, and the old values stay."""
        stamp = self._stamp()
        if stamp == self._seen or stamp is None:  # an editor may replace the file: gone for a moment is no change
            return False
        self._seen = stamp
        self._settings.load(self.path)
        return True

    def _stamp(self) -> tuple[int, int, int] | None:
        try:
            status = self.path.stat()
        except OSError:
            return None
        return status.st_mtime_ns, status.st_size, status.st_ino


def _read(path: Path) -> str:
    try:
        with path.open("rb") as file:
            raw = file.read(LARGEST_FILE_BYTES + 1)
    except OSError as error:
        raise ConfigError(f"cannot read settings file {path}: {error.strerror}") from error
    if len(raw) > LARGEST_FILE_BYTES:
        raise ConfigError(f"settings file {path} is larger than {LARGEST_FILE_BYTES:,} bytes")
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError as error:
        raise ConfigError(f"settings file {path} is not UTF-8 text: {error}") from error


def _is_number(value: object) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _words(value: object) -> list[str]:
    return [str(word) for word in value] if isinstance(value, (dict, list)) else []


def _line(text: str, name: str, word: str | None = None) -> int:
    """Line where a setting, or a word in it, seems to stand; 1 if nothing looks like it."""
    key = re.escape(word or name)
    set_to, table, quoted = (
        rf"""(^|[.{{,])\s*["']?{key}["']?\s*=""",
        rf"""^\s*\[\s*["']?{key}\b""",
        rf"""["']{key}["']""",
    )
    pattern = quoted if word and name == "active" else f"{set_to}|{table}"
    for number, line in enumerate(text.splitlines(), 1):
        if re.search(pattern, line):
            return number
    return _line(text, name) if word else 1


def _toml(value: object) -> str:
    if isinstance(value, str):
        return json.dumps(value, ensure_ascii=False)  # a JSON string is a TOML string
    if isinstance(value, list):
        return "[" + ", ".join(map(_toml, value)) + "]"
    return str(value)  # not repr: numpy's numbers would say their type
