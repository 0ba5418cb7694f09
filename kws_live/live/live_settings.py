"""Decision settings that several threads can change while listening."""

import json
import logging
import shutil
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import fields, replace
from pathlib import Path
from types import MappingProxyType
from typing import Any

from kws_live.errors import ConfigError
from kws_live.live.companion import Companion
from kws_live.spotting.decision_settings import DecisionSettings
from kws_live.system.file_watch import FileWatch
from kws_live.system.saving import replacing, write_file
from kws_live.system.text_file import user_path
from kws_live.system.toml_file import line_of, read_toml

log = logging.getLogger(__name__)


class LiveSettings:
    """Holds a frozen `DecisionSettings` and replaces it on change; the detector takes a snapshot at every hop.

    Parameters
    ----------
    defaults : the settings that `reset` restores
    """

    def __init__(self, defaults: DecisionSettings) -> None:
        self._defaults = defaults
        self._current = defaults
        self._masks: dict[object, frozenset[str]] = {}  # of the open `only` blocks, in the order of their start
        self._masked = defaults  # the current settings with the words of `only`
        self._pinned: dict[str, Any] = {}
        self._version = 0
        self._lock = threading.RLock()

    def snapshot(self) -> DecisionSettings:
        """Return the current settings."""
        return self._masked

    @property
    def thresholds(self) -> Mapping[str, float]:
        """The current threshold of each word; read-only, see `set_threshold`."""
        return MappingProxyType(dict(self._current.thresholds))

    @property
    def defaults(self) -> DecisionSettings:
        """The settings that `reset` restores."""
        return self._defaults

    @property
    def version(self) -> int:
        """Increases by one with every change."""
        return self._version

    def set_threshold(self, word: str, value: float) -> None:
        """Set one word's threshold, above 0, at most 1; takes effect at the next hop.

        Raises
        ------
        ConfigError
            If the word is unknown or the value invalid; the old values stay.
        """
        self._current.require_known(word)
        self.set_thresholds({word: value})

    def set_thresholds(self, values: Mapping[str, float]) -> None:
        """Set several thresholds at once: ``values`` by word, above 0 and at most 1."""
        self.change(thresholds=values)

    def change(self, **values: Any) -> None:
        """Set any fields of `DecisionSettings`, all or none of them; of thresholds, only those of the given words.

        Raises
        ------
        ConfigError
            If a field or a word is unknown, or a value invalid; the old values stay.
        """
        with self._lock:
            self._apply(self._current.changed(values))

    def pin(self, **values: Any) -> None:
        """Set fields that a settings file must not override, such as those given on the command line.

        Of thresholds, only those of the given words are pinned.
        """
        with self._lock:
            self._apply(self._current.changed(values))
            named = {**self._pinned.get("thresholds", {}), **values.get("thresholds", {})}
            self._pinned = {**self._pinned, **values, "thresholds": named}

    def adopt(self, defaults: DecisionSettings) -> None:
        """Switch to the words and defaults of another model; changes to words of both models stay."""
        with self._lock:
            words, old, now = set(defaults.thresholds), self._defaults.thresholds, self._current
            kept = {word: value for word, value in now.thresholds.items() if word in words and value != old.get(word)}
            active = None if now.active is None else (now.active & words) | (words - set(old))
            pinned = self._pinned.get("thresholds", {})
            self._pinned["thresholds"] = {word: value for word, value in pinned.items() if word in words}
            self._masks = {block: mask & words for block, mask in self._masks.items()}
            names = [item.name for item in fields(now) if item.name not in ("thresholds", "active")]
            changed = {
                name: getattr(now, name) for name in names if getattr(now, name) != getattr(self._defaults, name)
            }
            new = replace(defaults, thresholds={**defaults.thresholds, **kept}, active=active, **changed)
            self._defaults = defaults
            self._apply(new)

    def reset(self) -> None:
        """Restore the defaults."""
        with self._lock:
            self._apply(self._defaults)

    def _apply(self, new: DecisionSettings) -> None:
        mask = next(reversed(self._masks.values()), None)
        self._masked = new if mask is None else replace(new, active=mask)
        self._current = new
        self._version += 1

    @contextmanager
    def only(self, *words: str) -> Iterator[None]:
        """Listen for these words only during the ``with`` block; without words, for none.

        Of blocks open at the same time, nested or in several threads or tasks, the one started last applies;
        when it ends, the last one of those still open.
        """
        block = object()
        with self._lock:
            self._current.require_known(*words)
            self._masks[block] = frozenset(words)
            self._apply(self._current)
        try:
            yield
        finally:
            with self._lock:
                del self._masks[block]
                self._apply(self._current)

    def load(self, path: str | Path) -> None:
        """Load a TOML settings file; settings that it does not contain are reset to their defaults.

        Raises
        ------
        ConfigError
            If the file cannot be read or has an invalid value; the message gives the line, and the old values stay.
        """
        values, lines = read_toml(path, "settings file")
        with self._lock:
            new = self._defaults
            for name, value in values.items():
                try:
                    new = new.changed({name: value})
                except ConfigError as error:
                    line = line_of(lines, name) or 0
                    if word := next((key for key in _words(value) if repr(key) in str(error)), None):
                        line = line_of(lines, word, line) or line
                    raise ConfigError(f"{path}, line {line + 1}: {error}") from error
            self._apply(new.changed(self._pinned))

    def save(self, path: str | Path) -> None:
        """Write all settings as TOML, replacing the file atomically.

        An old file with comments, or anything but settings, is kept next to it as ``NAME.before``.

        Raises
        ------
        ConfigError
            If it cannot be written.
        """
        target = user_path(path)
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
            _keep_what_is_more(target)
            write_file(target, self.to_toml())
        except OSError as error:
            raise ConfigError(f"cannot write settings to {target}: {error.strerror}") from error

    def to_toml(self) -> str:
        """Return all settings as the text of a settings file."""
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
        return "\n".join(lines) + "\n"


def _keep_what_is_more(path: Path) -> None:
    """Copy a file with comments, or anything but settings, before it is replaced."""
    if not path.is_file():
        return
    known = {item.name for item in fields(DecisionSettings)}
    try:
        values, lines = read_toml(path, "settings file")
        if not any("#" in line for line in lines) and set(values) <= known:
            return
    except ConfigError:
        pass
    copy = path.with_name(path.name + ".before")
    try:
        with path.open("rb") as old, replacing(copy, private=True) as new:
            shutil.copyfileobj(old, new)
        log.warning("%s contained more than settings; a copy of it is in %s", path, copy)
    except OSError as error:
        log.warning("%s contained more than settings, which is lost: cannot write %s: %s", path, copy, error.strerror)


class SettingsFile(Companion):
    """A watched settings file: `poll` reloads it when it has changed; a pipe is read once, at the start.

    Parameters
    ----------
    settings : the settings to load it into
    path : the TOML file; it must be valid at the start

    Raises
    ------
    ConfigError
        If the file cannot be used at the start.
    """

    def __init__(self, settings: LiveSettings, path: str | Path) -> None:
        self.path = user_path(path)
        self._settings = settings
        self._watch = FileWatch(self.path)
        settings.load(self.path)

    def poll(self) -> bool:
        """Reload the file if it has changed; True if it has. An invalid file raises once, and the old values stay."""
        if not self._watch.changed():
            return False
        self._settings.load(self.path)
        return True

    def look(self) -> None:
        """`poll`, with errors logged."""
        try:
            if self.poll():
                log.info("settings reloaded from %s", self.path)
        except ConfigError as error:
            log.warning("%s; the old values stay in effect", error)


def _words(value: object) -> list[str]:
    return [str(word) for word in value] if isinstance(value, (dict, list)) else []


def _toml(value: object) -> str:
    if isinstance(value, str):
        return json.dumps(value, ensure_ascii=False)  # a JSON string is a TOML string
    if isinstance(value, list):
        return "[" + ", ".join(map(_toml, value)) + "]"
    return str(value)  # not repr, which would include the type of numpy numbers
