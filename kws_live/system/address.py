"""Addresses as they may be shown: in messages, logs and errors no password, token or query appears."""

import re
from typing import Final

_SCHEME: Final = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:(//)?")
_HIDDEN: Final = "..."


def shown(address: str) -> str:
    """An address without user, password, query, fragment and, for the web, path: what is left names the machine.

    A web hook's path is often the secret itself, so of ``http`` and ``https`` only scheme, host and port remain. A text
    without ``://`` is no address and comes back as it is.
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
    """The text before the first of these marks, the mark, and what follows; no mark: all of it, and nothing."""
    at = min((text.index(mark) for mark in marks if mark in text), default=len(text))
    return text[:at], text[at : at + 1], text[at + 1 :]
