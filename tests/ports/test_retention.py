"""Forgetting: what is old and used up goes, in batches; what a reader still needs stays, within a bound."""

from typing import Any

import pytest
from sqlalchemy import func, select

from tests.kit.clock import FakeClock
from tollway.contracts.events import UserRegistered
from tollway.fabric import retention
from tollway.fabric.db import Database, tables
from tollway.fabric.events import sql as outbox_module
from tollway.fabric.events.sql import SqlOutbox
from tollway.fabric.jobs import Worker
from tollway.fabric.jobs.sql import SqlJobQueue
from tollway.fabric.retention import RetentionPolicy, prune_plumbing

DAY_S = 86_400
POLICY = RetentionPolicy(events_s=7 * DAY_S, unread_s=30 * DAY_S, jobs_s=30 * DAY_S)


async def publish(db: Database, count: int = 1) -> None:
    async with db.transaction() as tx:
        for number in range(count):
            tx.publish(UserRegistered(user_id=f"usr_{number}", email="x@example.com"))


async def read(db: Database, reader: str, after: int) -> list[int]:
    outbox = SqlOutbox(db)
    if reader:
        await outbox.acknowledge(reader, after)
    return [event.position for event in await outbox.read(after, 0, 0)]


async def count(db: Database, table: Any) -> int:
    async with db.snapshot() as tx:
        return int(await tx.scalar(select(func.count()).select_from(table)))


async def test_events_go_when_every_reader_has_passed_them_and_they_are_old(
    plain_db: Database, clock: FakeClock
) -> None:
    await publish(plain_db, 5)
    await read(plain_db, "audit", 5)
    await read(plain_db, "notifications", 3)
    readers = ["audit", "notifications"]
    await prune_plumbing(plain_db, POLICY, readers)
    assert await count(plain_db, tables.outbox) == 5, "they are not old"
    clock.advance(8 * DAY_S)
    await prune_plumbing(plain_db, POLICY, readers)
    assert await read(plain_db, "", 0) == [4, 5], "one reader still needs these"
    assert await read(plain_db, "notifications", 3) == [4, 5]
    await read(plain_db, "notifications", 5)
    await prune_plumbing(plain_db, POLICY, readers)
    assert await count(plain_db, tables.outbox) == 0
    await publish(plain_db)
    assert await read(plain_db, "audit", 5) == [6], "a position is never given out twice"


async def test_a_reader_that_was_never_seen_is_waited_for_within_the_bound(
    plain_db: Database, clock: FakeClock
) -> None:
    await publish(plain_db, 3)
    await read(plain_db, "audit", 3)
    clock.advance(29 * DAY_S)
    await prune_plumbing(plain_db, POLICY, ["audit", "asleep"])
    assert await count(plain_db, tables.outbox) == 3
    clock.advance(2 * DAY_S)
    await prune_plumbing(plain_db, POLICY, ["audit", "asleep"])
    assert await count(plain_db, tables.outbox) == 0


async def test_where_nobody_reads_age_is_enough(plain_db: Database, clock: FakeClock) -> None:
    await publish(plain_db, 3)
    clock.advance(8 * DAY_S)
    assert await prune_plumbing(plain_db, POLICY, []) == 3


async def test_large_amounts_go_in_batches(
    plain_db: Database, clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(retention, "BATCH", 4)
    monkeypatch.setattr(retention, "PAUSE_S", 0)
    await publish(plain_db, 11)
    clock.advance(8 * DAY_S)
    await publish(plain_db, 2)
    assert await prune_plumbing(plain_db, POLICY, []) == 11
    assert await count(plain_db, tables.outbox) == 2


async def test_a_reader_notes_its_place_now_and_then(
    plain_db: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    await publish(plain_db, 3)
    outbox = SqlOutbox(plain_db)

    async def noted() -> int:
        async with plain_db.snapshot() as tx:
            return int(await tx.scalar(select(tables.subscription.c.position)))

    await outbox.acknowledge("audit", 1)
    await outbox.acknowledge("audit", 2)
    assert await noted() == 1, "not at every read"
    monkeypatch.setattr(outbox_module, "NOTE_EVERY_S", 0)
    await outbox.acknowledge("audit", 2)
    assert await noted() == 2


async def test_the_ids_of_heard_events_outlive_the_events(plain_db: Database, clock: FakeClock) -> None:
    async with plain_db.transaction() as tx:
        row = {"event_id": "evt_1", "source": "identity", "received_at_us": tx.now_us}
        await tx.run(tx.insert(tables.inbox), row)
    clock.advance(30 * DAY_S + 3600)
    await prune_plumbing(plain_db, POLICY, [])
    assert await count(plain_db, tables.inbox) == 1
    clock.advance(DAY_S)
    await prune_plumbing(plain_db, POLICY, [])
    assert await count(plain_db, tables.inbox) == 0


async def test_the_keys_of_finished_jobs_go_and_unfinished_jobs_stay(
    plain_db: Database, clock: FakeClock
) -> None:
    async with plain_db.transaction() as tx:
        tx.enqueue("work", {}, unique="late", due_in_s=20 * DAY_S)
        tx.enqueue("other", {}, unique="never")

    async def work(_service: Any, _payload: dict[str, Any]) -> None:
        """Do it."""

    clock.advance(20 * DAY_S)
    await Worker(None, SqlJobQueue(plain_db), {"work": work}).run_due()
    clock.advance(29 * DAY_S)
    assert await prune_plumbing(plain_db, POLICY, []) == 0, "it counts from when it was done"
    clock.advance(2 * DAY_S)
    assert await prune_plumbing(plain_db, POLICY, []) == 1
    assert await count(plain_db, tables.job) == 1


async def test_old_answers_go_whoever_asked(plain_db: Database, clock: FakeClock) -> None:
    async with plain_db.transaction() as tx:
        for name in ("usr_1", "usr_2"):
            row = {
                "principal": name,
                "key": "k",
                "request_hash": "",
                "status": 200,
                "body": "{}",
                "locked_until_us": 0,
                "created_at_us": tx.now_us,
            }
            await tx.run(tx.insert(tables.http_idempotency), row)
    assert await prune_plumbing(plain_db, POLICY, []) == 0
    clock.advance(DAY_S + 1)
    assert await prune_plumbing(plain_db, POLICY, []) == 2
