"""The migrations make what the store describes, on both databases."""

from pathlib import Path
from typing import Any

from sqlalchemy import event

from tests.kit.clock import FakeClock
from tests.kit.databases import Kind, database, service_migrations
from tests.kit.schema import drift
from tollway.services.orders import store
from tollway.services.orders.model import OrderState
from tollway.services.orders.store import metadata


async def test_the_migrations_make_the_tables_of_the_store(
    kind: Kind, tmp_path: Path, clock: FakeClock
) -> None:
    async with database(kind, tmp_path, clock, service_migrations("orders")) as db:
        assert await drift(db, metadata) == []


async def test_orders_in_a_state_are_found_without_reading_every_order(
    tmp_path: Path, clock: FakeClock
) -> None:
    """By the engine's plans: what was settled long ago is never walked over."""
    async with database("sqlite", tmp_path, clock, service_migrations("orders")) as db, db.snapshot() as tx:
        asked: list[tuple[str, Any]] = []

        def note(_conn: object, _cursor: object, statement: str, parameters: Any, *_: object) -> None:
            asked.append((statement, parameters))

        event.listen(tx.conn.sync_connection, "before_cursor_execute", note)
        await store.count_open(tx, 0)
        await store.revenue(tx, [0])
        await store.stuck_orders(tx, 0, "", 10)
        await store.oldest_move_us(tx)
        for state in OrderState:
            for newest_first in (True, False):
                only = store.OrderFilter(state=state)
                await store.list_orders(tx, only, "ord_1", 10, newest_first=newest_first)
        event.remove(tx.conn.sync_connection, "before_cursor_execute", note)
        for statement, parameters in asked:
            plan = await tx.conn.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", parameters)
            steps = [tuple(row)[3] for row in plan]
            assert any("ix_orders_" in step for step in steps), (statement, steps)
