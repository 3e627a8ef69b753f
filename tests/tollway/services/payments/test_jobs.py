"""The service's own work, as its worker does it."""

import asyncio

import pytest

from tests.kit.databases import Kind
from tests.kit.payments import Till
from tollway.fabric.jobs import Worker
from tollway.fabric.jobs.sql import SqlJobQueue
from tollway.services.payments import store
from tollway.services.payments.jobs import JOBS, TIMED
from tollway.services.payments.model import State


@pytest.fixture
def kind() -> Kind:
    """What is tested here does not depend on the database: one kind is enough."""
    return "sqlite"


async def test_the_worker_acts_on_webhooks_and_the_janitor_on_what_is_left(shop: Till) -> None:
    heard = await shop.service.deposits.start("usr_ann", "a", "USD", 5_000_000, "pm_card_visa")
    await shop.settle()
    await shop.plan("webhook_drop", times=100)
    unheard = await shop.service.deposits.start("usr_ann", "b", "USD", 5_000_000, "pm_card_visa")
    shop.clock.advance(31)
    worker = Worker(shop.service, SqlJobQueue(shop.db), JOBS, TIMED)
    await worker.start()
    async with asyncio.timeout(5):
        while (await shop.service.deposits.any_deposit(unheard.id)).state != State.CREDITED:
            await asyncio.sleep(0.01)
    await worker.stop()
    assert (await shop.service.deposits.any_deposit(heard.id)).state == State.CREDITED
    assert shop.balance("usr_ann") == 10_000_000


async def test_webhooks_that_were_acted_on_are_forgotten_after_a_while(shop: Till) -> None:
    done = await shop.service.deposits.start("usr_ann", "a", "USD", 5_000_000, "pm_card_visa")
    await shop.settle()
    await shop.service.deposits.start("usr_ann", "b", "USD", 5_000_000, "pm_card_visa")
    await shop.mock.deliver()  # taken in, and not acted on yet

    async def events() -> set[str]:
        async with shop.db.snapshot() as tx:
            return {row.outcome for row in await tx.all(store.webhook_event.select())}

    assert await events() == {"done", ""}
    shop.clock.advance(89 * 86_400)
    await TIMED["forget_old"].run(shop.service)
    assert await events() == {"done", ""}
    shop.clock.advance(2 * 86_400)
    await TIMED["forget_old"].run(shop.service)
    assert await events() == {""}
    assert (await shop.service.deposits.any_deposit(done.id)).state == State.CREDITED
