"""What a person watches beside a running spotter: the terminal view or the panel."""

import argparse
import os
import sys
import time
import webbrowser
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from kws_live.capture import POLL_SECONDS
from kws_live.errors import ConfigError
from kws_live.spotter import Spotter

MISSING: Final = 'this needs more packages: pip install "kws-live[panel]"'


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
