"""Passwords and tokens taken from the environment or a file instead of being written in an address or a header.

``${NAME}`` is the environment variable NAME; ``${PATH}``, with a slash in it, is the first line of that file.
"""

import os
import re
from typing import Final
from urllib.parse import quote

from kws_live.errors import ConfigError
from kws_live.system.text_file import user_path

_PLACE: Final = re.compile(r"\$\{([^{}]*)\}")


def filled_in(text: str, is_address: bool = False) -> str:
    """Replace ``${NAME}`` and ``${PATH}`` by their values.

    Parameters
    ----------
    text : an address or a header
    is_address : percent-encode the values, so that passwords can contain any character

    Raises
    ------
    ConfigError
        If the variable is not set or the file cannot be read.
    """

    def value(match: re.Match[str]) -> str:
        found = _read(match.group(1))
        return quote(found, safe="") if is_address else found

    return _PLACE.sub(value, text)


def _read(name: str) -> str:
    if "/" in name or os.sep in name:
        try:
            return user_path(name).read_text(encoding="utf-8-sig").partition("\n")[0].strip()
        except (OSError, ValueError) as error:
            why = getattr(error, "strerror", None) or error
            raise ConfigError(
                f"cannot read the secret ${{{name}}}: {why}; give a file that this user can read"
            ) from None
    if name not in os.environ:
        raise ConfigError(
            f"${{{name}}} is not set; set the environment variable {name!r}, or give a path, as in "
            f"${{/run/secrets/password}}"
        )
    return os.environ[name]
