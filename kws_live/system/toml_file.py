"""TOML files written by users: their tables, and the line number of a key, for messages."""

import re
import tomllib
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

from kws_live.errors import ConfigError
from kws_live.system.outside_log import one_line
from kws_live.system.text_file import read_text


class TomlFile(NamedTuple):
    """A parsed TOML file.

    Attributes
    ----------
    values : its tables
    lines : its text
    """

    values: dict[str, Any]
    lines: list[str]


def read_toml(path: str | Path, what: str) -> TomlFile:
    """Read a TOML file; ``what`` is the kind of file, for messages.

    Raises
    ------
    ConfigError
        If it cannot be read, or is not TOML.
    """
    text = read_text(path, what)
    try:
        values = tomllib.loads(text)
    except (ValueError, RecursionError) as error:  # a plain ValueError: an integer with thousands of digits
        raise ConfigError(f"{path} is not TOML: {one_line(error)}") from error
    return TomlFile(values, text.splitlines())


def line_of(lines: Sequence[str], key: str, start: int = 0) -> int | None:
    """Return the index of the first line from ``start`` on that seems to contain a key or list item; None: no line."""
    name = re.escape(key)
    there = re.compile(rf"""(^|[.{{,\[])\s*(["']?{name}["']?\s*[.=\]]|["']{name}["'])""")
    return next((number for number in range(start, len(lines)) if there.search(lines[number])), None)
