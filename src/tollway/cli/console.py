"""How the commands talk: tables and colours in a terminal, plain text in a pipe, one clear line for an error."""

import ctypes
import os
import signal
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NoReturn

from tollway.settings import InvalidSettings, Loaded, load
from tollway.supervisor.supervise import PARENT

_PR_SET_PDEATHSIG = 1


def fail(message: str, code: int = 1) -> NoReturn:
    """Say in one line what is wrong and what to do, and exit."""
    print(f"tollway: {message}", file=sys.stderr)
    raise SystemExit(code)


def say(message: str = "") -> None:
    """Print one line at once, also into a pipe."""
    print(message, flush=True)


def end_with_parent() -> None:
    """End when the process ends that started this one, if that is what it wants: nothing is left behind."""
    parent = os.environ.get(PARENT)  # noqa: TID251  not a setting: a word between parent and child
    if parent is None:
        return
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
    if os.getppid() != int(parent):  # it ended before this was asked for
        raise SystemExit(0)


def read_settings(data: Path, config: Path | None, environment: Mapping[str, str] | None = None) -> Loaded:
    """Load the settings, or end with the line that says what is wrong with them.

    `environment` is what a process gets besides the environment of this one.
    """
    try:
        return load({"data": str(data)}, {**os.environ, **(environment or {})}, config)  # noqa: TID251  the one reader
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
