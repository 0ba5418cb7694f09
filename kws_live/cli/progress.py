"""Progress bars on standard error, where that is a terminal."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from kws_live.errors import ConfigError


@contextmanager
def steps(what: str, total: float | None) -> Iterator[Callable[[float], None]]:
    """Show a bar while the ``with`` block runs; gives the function that advances it.

    Parameters
    ----------
    what : a word or two before the bar
    total : of all that is to be advanced; None if nobody knows
    """
    try:
        from rich.console import Console
        from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn
    except ImportError as error:
        raise ConfigError('progress bars and tables need rich: pip install "kws-live[evaluate]"') from error
    console = Console(stderr=True)
    columns = (TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, transient=True, disable=not sys.stderr.isatty()) as progress:
        task = progress.add_task(what, total=total)
        yield lambda amount: progress.advance(task, amount)
