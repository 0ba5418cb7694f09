"""Slides in the terminal, controlled by voice: right and left, up for the first, down for the last, stop to end.

python scripts/examples/slides.py talk.md       slides are separated by lines of ---
To control the slides of another program instead: kws-live listen --bindings scripts/examples/slides.toml
"""

import sys
from pathlib import Path

import kws_live


class Slides:
    """The slides of a talk and the current slide."""

    def __init__(self, text: str) -> None:
        self.pages = [page.strip() for page in text.split("\n---\n")]
        self.number = 0

    def turn(self, word: str) -> None:
        last = len(self.pages) - 1
        wanted = {"right": self.number + 1, "left": self.number - 1, "up": 0, "down": last}[word]
        self.number = min(max(wanted, 0), last)

    def show(self) -> None:
        print(f"\033[2J\033[H{self.pages[self.number]}\n\n{self.number + 1} of {len(self.pages)}", flush=True)


def main(path: str) -> None:
    slides = Slides(Path(path).read_text(encoding="utf-8"))
    slides.show()
    with kws_live.listen() as spotter, spotter.only("left", "right", "up", "down", "stop"):
        while (detection := spotter.wait_for()) is not None and detection.keyword != "stop":
            slides.turn(detection.keyword)
            slides.show()


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit("usage: slides.py TALK.md")
    main(sys.argv[1])
