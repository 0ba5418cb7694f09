"""Tables on standard output."""

import sys
from collections.abc import Iterable

from kws_live.errors import ConfigError
from kws_live.evaluation.report import Table


def print_tables(tables: Iterable[Table]) -> None:
    """Print tables one after the other."""
    try:
        from rich.console import Console
    except ImportError as error:
        raise ConfigError('tables need rich: pip install "kws-live[evaluate]"') from error
    # Piped into a file a table is as wide as it needs to be; on a terminal it wraps.
    console = Console(highlight=False, width=None if sys.stdout.isatty() else 160)
    for table in tables:
        console.print(table.rich())
