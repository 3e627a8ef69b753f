"""Standard output and errors, whatever encoding the terminal or the pipe has."""

import sys
from io import TextIOWrapper


def substitute_missing_characters() -> None:
    """Write a substitute for each character that the encoding of standard output or errors lacks."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(errors="replace")
