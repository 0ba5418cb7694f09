"""Addresses for messages, logs and errors, without passwords, tokens and queries."""

import re
from typing import Final

_SCHEME: Final = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:(//)?")
_HIDDEN: Final = "..."


def shown(address: str) -> str:
    """Return an address without user, password, query, fragment and, for web addresses, path.

    The path of a webhook is often itself the secret, so ``http`` and ``https`` keep only scheme, host and port. A text
    without ``://`` is not an address and is returned unchanged.
    """
    match = _SCHEME.match(address)
    if match is None or match.group(1) is None:
        return address
    scheme, rest = match.group(), address[match.end() :]
    place, cut, _ = _split_first(rest, "?#")
    # The last @ before the path ends user and password; a password may hold slashes by mistake.
    place = place.rpartition("@")[2]
    host, slash, path = place.partition("/")
    if scheme.lower().startswith("http"):
        return f"{scheme}{host}/{_HIDDEN}" if path or cut else f"{scheme}{host}{slash}"
    return f"{scheme}{host}{slash}{path}"


def _split_first(text: str, marks: str) -> tuple[str, str, str]:
    """Split a text at the first of these marks, like ``str.partition``."""
    at = min((text.index(mark) for mark in marks if mark in text), default=len(text))
    return text[:at], text[at : at + 1], text[at + 1 :]
