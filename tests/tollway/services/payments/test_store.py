"""The tables of payments, on both databases."""

from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest

from tests.kit.clock import FakeClock
from tests.kit.databases import Kind, database, service_migrations
from tests.kit.plans import plans
from tests.kit.schema import drift
from tollway.fabric.db import Database
from tollway.services.payments.model import FROM, Deposit, DepositState
from tollway.services.payments.store import deposits as deposit_store
from tollway.services.payments.store import tables
from tollway.services.payments.store import webhooks as webhook_store

FRESH = Deposit(
    id="dep_1",
    user_id="usr_1",
    request_key="key",
    currency="USD",
    amount=5_000_000,
    method="pm_card_visa",
    checkout=False,
    state=DepositState.CREATED,
    reason="",
    decline_code="",
    provider="stripe",
    customer_ref="",
    payment_ref="",
    checkout_ref="",
    action_url="",
    transaction_id="",
    check_at_us=10,
    created_at_us=1,
    updated_at_us=1,
)


@pytest.fixture
async def db(kind: Kind, tmp_path: Path, clock: FakeClock) -> AsyncIterator[Database]:
    async with database(kind, tmp_path, clock, service_migrations("payments")) as opened:
        yield opened


async def test_the_migrations_make_the_tables_that_the_store_describes(db: Database) -> None:
    assert await drift(db, tables.metadata) == []


async def test_a_request_key_names_one_deposit_of_a_user(db: Database) -> None:
    async with db.transaction() as tx:
        assert await deposit_store.add_deposit(tx, FRESH)
        assert not await deposit_store.add_deposit(tx, replace(FRESH, id="dep_2"))
        assert await deposit_store.add_deposit(tx, replace(FRESH, id="dep_3", user_id="usr_2"))
        assert await deposit_store.find_by_request(tx, "usr_1", "key") == FRESH


async def test_a_deposit_moves_only_as_the_model_says(db: Database) -> None:
    for start in DepositState:
        for to in (state for state in DepositState if state != DepositState.CREATED):
            ref = f"dep_{start}_{to}"
            async with db.transaction() as tx:
                seen = replace(FRESH, id=ref, request_key=ref, state=start)
                await deposit_store.add_deposit(tx, seen)
                if start not in FROM[to]:
                    with pytest.raises(AssertionError, match=f"that is {start} cannot become {to}"):
                        await deposit_store.move_deposit(tx, seen, to)
                    continue
                assert await deposit_store.move_deposit(tx, seen, to, payment_ref=f"pi_{ref}")
                found = await deposit_store.find_deposit(tx, ref)
                assert found is not None
                assert found.state == to
                assert not await deposit_store.move_deposit(tx, seen, to), "it is not as it was seen"


async def test_only_open_deposits_are_ever_due(db: Database, clock: FakeClock) -> None:
    async with db.transaction() as tx:
        for state in DepositState:
            await deposit_store.add_deposit(
                tx, replace(FRESH, id=f"dep_{state}", request_key=state, state=state)
            )
        later = replace(FRESH, id="dep_later", request_key="later", check_at_us=clock.at_us + 1)
        await deposit_store.add_deposit(tx, later)
        due = await deposit_store.due_deposits(tx, "", 10)
        rest = await deposit_store.due_deposits(tx, due[0], 10)
    assert sorted(due) == due == ["dep_created", "dep_processing", "dep_succeeded"]
    assert rest == due[1:]


async def test_a_webhook_is_stored_once(db: Database) -> None:
    async with db.transaction() as tx:
        assert await webhook_store.add_event(tx, "stripe", "evt_1", "kind", "{}")
        assert not await webhook_store.add_event(tx, "stripe", "evt_1", "kind", "{}")
        assert await webhook_store.add_event(tx, "other", "evt_1", "kind", "{}")


async def test_deposits_in_a_state_are_found_without_reading_every_deposit(
    tmp_path: Path, clock: FakeClock
) -> None:
    """By the engine's plans: what was credited long ago is never walked over."""
    async with database("sqlite", tmp_path, clock, service_migrations("payments")) as db, db.snapshot() as tx:
        async with plans(tx) as found:
            await deposit_store.count_in_review(tx)
            await deposit_store.due_deposits(tx, "", 10)
            await deposit_store.next_due_us(tx)
            for state in DepositState:
                for newest_first in (True, False):
                    await deposit_store.list_deposits(
                        tx, "", "dep_1", 10, state=state, newest_first=newest_first
                    )
        for statement, steps in found:
            assert any("ix_deposit_" in step for step in steps), (statement, steps)
