"""Tables on standard output."""

import sys
from collections.abc import Iterable

from kws_live.evaluation.report import Table


def print_tables(tables: Iterable[Table]) -> None:
    """Print tables one after the other."""
    try:
        from rich.console import Console
    except ImportError:  # it only makes them prettier
        print("\n".join(table.markdown() for table in tables))
        return
    # Piped into a file a table is as wide as it needs to be; on a terminal it wraps.
    console = Console(highlight=False, width=None if sys.stdout.isatty() else 160)
    for table in tables:
        console.print(table.rich())
