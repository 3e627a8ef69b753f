"""Tables as files: CSV for spreadsheets, JSON for programs, Parquet for analysis.

A route takes `format: FormatQuery` and returns `send_table(name, format, columns, rows)`; it is declared with
`kind="stream"` and `responses=FILES`. Rows are read while they are sent: a table of any length takes the same memory.
"""

import csv
import importlib
import io
from collections.abc import AsyncIterable, AsyncIterator, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Literal

import orjson
from fastapi import Query
from fastapi.responses import StreamingResponse

from tollway.kit.spreadsheets import harmless
from tollway.kit.times import to_rfc3339

Format = Literal["csv", "json", "parquet"]
FormatQuery = Annotated[Format, Query(description="The format of the file")]
Type = Literal["text", "integer", "time"]
Cell = str | int
Row = Sequence[Cell]

MEDIA_TYPES: dict[Format, str] = {
    "csv": "text/csv; charset=utf-8",
    "json": "application/json",
    "parquet": "application/vnd.apache.parquet",
}
# For the API description: an answer in one of these media types.
FILES: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "The file",
        "content": {
            "text/csv": {"schema": {"type": "string"}},
            "application/json": {"schema": {"type": "array", "items": {"type": "object"}}},
            "application/vnd.apache.parquet": {"schema": {"type": "string", "format": "binary"}},
        },
    }
}
# Rows of one piece of the answer; of Parquet one row group.
PIECE_ROWS = 1_000
GROUP_ROWS = 50_000


@dataclass(frozen=True, slots=True)
class Column:
    """A column. The cells of a `time` are microseconds since the epoch, written as RFC 3339 or a Parquet timestamp."""

    name: str
    type: Type = "text"


def send_table(
    name: str, kind: Format, columns: Sequence[Column], rows: AsyncIterable[Row]
) -> StreamingResponse:
    """Answer with a table as the file `name.kind`.

    Integers are digits in CSV, strings in JSON as everywhere in the API, 64-bit integers in Parquet. Text that a
    spreadsheet would take for a formula gets an apostrophe in CSV.
    """
    write = {"csv": _csv, "json": _json, "parquet": _parquet}[kind]
    headers = {
        "Content-Disposition": f'attachment; filename="{name}.{kind}"',
        "Cache-Control": "no-store",
    }
    return StreamingResponse(write(columns, rows), headers=headers, media_type=MEDIA_TYPES[kind])


async def _csv(columns: Sequence[Column], rows: AsyncIterable[Row]) -> AsyncIterator[bytes]:
    piece = io.StringIO()
    writer = csv.writer(piece)  # RFC 4180: CRLF, quotes where needed
    writer.writerow([column.name for column in columns])
    async for some in _in_groups(rows, PIECE_ROWS):
        writer.writerows(
            [_text_cell(column, cell) for column, cell in zip(columns, row, strict=True)] for row in some
        )
        yield piece.getvalue().encode()
        piece.seek(0)
        piece.truncate()
    if piece.tell():
        yield piece.getvalue().encode()


def _text_cell(column: Column, cell: Cell) -> str:
    if column.type == "text":
        return harmless(str(cell))
    return _plain(column, cell)


def _plain(column: Column, cell: Cell) -> str:
    return to_rfc3339(int(cell)) if column.type == "time" else str(cell)


async def _json(columns: Sequence[Column], rows: AsyncIterable[Row]) -> AsyncIterator[bytes]:
    before = b"[\n"
    async for some in _in_groups(rows, PIECE_ROWS):
        objects = (
            orjson.dumps(
                {column.name: _plain(column, cell) for column, cell in zip(columns, row, strict=True)}
            )
            for row in some
        )
        yield before + b",\n".join(objects)
        before = b",\n"
    yield (b"[]\n" if before == b"[\n" else b"\n]\n")


async def _parquet(columns: Sequence[Column], rows: AsyncIterable[Row]) -> AsyncIterator[bytes]:
    # Loaded by the first file of this format: it is large, and most platforms never need it.
    arrow: Any = importlib.import_module("pyarrow")
    parquet: Any = importlib.import_module("pyarrow.parquet")
    types = {"text": arrow.string(), "integer": arrow.int64(), "time": arrow.timestamp("us", tz="UTC")}
    schema = arrow.schema([(column.name, types[column.type]) for column in columns])
    file = io.BytesIO()
    # The buffer forgets what was sent; offsets in the footer are those of the whole file.
    sink = arrow.PythonFile(_Forwarding(file), mode="w")
    with parquet.ParquetWriter(sink, schema, compression="zstd") as writer:
        async for some in _in_groups(rows, GROUP_ROWS):
            arrays = [
                arrow.array(cells, type=types[column.type])
                for column, cells in zip(columns, zip(*some, strict=True), strict=True)
            ]
            writer.write_table(arrow.Table.from_arrays(arrays, schema=schema))
            yield _take(file)
    yield _take(file)


class _Forwarding(io.RawIOBase):
    """A file that is only written, whose position goes on when the buffer behind it is emptied."""

    def __init__(self, buffer: io.BytesIO) -> None:
        self._buffer, self._position = buffer, 0

    def writable(self) -> bool:
        return True

    def write(self, data: Any) -> int:
        written = self._buffer.write(data)
        self._position += written
        return written

    def tell(self) -> int:
        return self._position


def _take(buffer: io.BytesIO) -> bytes:
    taken = buffer.getvalue()
    buffer.seek(0)
    buffer.truncate()
    return taken


async def _in_groups(rows: AsyncIterable[Row], size: int) -> AsyncIterator[list[Row]]:
    group: list[Row] = []
    async for row in rows:
        group.append(row)
        if len(group) == size:
            yield group
            group = []
    if group:
        yield group
