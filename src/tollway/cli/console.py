"""How the commands talk: tables and colours in a terminal, plain text in a pipe, one clear line for an error."""

import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NoReturn

from tollway.settings import InvalidSettings, Loaded, load


def fail(message: str, code: int = 1) -> NoReturn:
    """Say in one line what is wrong and what to do, and exit."""
    print(f"tollway: {message}", file=sys.stderr)
    raise SystemExit(code)


def say(message: str = "") -> None:
    """Print one line at once, also into a pipe."""
    print(message, flush=True)


def read_settings(data: Path, config: Path | None, overrides: dict[str, Any] | None = None) -> Loaded:
    """Load the settings, or end with the line that says what is wrong with them."""
    try:
        return load({**(overrides or {}), "data": str(data)}, os.environ, config)  # noqa: TID251  the one reader
    except InvalidSettings as error:
        fail(str(error), 2)


def table(title: str, headings: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Print a table: drawn in a terminal, tab-separated in a pipe."""
    if not sys.stdout.isatty():
        for row in rows:
            say("\t".join(row))
        return
    from rich.console import Console
    from rich.table import Table

    drawn = Table(title=title, title_justify="left", header_style="bold", box=None, pad_edge=False)
    for heading in headings:
        drawn.add_column(heading, overflow="fold")
    for row in rows:
        drawn.add_row(*row)
    Console().print(drawn)
