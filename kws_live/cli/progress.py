"""A progress bar with the time left, on standard error, for commands that take long."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from kws_live.errors import ConfigError


@contextmanager
def progress(description: str, in_bytes: bool = False) -> Iterator[Callable[[int, int], None]]:
    """Show a bar while the block runs; the function it gives is called with what is done and the whole.

    Raises
    ------
    ConfigError
        If rich is not installed.
    """
    try:
        from rich import progress as bars
        from rich.console import Console
    except ImportError as error:
        raise ConfigError('training needs more packages: pip install "kws-live[train]"') from error
    columns = (
        bars.TextColumn("{task.description}"),
        bars.BarColumn(),
        bars.DownloadColumn() if in_bytes else bars.MofNCompleteColumn(),
        bars.TimeRemainingColumn(),
    )
    with bars.Progress(*columns, console=Console(stderr=True)) as display:
        task = display.add_task(description, total=None, visible=False)  # an error before the first step needs no bar
        yield lambda done, total: display.update(task, completed=done, total=total, visible=True)
