"""The terminal view or the panel of a running spotter."""

import argparse
import html
import os
import sys
import tempfile
import webbrowser
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Final

from kws_live.errors import ConfigError
from kws_live.spotter import Spotter

if TYPE_CHECKING:
    from kws_live.panel.server import Panel

TOKEN_VARIABLE: Final = "KWS_LIVE_TOKEN"
MISSING: Final = 'this needs more packages: pip install "kws-live[panel]"'


View = Callable[[Spotter], AbstractContextManager[None]]
"""Shows a running spotter during the ``with`` block."""


@contextmanager
def chosen_view(arguments: argparse.Namespace) -> Iterator[View]:
    """Yield the terminal view, the panel, or nothing, as the options say.

    Raises
    ------
    ConfigError
        If it cannot be shown here; known before a microphone is opened.
    """
    if arguments.live:
        try:
            from kws_live.cli.live_view import live_view, terminal
        except ImportError as error:
            raise ConfigError(MISSING) from error
        yield partial(live_view, console=terminal())
    elif arguments.panel:
        try:
            from kws_live.panel.place import Place
            from kws_live.panel.server import Panel
        except ImportError as error:
            raise ConfigError(MISSING) from error
        options = {"host": arguments.host, "port": arguments.port, "folder": arguments.folder}
        given = {name: value for name, value in options.items() if value is not None}
        with Place(**given, token=token_from(arguments), ask_token=not arguments.no_token) as place:
            yield lambda spotter: _served(Panel(spotter, place), not arguments.no_browser)
    else:
        yield lambda _: nullcontext()


@contextmanager
def _served(panel: "Panel", opens_browser: bool) -> Iterator[None]:
    """Serve a panel; it stays open until the spotter is stopped, so that it can choose another source at the end."""
    panel.spotter.stay()
    with panel, browser_at(panel.url) if opens_browser else nullcontext():
        print(f"panel: {panel.url}", file=sys.stderr, flush=True)
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
