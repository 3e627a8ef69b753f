"""Tables as files, read back by the programs that would."""

import csv
import io
import json
from collections.abc import AsyncIterator
from typing import Any

import pyarrow.parquet
import pytest

from tollway.fabric.rest import Column, send_table
from tollway.fabric.rest.export import GROUP_ROWS, PIECE_ROWS, Format, Row

COLUMNS = (Column("target"), Column("octets", "integer"), Column("at", "time"))
AT_US = 1_795_305_600_000_007
BIG = 2**63 - 1


async def rows_of(*rows: Row) -> AsyncIterator[Row]:
    for row in rows:
        yield row


async def file_of(kind: Format, *rows: Row) -> bytes:
    answer = send_table("usage", kind, COLUMNS, rows_of(*rows))
    assert answer.headers["content-disposition"] == f'attachment; filename="usage.{kind}"'
    return b"".join([piece async for piece in answer.body_iterator])  # pyright: ignore[reportArgumentType]


def read_csv(data: bytes) -> list[list[str]]:
    return list(csv.reader(io.StringIO(data.decode(), newline="")))


def read_parquet(data: bytes) -> list[dict[str, Any]]:
    return pyarrow.parquet.read_table(io.BytesIO(data)).to_pylist()


async def test_a_spreadsheet_reads_text_numbers_and_times() -> None:
    data = await file_of("csv", ('a, "b"\nc', BIG, AT_US))
    assert data.startswith(b"target,octets,at\r\n")
    assert read_csv(data)[1:] == [['a, "b"\nc', str(BIG), "2026-11-22T00:00:00.000007Z"]]


@pytest.mark.parametrize("text", ["=1+1", "+1", "-1", "@SUM(A1)", "\tx", "\rx", "=cmd|' /C calc'!A0"])
async def test_no_text_is_a_formula_to_a_spreadsheet(text: str) -> None:
    assert read_csv(await file_of("csv", (text, -1, AT_US)))[1][:2] == [f"'{text}", "-1"]


async def test_a_program_reads_json_without_losing_digits() -> None:
    data = await file_of("json", ("=1+1", BIG, AT_US), ("ü", 0, AT_US))
    assert json.loads(data) == [
        {"target": "=1+1", "octets": str(BIG), "at": "2026-11-22T00:00:00.000007Z"},
        {"target": "ü", "octets": "0", "at": "2026-11-22T00:00:00.000007Z"},
    ]


async def test_parquet_keeps_the_types() -> None:
    [row] = read_parquet(await file_of("parquet", ("ü", BIG, AT_US)))
    assert (row["target"], row["octets"]) == ("ü", BIG)
    assert row["at"].isoformat() == "2026-11-22T00:00:00.000007+00:00"


async def test_an_empty_table_is_a_whole_file() -> None:
    assert read_csv(await file_of("csv")) == [["target", "octets", "at"]]
    assert json.loads(await file_of("json")) == []
    assert read_parquet(await file_of("parquet")) == []


@pytest.mark.parametrize("size", [PIECE_ROWS - 1, PIECE_ROWS, PIECE_ROWS + 1, GROUP_ROWS, GROUP_ROWS + 1])
async def test_a_table_of_several_pieces_is_whole_and_in_order(size: int) -> None:
    rows = [("x", n, AT_US + n) for n in range(size)]
    assert [int(row[1]) for row in read_csv(await file_of("csv", *rows))[1:]] == list(range(size))
    assert [int(row["octets"]) for row in json.loads(await file_of("json", *rows))] == list(range(size))
    assert [row["octets"] for row in read_parquet(await file_of("parquet", *rows))] == list(range(size))
