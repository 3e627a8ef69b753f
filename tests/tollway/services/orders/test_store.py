"""The migrations make what the store describes, on both databases."""

from pathlib import Path

from tests.kit.clock import FakeClock
from tests.kit.databases import Kind, database, service_migrations
from tests.kit.plans import plans
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
        async with plans(tx) as found:
            await store.count_open(tx, 0)
            await store.revenue(tx, [0])
            await store.stuck_orders(tx, 0, "", 10)
            await store.oldest_move_us(tx)
            for state in OrderState:
                for newest_first in (True, False):
                    only = store.OrderFilter(state=state)
                    await store.list_orders(tx, only, "ord_1", 10, newest_first=newest_first)
        for statement, steps in found:
            assert any("ix_orders_" in step for step in steps), (statement, steps)
