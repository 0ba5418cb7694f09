"""Progress bars with the time left, on standard error, where that is a terminal.

A signal interrupts what they show, so that the terminal gets its cursor back and half-written files go.
"""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from kws_live.cli.signals import signals
from kws_live.errors import ConfigError

if TYPE_CHECKING:
    from rich.progress import Progress


@contextmanager
def steps(what: str, total: float | None) -> Iterator[Callable[[float], None]]:
    """Show a bar while the ``with`` block runs; gives the function that advances it.

    Parameters
    ----------
    what : a word or two before the bar
    total : of all that is to be advanced; None if unknown
    """
    with signals.interrupting(), _display() as display:
        task = display.add_task(what, total=total)
        yield lambda amount: display.advance(task, amount)


@contextmanager
def progress(what: str, in_bytes: bool = False) -> Iterator[Callable[[int, int], None]]:
    """Show a bar while the ``with`` block runs; gives the function that sets what is done and the whole."""
    with signals.interrupting(), _display(in_bytes) as display:
        task = display.add_task(what, total=None, visible=False)  # an error before the first step needs no bar
        yield lambda done, total: display.update(task, completed=done, total=total, visible=True)


def _display(in_bytes: bool = False) -> "Progress":
    try:
        from rich import progress as bars
        from rich.console import Console
    except ImportError as error:
        raise ConfigError('progress bars and tables need rich: pip install "kws-live[train]"') from error
    return bars.Progress(
        bars.TextColumn("{task.description}"),
        bars.BarColumn(),
        bars.DownloadColumn() if in_bytes else bars.TaskProgressColumn(),
        bars.TimeRemainingColumn(),
        console=Console(stderr=True),
        transient=True,
        disable=not sys.stderr.isatty(),
    )
