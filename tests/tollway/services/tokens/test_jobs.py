"""The service looks after itself."""

from tests.kit.clock import FakeClock
from tollway.fabric.db import Database
from tollway.fabric.jobs import Worker
from tollway.fabric.jobs.sql import SqlJobQueue
from tollway.services.tokens import store
from tollway.services.tokens.jobs import TIMED
from tollway.services.tokens.service import Tokens


async def test_tending_makes_keys_and_replaces_them_after_a_month(
    service: Tokens, db: Database, clock: FakeClock
) -> None:
    await TIMED["maintain"].run(service)
    async with db.snapshot() as tx:
        first = await store.active_key(tx)
    clock.advance(30 * 86_400)
    await TIMED["maintain"].run(service)
    async with db.snapshot() as tx:
        second = await store.active_key(tx)
    assert first is not None
    assert second is not None
    assert first.kid != second.kid
    assert TIMED["maintain"].every_s <= 900, "often enough for keys to be known ahead"
    assert Worker(service, SqlJobQueue(db), {}, TIMED)
