"""Watch the spotter listen and tune it live, on a page in the browser; Ctrl-C stops.

  kws-live tune                              the default microphone
  kws-live tune --source demo:               without a microphone
  kws-live tune --host 0.0.0.0               from another machine too; the printed address holds a token
  kws-live tune --settings room.toml         the file is watched, the sliders follow it

Every option of `kws-live listen` works as well. The page needs no internet, and no sound leaves this machine.
Profiles and the seconds you mark, once you turn that on, go to --folder; nothing else is written.
"""

import argparse
import os
import sys
import time
import webbrowser
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from kws_live.capture import POLL_SECONDS
from kws_live.cli import listen
from kws_live.errors import ConfigError
from kws_live.spotter import Spotter

MISSING: Final = 'this needs more packages: pip install "kws-live[panel]"'


def add_arguments(parser: argparse.ArgumentParser) -> None:
    listen.add_arguments(parser)
    parser.set_defaults(panel=True)
    parser.add_argument("--port", type=int, metavar="N", help="of the page (default: 7878; 0: any free one)")
    parser.add_argument("--host", metavar="ADDRESS", help="to serve at (default: this machine alone)")
    parser.add_argument("--token", metavar="WORD", help="asked of every visitor; beyond this machine one is made up")
    parser.add_argument("--folder", metavar="DIR", help="for profiles and marked sound (default: kws-live-panel)")
    parser.add_argument("--no-browser", action="store_true", help="only print the address")


def run(arguments: argparse.Namespace) -> int:
    return listen.run(arguments)


@contextmanager
def watched(arguments: argparse.Namespace, spotter: Spotter) -> Iterator[None]:
    """The terminal view or the panel beside a running spotter, if it is asked for.

    When a recording has ended the panel goes on, to look back at it.
    """
    if arguments.live:
        try:
            from kws_live.cli.live_view import live_view
        except ImportError as error:
            raise ConfigError(MISSING) from error
        with live_view(spotter):
            yield
    elif arguments.panel:
        try:
            from kws_live.panel.server import Panel
        except ImportError as error:
            raise ConfigError(MISSING) from error
        names = ("host", "port", "token", "folder")
        given = {name: value for name in names if (value := getattr(arguments, name, None)) is not None}
        with Panel(spotter, **given) as panel:
            print(f"panel: {panel.url}", file=sys.stderr, flush=True)
            if not getattr(arguments, "no_browser", False):
                open_browser(panel.url)
            yield
            print("the sound has ended; the panel goes on. Ctrl-C stops.", file=sys.stderr, flush=True)
            while True:  # in slices: a wait without end cannot be interrupted on Windows
                time.sleep(POLL_SECONDS)
    else:
        yield


def open_browser(url: str) -> None:
    """Open the page where there is a desktop: without one a text browser would take the terminal over."""
    if sys.platform != "linux" or os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"):
        webbrowser.open(url)
