"""What the ledger does when others publish something."""

import pytest

from tests.kit.books import Books
from tollway.contracts.errors import UnknownAsset
from tollway.contracts.events import UserRegistered
from tollway.fabric.events import bind
from tollway.fabric.jobs import Worker
from tollway.fabric.jobs.sql import SqlJobQueue
from tollway.services.ledger import subscribers
from tollway.services.ledger.jobs import JOBS, open_accounts
from tollway.services.ledger.manifest import MANIFEST

SUBSCRIBERS = bind(subscribers, MANIFEST.subscribes)


async def test_who_registers_gets_accounts_once(context: Books) -> None:
    event = UserRegistered(user_id="usr_ann", email="ann@example.com")
    worker = Worker(context.ledger, SqlJobQueue(context.db), JOBS)
    for _ in range(2):
        async with context.db.transaction() as tx:
            await SUBSCRIBERS[UserRegistered](context.ledger, tx, event)
        await worker.run_due()
    opened = await context.ledger.accounts("user", "usr_ann")
    assert [one.ref.asset for one in opened] == ["EUR", "USD"]
    assert all(one.opened_by for one in opened)
    await open_accounts(context.ledger, {"user_id": "usr_ann"})
    assert await context.ledger.accounts("user", "usr_ann") == opened


async def test_before_the_currencies_are_defined_the_job_is_tried_again_later(context: Books) -> None:
    context.ledger.currencies = ("USD", "JPY")
    with pytest.raises(UnknownAsset):
        await open_accounts(context.ledger, {"user_id": "usr_ann"})
    assert await context.ledger.accounts("user", "usr_ann") == []
