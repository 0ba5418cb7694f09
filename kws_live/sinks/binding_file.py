"""The actions of each word, from a TOML file that may change while listening.

::

    [[binding]]
    word = "on"                                # or words = ["on", "go"]; left out: every word
    run = ["./lamp.sh", "{keyword}"]           # a program and its arguments, without a shell

    [[binding]]
    word = "off"
    after = "go"                               # only if the previous word was "go",
    within_seconds = 3.0                       # at most this long before (default 3 s)
    shell = "echo $KWS_LIVE_KEYWORD >> log"    # one line for the system's shell

    [[binding]]
    word = "stop"
    cool_down_seconds = 5.0                    # then ignore this word for this time
    http = "http://192.168.1.5/api/stop"
    method = "POST"
    body = '{"command": "{keyword}"}'          # left out: the event as JSON
    headers = { Authorization = "Bearer ${LAMP_TOKEN}" }

    [[binding]]
    word = "up"
    mqtt = "mqtts://robot:${/run/secrets/mqtt}@192.168.1.5/robot/move?ca=home.pem"
    payload = "{keyword}"
    retain = false

    [[binding]]
    word = "right"
    key = "ctrl+right"                         # needs the extra: pip install "kws-live[keys]"

    [[binding]]
    word = "yes"
    sound = "ding.wav"

    [[binding]]
    word = "go"
    pipe = ["./recogniser.py"]                 # gets the speech after the word, as a 16 kHz WAV file
    longest_seconds = 10.0                     # until a second of silence, or at most this long

``{keyword}``, ``{score}``, ``{seconds}`` and ``{source}`` are replaced in ``run``, ``pipe``, ``body`` and ``payload``
(escaped in those that are JSON); programs find the same in their environment as ``KWS_LIVE_KEYWORD`` and so on. In
``http``, ``mqtt`` and ``headers``, ``${NAME}`` is the environment variable NAME, and ``${PATH}`` (with a slash)
the first line of a file, so that passwords and tokens need not be written here. Actions run one after another in the
order of the words; with ``parallel = true`` a binding's action runs at once, in parallel. One that cannot start within
10 s of its word is skipped. ``time_limit_seconds`` (10) ends a program or a request that takes longer. If a two-step
binding (``after``) matches, that word's one-step bindings are skipped.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any, Final, get_args, get_origin, get_type_hints

from kws_live.actions import LIMIT_SECONDS
from kws_live.audio import SAMPLE_RATE_HZ
from kws_live.errors import ConfigError
from kws_live.events import Detection
from kws_live.spotting.audio_after import LONGEST_SECONDS
from kws_live.system.toml_file import line_of, read_toml

ACTIONS: Final = ("run", "shell", "http", "mqtt", "key", "sound", "pipe")


@dataclass(frozen=True)
class Binding:
    """One ``[[binding]]``: its conditions, and exactly one of the actions ``run shell http mqtt key sound pipe``.

    Attributes
    ----------
    word, words : one word or several; neither: every word
    after, within_seconds : only if the previous word was this one, at most this long before
    cool_down_seconds : shortest time from one firing of this binding to the next
    parallel : run at once, in parallel with other actions
    time_limit_seconds : of ``run``, ``shell``, ``pipe`` and ``http``, above 0, at most a day
    run : a program and its arguments; no shell
    shell : one line for the system's shell
    http, method, body, headers : a URL, and what is sent to it
    mqtt, payload, retain : ``mqtt://host/topic``, and what is published to it
    key : keys to press, such as "ctrl+right"
    sound : a sound file to play
    pipe, longest_seconds : a program, and how much of the speech after the word it gets; always ``parallel``
    """

    word: str | None = None
    words: list[str] = field(default_factory=list)
    after: str | None = None
    within_seconds: float = 3.0
    cool_down_seconds: float = 0.0
    parallel: bool = False
    time_limit_seconds: float = LIMIT_SECONDS
    run: list[str] | None = None
    shell: str | None = None
    http: str | None = None
    method: str = "POST"
    body: str | None = None
    headers: dict[str, str] = field(default_factory=dict)
    mqtt: str | None = None
    payload: str = "{keyword}"
    retain: bool = False
    key: str | None = None
    sound: str | None = None
    pipe: list[str] | None = None
    longest_seconds: float = LONGEST_SECONDS

    def __post_init__(self) -> None:
        chosen = [name for name in ACTIONS if getattr(self, name) is not None]
        if len(chosen) != 1:
            raise ConfigError(
                f"a binding needs exactly one of {', '.join(ACTIONS)}, not {' and '.join(chosen) or 'none'}"
            )
        if self.word is not None and self.words:
            raise ConfigError("a binding has word or words, not both")
        for name, low, high in (
            ("within_seconds", 0.1, 60.0),
            ("cool_down_seconds", 0.0, 86_400.0),
            ("time_limit_seconds", 0.1, 86_400.0),
            ("longest_seconds", 0.5, 60.0),
        ):
            if not low <= getattr(self, name) <= high:
                raise ConfigError(f"{name} {getattr(self, name):g} must be {low:g} to {high:g}")

    @property
    def heard(self) -> frozenset[str]:
        """Words that fire it; empty: every word."""
        return frozenset(self.words if self.word is None else [self.word])

    def fits(self, event: Detection, before: Detection | None) -> bool:
        """Whether this word fires it, given the previous word ``before``."""
        if self.heard and event.keyword not in self.heard:
            return False
        if self.after is None:
            return True
        if before is None or before.keyword != self.after:
            return False
        return event.position - before.position <= self.within_seconds * SAMPLE_RATE_HZ


def read_bindings(path: str | Path, keywords: Sequence[str] = ()) -> dict[int, Binding]:
    """Read a bindings file; return the first line of each binding, and the binding.

    Parameters
    ----------
    path : TOML, as in the module's docstring
    keywords : words of the model; empty: any word is allowed

    Raises
    ------
    ConfigError
        If the file is invalid; the message names the line.
    """
    tables, lines = read_toml(path, "bindings")
    if strange := sorted(set(tables) - {"binding"}):
        line = line_of(lines, strange[0]) or 0
        raise ConfigError(
            f"{path}, line {line + 1}: unknown {strange[0]!r}; a bindings file contains [[binding]] tables only"
        )
    starts = [number for number, line in enumerate(lines) if re.match(r"\s*\[\[\s*binding\s*\]\]", line)]
    entries = tables.get("binding", [])
    if not isinstance(entries, list) or len(starts) != len(entries):
        raise ConfigError(f"{path}: write each binding as a table of its own that begins with a line [[binding]]")
    if not entries:
        raise ConfigError(f"{path} has no [[binding]]; write one, or omit the file")
    bindings = {}
    for values, start, end in zip(entries, starts, [*starts[1:], len(lines)], strict=True):
        try:
            bindings[start + 1] = _binding(values, keywords)
        except ConfigError as error:
            told = {key: found.start() for key in values if (found := re.search(rf"\b{re.escape(key)}\b", str(error)))}
            named = min(told, key=told.__getitem__, default="")
            line = (line_of(lines[:end], named, start + 1) if named else None) or start
            raise ConfigError(f"{path}, line {line + 1}: {error}") from error
    return bindings


def _binding(values: dict[str, Any], keywords: Sequence[str]) -> Binding:
    kinds = get_type_hints(Binding)
    known = [item.name for item in fields(Binding)]
    for name, value in values.items():
        if name not in known:
            raise ConfigError(f"unknown key {name!r}; known are: {', '.join(known)}")
        if not _fits(value, kinds[name]):
            raise ConfigError(f"{name} must be {KINDS[_kind(kinds[name])]}, not {value!r}")
    binding = Binding(**values)
    for name in ("word", "words", "after"):
        given = values.get(name, [])
        for word in [given] if isinstance(given, str) else given:
            if keywords and word not in keywords:
                raise ConfigError(f"{name} = {word!r} is not a word of this model, which has: {', '.join(keywords)}")
    return binding


KINDS: Final = {
    str: "text in quotes",
    float: "a number",
    bool: "true or false",
    list: 'a list of texts, such as ["./lamp.sh", "on"]',
    dict: 'a table of texts, such as { Authorization = "Bearer 123" }',
}


def _kind(hint: Any) -> type:
    """``list[str] | None`` is a list, ``str | None`` is a text."""
    hint = (
        next((part for part in get_args(hint) if part is not type(None)), hint)
        if type(None) in get_args(hint)
        else hint
    )
    kind: type = get_origin(hint) or hint
    return kind


def _fits(value: object, hint: Any) -> bool:
    kind = _kind(hint)
    if kind is float:
        return isinstance(value, (int, float)) and not isinstance(value, bool)
    if kind is list:
        return isinstance(value, list) and bool(value) and all(isinstance(item, str) for item in value)
    if kind is dict:
        return isinstance(value, dict) and all(isinstance(item, str) for item in value.values())
    return type(value) is kind
