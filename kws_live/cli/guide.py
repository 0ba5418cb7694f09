"""Read the guide: one page per topic, in plain Markdown.

  kws-live guide                       list the topics
  kws-live guide first-steps           read one
  kws-live guide servers | less

In a terminal a page opens in the system's pager; otherwise it is printed. The same pages are in the browser, under
"Guide" on the page of kws-live tune.
"""

import argparse
import pydoc
import sys

from kws_live.guide import TOPICS, page, title


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "topic", nargs="?", choices=TOPICS, metavar="TOPIC", help="the page to read (default: list the topics)"
    )


def run(arguments: argparse.Namespace) -> int:
    if arguments.topic is None:
        width = max(map(len, TOPICS))
        print("\n".join(f"{topic:<{width}}  {title(topic)}" for topic in TOPICS))
    elif sys.stdout.isatty():
        pydoc.pager(page(arguments.topic))
    else:
        print(page(arguments.topic), end="")
    return 0
