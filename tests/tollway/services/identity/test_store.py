"""The migrations make what the store describes, on both databases; accounts are found by index."""

from pathlib import Path

from tests.kit.clock import FakeClock
from tests.kit.databases import Kind, database, service_migrations
from tests.kit.plans import plans
from tests.kit.schema import drift
from tollway.services.identity import store
from tollway.services.identity.model import UserFilter, UserOrder
from tollway.services.identity.store.tables import metadata


async def test_the_migrations_make_the_tables_of_the_store(
    kind: Kind, tmp_path: Path, clock: FakeClock
) -> None:
    async with database(kind, tmp_path, clock, service_migrations("identity")) as db:
        assert await drift(db, metadata) == []


async def test_accounts_in_a_state_and_new_ones_are_found_without_reading_every_account(
    tmp_path: Path, clock: FakeClock
) -> None:
    async with database("sqlite", tmp_path, clock, service_migrations("identity")) as db, db.snapshot() as tx:
        async with plans(tx) as found:
            await store.users(tx, UserFilter(state="suspended"), UserOrder(), ["usr_1"], 10)
            await store.count_made(tx, clock.now_us())
        for statement, steps in found:
            assert any("SEARCH" in step and "ix_user_" in step for step in steps), (statement, steps)


async def test_accounts_are_counted_by_state_in_an_index(tmp_path: Path, clock: FakeClock) -> None:
    async with database("sqlite", tmp_path, clock, service_migrations("identity")) as db, db.snapshot() as tx:
        async with plans(tx) as found:
            await store.count_by_state(tx)
        ((statement, steps),) = found
        assert any("COVERING INDEX ix_user_by_state" in step for step in steps), (statement, steps)


async def test_every_order_of_the_accounts_has_an_index(tmp_path: Path, clock: FakeClock) -> None:
    async with database("sqlite", tmp_path, clock, service_migrations("identity")) as db, db.snapshot() as tx:
        async with plans(tx) as found:
            for by in ("created_at", "email", "state"):
                order = UserOrder(by)
                await store.users(tx, UserFilter(), order, ["usr_1"] * len(order.columns), 10)
            await store.users(tx, UserFilter(begins="ann"), UserOrder("email"), (), 10)
        for statement, steps in found:
            assert all("TEMP B-TREE" not in step for step in steps), (statement, steps)
            assert any("SEARCH" in step for step in steps), (statement, steps)
