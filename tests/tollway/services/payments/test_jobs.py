"""The room's own work, as its worker does it."""

import asyncio

import pytest

from tests.kit.databases import Kind
from tests.kit.payments import Till
from tollway.fabric.jobs import Worker
from tollway.services.payments.jobs import JOBS, TIMED
from tollway.services.payments.model import State


@pytest.fixture
def kind() -> Kind:
    """What is tested here does not depend on the database: one kind is enough."""
    return "sqlite"


async def test_the_worker_acts_on_webhooks_and_the_janitor_on_what_is_left(shop: Till) -> None:
    heard = await shop.room.deposits.start("usr_ann", "a", "USD", 5_000_000, "pm_card_visa")
    await shop.settle()
    await shop.plan("webhook_drop", times=100)
    unheard = await shop.room.deposits.start("usr_ann", "b", "USD", 5_000_000, "pm_card_visa")
    shop.clock.advance(31)
    worker = Worker(shop.room, shop.db, JOBS, TIMED)
    await worker.start()
    async with asyncio.timeout(5):
        while (await shop.room.deposits.any_deposit(unheard.id)).state != State.CREDITED:
            await asyncio.sleep(0.01)
    await worker.stop()
    assert (await shop.room.deposits.any_deposit(heard.id)).state == State.CREDITED
    assert shop.balance("usr_ann") == 10_000_000
