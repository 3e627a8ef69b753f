"""The service's own work, as its worker does it."""

import asyncio

import pytest

from tests.kit.databases import Kind
from tests.kit.payments import RunningPayments
from tollway.fabric.jobs import Worker
from tollway.fabric.jobs.sql import SqlJobQueue
from tollway.services.payments.jobs import JOBS, TIMED
from tollway.services.payments.model import DepositState
from tollway.services.payments.store import tables


@pytest.fixture
def kind() -> Kind:
    """What is tested here does not depend on the database: one kind is enough."""
    return "sqlite"


async def test_the_worker_acts_on_webhooks_and_reconciliation_on_what_is_left(
    payments: RunningPayments,
) -> None:
    delivered = await payments.service.deposits.start("usr_ann", "a", "USD", 5_000_000, "pm_card_visa")
    await payments.drain()
    await payments.plan_fault("webhook_drop", times=100)
    undelivered = await payments.service.deposits.start("usr_ann", "b", "USD", 5_000_000, "pm_card_visa")
    payments.clock.advance(31)
    worker = Worker(payments.service, SqlJobQueue(payments.db), JOBS, TIMED)
    await worker.start()
    async with asyncio.timeout(20):
        while (await payments.load(undelivered.id)).state != DepositState.CREDITED:
            await asyncio.sleep(0.01)
    await worker.stop()
    assert (await payments.load(delivered.id)).state == DepositState.CREDITED
    assert payments.balance("usr_ann") == 10_000_000


async def test_webhooks_that_were_acted_on_are_forgotten_after_a_while(payments: RunningPayments) -> None:
    done = await payments.service.deposits.start("usr_ann", "a", "USD", 5_000_000, "pm_card_visa")
    await payments.drain()
    await payments.service.deposits.start("usr_ann", "b", "USD", 5_000_000, "pm_card_visa")
    await payments.mock.deliver()  # taken in, and not acted on yet

    async def events() -> set[str]:
        async with payments.db.snapshot() as tx:
            return {row.outcome for row in await tx.all(tables.webhook_event.select())}

    assert await events() == {"done", ""}
    payments.clock.advance(89 * 86_400)
    await TIMED["delete_old_webhooks"].run(payments.service)
    assert await events() == {"done", ""}
    payments.clock.advance(2 * 86_400)
    await TIMED["delete_old_webhooks"].run(payments.service)
    assert await events() == {""}
    assert (await payments.load(done.id)).state == DepositState.CREDITED
