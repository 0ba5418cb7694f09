"""The guide: one Markdown page for each topic, read in a terminal or in the panel."""

import re
from importlib import resources
from typing import Final

TOPICS: Final = (
    "first-steps",
    "thresholds",
    "modes",
    "room",
    "teaching",
    "actions",
    "home-assistant",
    "servers",
    "training",
    "measuring",
    "trouble",
    "how-it-works",
    "working-on-it",
    "changes",
)
"""In reading order; each is a file in this folder."""

COMMENT: Final = re.compile(r"<!--.*?-->\n?", re.DOTALL)


def page(topic: str) -> str:
    """Return a topic's page as Markdown, without comments."""
    return COMMENT.sub("", (resources.files(__name__) / f"{topic}.md").read_text(encoding="utf-8"))


def title(topic: str) -> str:
    """Return a topic's heading."""
    return page(topic).partition("\n")[0].removeprefix("# ")
