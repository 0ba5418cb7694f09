"""Generated figures inside a hand-written text, between two marker lines."""

from pathlib import Path

from kws_live.errors import KwsLiveError
from kws_live.system.saving import write_file


def put_between(path: Path, text: str, begin: str, end: str, otherwise: str | None = None) -> None:
    """Replace the text between two markers.

    Parameters
    ----------
    path : of the file; it may be missing
    text : the new text
    begin, end : the markers, each a line
    otherwise : if there are no markers, append this, then the text with markers; None: an error

    Raises
    ------
    KwsLiveError
        If it has no such markers, and ``otherwise`` is None.
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
