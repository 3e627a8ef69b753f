"""Forgetting: what has served its purpose is removed, in small batches, by age.

One rule for every table: `delete_in_batches(database, table, old)` removes rows and lets others write in between.
`prune_plumbing` looks after the plumbing that each service has; a service deletes its own rows in its own timed work.

    outbox             events older than `events_s` that all subscribers have read; one that a subscriber still needs
                       is kept, up to `unread_s`: a neighbour that was away for longer has missed what is gone
    inbox              ids a day older than any event may be, so an event that can be read again is always known
    job                keys of jobs that are done, after `jobs_s`: the same work under the same key begins anew then
    http_idempotency   answers under an Idempotency-Key, after a day

Dead jobs and parked events stay until a person has looked at them. The audit trail and the ledger are never forgotten.
"""

import asyncio
from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Select, Table, delete, select, true, tuple_

from tollway.fabric.db import Database, Tx, tables
from tollway.kit.times import DAY_US, SECOND_US

BATCH = 500
# What makes a row old, by its columns.
Old = Callable[[Any], ColumnElement[bool]]
# Between two batches, for those who wait to write.
PAUSE_S = 0.05
ANSWERS_KEPT_US = DAY_US


@dataclass(frozen=True, slots=True)
class RetentionPolicy:
    """How long a service keeps its plumbing, in seconds. `unread_s` is at least `events_s`."""

    events_s: float
    unread_s: float
    jobs_s: float


async def prune_plumbing(database: Database, ages: RetentionPolicy, readers: Collection[str]) -> int:
    """Delete what a service's plumbing needs no more; return how many rows that were.

    `readers` are the services that subscribe to this one; one that was never seen has read nothing.
    """
    now_us = database.clock.now_us()
    unread_us, events_us = (now_us - int(age_s * SECOND_US) for age_s in (ages.unread_s, ages.events_s))
    async with database.snapshot() as tx:
        passed = await _passed(tx, readers)

    def no_longer_needed(event: Any) -> ColumnElement[bool]:
        consumed = true() if passed is None else event.position <= passed
        return (event.at_us < unread_us) | ((event.at_us < events_us) & consumed)

    answer = tables.http_idempotency.c
    answers = select(answer.principal, answer.key).where(answer.created_at_us < now_us - ANSWERS_KEPT_US)
    jobs_us = now_us - int(ages.jobs_s * SECOND_US)
    return (
        await delete_in_batches(database, tables.outbox, expired_rows(tables.outbox, no_longer_needed))
        + await delete_in_batches(
            database,
            tables.inbox,
            expired_rows(tables.inbox, lambda c: c.received_at_us < unread_us - DAY_US),
        )
        + await delete_in_batches(
            database,
            tables.job,
            expired_rows(tables.job, lambda c: c.due_us < jobs_us, tables.job.c.state == "done"),
        )
        + await delete_in_batches(database, tables.http_idempotency, answers)
    )


async def delete_in_batches(database: Database, table: Table, old: Select[Any] | Select[Any, Any]) -> int:
    """Remove the rows whose primary keys `old` selects, `BATCH` in a transaction; return how many."""
    key = list(table.primary_key.columns)
    removed = 0
    while True:
        async with database.transaction() as tx:
            rows = [tuple(row) for row in await tx.all(old.limit(BATCH))]
            if rows:
                chosen = key[0].in_([row[0] for row in rows]) if len(key) == 1 else tuple_(*key).in_(rows)
                await tx.run(delete(table).where(chosen))
        removed += len(rows)
        if len(rows) < BATCH:
            return removed
        await asyncio.sleep(PAUSE_S)


def expired_rows(table: Table, old: Old, among: ColumnElement[bool] | None = None) -> Select[Any]:
    """Select those of the table's first rows that are `old`, by a primary key that grows with time.

    So no index of ages is needed, and a look costs the same however long the table is.
    """
    (key,) = table.primary_key.columns
    first = select(table).order_by(key).limit(BATCH)
    rows = (first if among is None else first.where(among)).subquery()
    return select(rows.c[key.key]).where(old(rows.c))


async def _passed(tx: Tx, readers: Collection[str]) -> int | None:
    """Return the position that every reader has passed; None when nobody reads."""
    if not readers:
        return None
    rows = await tx.all(select(tables.subscription))
    positions = {row.name: row.position for row in rows}
    return min(positions.get(name, 0) for name in readers)
