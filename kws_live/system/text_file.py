"""Text files written by users in any editor: settings, bindings, labels, transcripts."""

import codecs
from pathlib import Path
from typing import Final

from kws_live.errors import ConfigError, KwsLiveError

LARGEST_BYTES: Final = 2**20

LONGEST_NAME: Final = 80
"""Maximum number of characters of a name in a message."""


def user_path(path: str | Path, error: type[KwsLiveError] = ConfigError) -> Path:
    """Return a path given by a user, with ``~`` expanded.

    Raises
    ------
    ConfigError
        Or ``error``, if it cannot be a path, or ``~`` names a user that does not exist or has no home folder.
    """
    named = repr(str(path)[:LONGEST_NAME])
    if "\0" in str(path):
        raise error(f"{named} cannot be a path: it contains a zero byte")
    try:
        return Path(path).expanduser()
    except RuntimeError as unknown:
        raise error(f"{named}: there is no such home folder; write the path in full") from unknown


def read_bytes(
    path: str | Path,
    what: str = "file",
    *,
    error: type[KwsLiveError] = ConfigError,
    largest_bytes: int = LARGEST_BYTES,
) -> bytes:
    """Return the content of a file; parameters and errors as for `read_text`."""
    try:
        with user_path(path, error).open("rb") as file:
            content = file.read(largest_bytes + 1)
    except OSError as refused:
        raise error(f"cannot read {what} {path}: {refused.strerror}") from refused
    if len(content) > largest_bytes:
        raise error(f"{what} {path} is larger than {largest_bytes:,} bytes")
    return content


def read_text(
    path: str | Path,
    what: str = "file",
    *,
    error: type[KwsLiveError] = ConfigError,
    largest_bytes: int = LARGEST_BYTES,
) -> str:
    r"""Return the text of a file in UTF-8, or UTF-16 with a byte order mark; newlines become ``\n``.

    The file is opened and read once, so a pipe such as ``<(...)`` works.

    Parameters
    ----------
    path : of the file; ``~`` is expanded
    what : kind of file, for the message: "settings file"
    error : type of exception to raise
    largest_bytes : size limit

    Raises
    ------
    ConfigError
        Or ``error``, if it cannot be read, is too large, or is not such text.
    """
    raw = read_bytes(path, what, error=error, largest_bytes=largest_bytes)
    # PowerShell's ">" and Notepad's "Unicode" are UTF-16.
    encoding = "utf-16" if raw.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)) else "utf-8-sig"
    try:
        text = raw.decode(encoding)
    except UnicodeDecodeError as wrong:
        raise error(f"{what} {path} is not UTF-8 text: {wrong}; save it as UTF-8") from wrong
    return text.replace("\r\n", "\n").replace("\r", "\n")
