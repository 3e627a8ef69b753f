"""One JSON line for everything of a kind that ends (a request, a flow), written many at a time.

The general log renders each line at once, for about 45 µs. Where thousands of things end in a second, only a tuple
is kept when one does; the lines are made and written a few times a second, for about 7 µs each. They have the
shape of the other log lines. A process that is killed loses the lines of its last moment; what must not be
lost is kept elsewhere (the meter file, the ledger).
"""

import os
import sys
from collections.abc import Callable, Mapping
from io import RawIOBase
from pathlib import Path
from typing import Generic, TextIO, TypeVar

import orjson

from tollway.kit.times import SECOND_US, to_rfc3339

Record = TypeVar("Record")


class BatchedJsonLog(Generic[Record]):
    """Collects records and writes a line for each to `stderr`, to a file, or nowhere (`off`)."""

    def __init__(
        self, target: str, *, logger: str, event: str, fields: Callable[[Record], Mapping[str, object]]
    ) -> None:
        self._target = target
        self._head = {"level": "info", "logger": logger, "event": event}
        self._fields = fields
        self._kept: list[tuple[int, Record]] = []
        self._file: RawIOBase | None = None
        self._lost = 0
        self._second = -1
        self._second_text = ""
        self.enabled = target != "off"

    def open(self) -> None:
        """Open the file. Raises OSError when that is not possible."""
        if self.enabled and self._target != "stderr":
            self._file = Path(self._target).open("ab", buffering=0)  # noqa: SIM115  closed by close()

    def add(self, at_us: int, record: Record) -> None:
        """Keep a record until the next `flush`."""
        self._kept.append((at_us, record))

    def flush(self) -> None:
        """Write what was kept. Lines that a full disk refuses are counted, and the next one written says so."""
        if not self._kept:
            return
        kept, self._kept = self._kept, []
        lines = [self._line(at_us, record) for at_us, record in kept]
        if self._lost:
            lines.insert(0, orjson.dumps({**self._head, "event": f"{self._lost} lines were lost"}) + b"\n")
        try:
            _write(self._file or sys.stderr, b"".join(lines))
        except OSError:
            self._lost += len(kept)
        else:
            self._lost = 0

    def close(self) -> None:
        """Write the rest and close."""
        self.flush()
        if self._file is not None:
            self._file.close()
            self._file = None

    def _line(self, at_us: int, record: Record) -> bytes:
        """Render one record. Whatever a client sent is escaped, so nobody can forge a line."""
        second, fraction_us = divmod(at_us, SECOND_US)
        if second != self._second:  # many records share one, and rendering it costs as much as the rest
            self._second, self._second_text = second, to_rfc3339(second * SECOND_US)[:19]
        line = {
            "timestamp": f"{self._second_text}.{fraction_us:06d}Z",
            **self._head,
            **self._fields(record),
        }
        return orjson.dumps(line, option=orjson.OPT_APPEND_NEWLINE)


def _write(file: RawIOBase | TextIO, data: bytes) -> None:
    # Past Python's buffers, which would keep what a full disk refused and stand in the way of what comes next.
    rest = memoryview(data)
    while rest:
        rest = rest[os.write(file.fileno(), rest) :]
