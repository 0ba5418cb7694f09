"""The terminal view or the panel of a running spotter."""

import argparse
import html
import os
import sys
import tempfile
import webbrowser
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Any, Final

from kws_live.errors import ConfigError
from kws_live.spotter import Spotter

TOKEN_VARIABLE: Final = "KWS_LIVE_TOKEN"
MISSING: Final = 'this needs more packages: pip install "kws-live[panel]"'


@contextmanager
def watched(arguments: argparse.Namespace, spotter: Spotter) -> Iterator[None]:
    """Show the terminal view or the panel of a running spotter, if requested.

    The panel stays open until the spotter is stopped: at the end of a recording, another source can be chosen there.
    """
    if arguments.live:
        try:
            from kws_live.cli.live_view import live_view
        except ImportError as error:
            raise ConfigError(MISSING) from error
        with live_view(spotter):
            yield
    elif arguments.panel:
        spotter.stay()
        try:
            from kws_live.panel.server import Panel
        except ImportError as error:
            raise ConfigError(MISSING) from error
        places = {"host": arguments.host, "port": arguments.port, "folder": arguments.folder}
        given = {name: value for name, value in places.items() if value is not None}
        browser: Any = nullcontext if arguments.no_browser else browser_at
        token, ask_token = token_from(arguments), not arguments.no_token
        with Panel(spotter, **given, token=token, ask_token=ask_token) as panel, browser(panel.url):
            print(f"panel: {panel.url}", file=sys.stderr, flush=True)
            yield
    else:
        yield


def token_from(arguments: argparse.Namespace) -> str | None:
    """Return the page's token from the options or the environment; None: generate one.

    Raises
    ------
    ConfigError
        If the file cannot be read, or the token is empty.
    """
    path = arguments.token_file
    token: str | None
    if path is not None:
        try:
            token = Path(path).read_text(encoding="utf-8").partition("\n")[0].strip()
        except OSError as error:
            raise ConfigError(f"cannot read the token from {path}: {error.strerror}") from error
        except ValueError as error:
            raise ConfigError(f"cannot read the token from {path}: it is not UTF-8 text") from error
    else:
        token = os.environ.get(TOKEN_VARIABLE) or None if arguments.token is None else arguments.token
    if token == "":
        raise ConfigError("the token is empty; to allow this machine's users without a token, give --no-token")
    return token


@contextmanager
def browser_at(url: str) -> Iterator[None]:
    """Open the page if there is a desktop; without one, a text browser would take over the terminal.

    Other users can see the browser's arguments in the process list, so an address with a token is passed in a file that
    only this user can read; it is deleted at the end of the ``with`` block.
    """
    if sys.platform == "linux" and not (os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")):
        yield
        return
    if "?" not in url:
        webbrowser.open(url)
        yield
        return
    with _private_folder() as folder:
        page = folder / "kws-live.html"
        page.write_text(f'<meta http-equiv="refresh" content="0; url={html.escape(url)}">\n', encoding="utf-8")
        webbrowser.open(page.as_uri())
        yield


@contextmanager
def _private_folder() -> Iterator[Path]:
    """Create a private folder, in the home folder because a sandboxed browser has its own /tmp."""
    try:
        folder = tempfile.TemporaryDirectory(prefix="kws-live-", dir=Path.home())
    except (OSError, RuntimeError):
        folder = tempfile.TemporaryDirectory(prefix="kws-live-")
    with folder as name:
        yield Path(name)
