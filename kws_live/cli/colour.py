"""Colour, if the output is a terminal that supports it and NO_COLOR is not set."""

import os
import sys
from typing import TYPE_CHECKING, Final, TextIO

if TYPE_CHECKING:
    from kws_live.events import Detection

CODES: Final = {"word": "1;32", "error": "1;31"}


def coloured(text: str, kind: str, stream: TextIO) -> str:
    """Return text coloured as a word or an error, or unchanged if colour is off.

    References
    ----------
    https://no-color.org
    """
    return f"\x1b[{CODES[kind]}m{text}\x1b[0m" if _has_colour(stream) else text


def _has_colour(stream: TextIO) -> bool:
    if os.environ.get("NO_COLOR") or os.environ.get("TERM") == "dumb" or not stream.isatty():
        return False
    # The old Windows console would print the codes.
    return sys.platform != "win32" or "WT_SESSION" in os.environ or "TERM" in os.environ


def detection_line(detection: "Detection") -> str:
    """Return a detection as readable text: time, word, score."""
    word = coloured(f"{detection.keyword:<6}", "word", sys.stdout)
    return f"{detection.seconds:7.2f} s  {word} {detection.score:.2f}"
