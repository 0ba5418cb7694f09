"""Files that a person has saved: settings, bindings, labels, transcripts; whatever editor it was."""

import codecs
from pathlib import Path
from typing import Final

from kws_live.errors import ConfigError, KwsLiveError

LARGEST_BYTES: Final = 2**20

LONGEST_NAME: Final = 80
"""Characters of a name that a message shows."""


def user_path(path: str | Path, error: type[KwsLiveError] = ConfigError) -> Path:
    """A path as a person writes it, with ``~`` expanded.

    Raises
    ------
    ConfigError
        Or ``error``, if it cannot be a path, or ``~`` is the home of a user that does not exist or has none.
    """
    named = repr(str(path)[:LONGEST_NAME])
    if "\0" in str(path):
        raise error(f"{named} cannot be a path: it has a zero byte in it")
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
    """What is in a file; parameters and errors as those of `read_text`."""
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
    r"""The text of a file in UTF-8, or in UTF-16 with a byte order mark; without the mark, every newline ``\n``.

    The file is opened once and read once, so a pipe such as ``<(...)`` will do.

    Parameters
    ----------
    path : of the file; ``~`` is expanded
    what : what is in it, for the message: "settings file"
    error : what is raised
    largest_bytes : the most it may have

    Raises
    ------
    ConfigError
        Or ``error``, if it cannot be read, is larger, or is no such text.
    """
    raw = read_bytes(path, what, error=error, largest_bytes=largest_bytes)
    # PowerShell's ">" and Notepad's "Unicode" are UTF-16.
    encoding = "utf-16" if raw.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)) else "utf-8-sig"
    try:
        text = raw.decode(encoding)
    except UnicodeDecodeError as wrong:
        raise error(f"{what} {path} is not UTF-8 text: {wrong}; save it as UTF-8") from wrong
    return text.replace("\r\n", "\n").replace("\r", "\n")
