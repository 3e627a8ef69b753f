"""What SQLite would do for a statement: whether a question reads a whole table."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from sqlalchemy import event

from tollway.fabric.db import Tx


@asynccontextmanager
async def plans(tx: Tx) -> AsyncIterator[list[tuple[str, list[str]]]]:
    """Note what is asked within the block; afterwards the list holds each statement with the steps of its plan."""
    asked: list[tuple[str, Any]] = []
    found: list[tuple[str, list[str]]] = []

    def note(_conn: object, _cursor: object, statement: str, parameters: Any, *_: object) -> None:
        asked.append((statement, parameters))

    event.listen(tx.conn.sync_connection, "before_cursor_execute", note)
    try:
        yield found
    finally:
        event.remove(tx.conn.sync_connection, "before_cursor_execute", note)
    for statement, parameters in asked:
        plan = await tx.conn.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", parameters)
        found.append((statement, [tuple(row)[3] for row in plan]))
