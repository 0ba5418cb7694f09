"""Colour, where the output is a terminal that has it and its user wants it."""

import os
import sys
from typing import TYPE_CHECKING, Final, TextIO

if TYPE_CHECKING:
    from kws_live.events import Detection

CODES: Final = {"word": "1;32", "error": "1;31"}


def coloured(text: str, kind: str, stream: TextIO) -> str:
    """Text as the terminal shows a word or an error; as it is where there is no colour.

    References
    ----------
    https://no-color.org
    """
    return f"\x1b[{CODES[kind]}m{text}\x1b[0m" if _has_colour(stream) else text


def _has_colour(stream: TextIO) -> bool:
    if os.environ.get("NO_COLOR") or os.environ.get("TERM") == "dumb" or not stream.isatty():
        return False
    # The old console of Windows would print the codes.
    return sys.platform != "win32" or "WT_SESSION" in os.environ or "TERM" in os.environ


def detection_line(detection: "Detection") -> str:
    """A detection for people: when, which word, its score."""
    word = coloured(f"{detection.keyword:<6}", "word", sys.stdout)
    return f"{detection.seconds:7.2f} s  {word} {detection.score:.2f}"
