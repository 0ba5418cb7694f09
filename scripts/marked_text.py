"""Figures that a script writes into a text of others, between two lines that mark the place."""

from pathlib import Path

from kws_live.errors import KwsLiveError
from kws_live.system.saving import write_file


def put_between(path: Path, text: str, begin: str, end: str, otherwise: str | None = None) -> None:
    """Replace what lies between the marks.

    Parameters
    ----------
    path : of the file; it may be missing
    text : what is put there
    begin, end : the marks, each a line
    otherwise : without marks the text, with marks, is appended after this; None: an error

    Raises
    ------
    KwsLiveError
        If it has no such marks, and ``otherwise`` is None.
    """
    old = path.read_text(encoding="utf-8") if path.exists() else ""
    new = f"{begin}\n\n{text.strip()}\n\n{end}"
    if begin in old and end in old:
        before, rest = old.split(begin, 1)
        whole = before + new + rest.split(end, 1)[1]
    elif otherwise is None:
        raise KwsLiveError(f"{path} has no lines {begin!r} and {end!r} to write between")
    else:
        whole = old.rstrip("\n") + "\n" + otherwise + new + "\n"
    write_file(path, whole)
