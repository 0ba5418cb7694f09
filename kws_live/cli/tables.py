"""Tables on standard output."""

import sys
from collections.abc import Iterable

from kws_live.evaluation.report import Table


def print_tables(tables: Iterable[Table]) -> None:
    """Print tables, one after another."""
    try:
        from rich.console import Console
    except ImportError:  # optional: plain Markdown will do
        print("\n".join(table.markdown() for table in tables))
        return
    # In a pipe a table is as wide as its content; on a terminal it wraps.
    console = Console(highlight=False, width=None if sys.stdout.isatty() else 160)
    for table in tables:
        console.print(table.rich())
