"""Forgetting: what has served its purpose is removed, in small batches, by age.

One rule for every table: `forget(database, table, old)` removes rows in batches and lets others write in between. The
plumbing that each room has is looked after by `tend`; a room forgets its own rows in its own timed work.

    outbox             facts older than `facts_s` that all readers have taken in; one that a reader still needs is kept,
                       up to `unread_s`: a neighbour that was away for longer has missed what is gone
    inbox              ids a day older than any fact may be, so a fact that can be read again is always known
    job                keys of jobs that are done, after `jobs_s`: the same work under the same key begins anew then
    http_idempotency   answers under an Idempotency-Key, after a day

Dead jobs and parked facts stay until a person has looked at them. The audit trail and the ledger are never forgotten.
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
# Between two batches, for those who wait for the pen.
PAUSE_S = 0.05
ANSWERS_KEPT_US = DAY_US


@dataclass(frozen=True, slots=True)
class Ages:
    """How long a room keeps its plumbing, in seconds. `unread_s` is at least `facts_s`."""

    facts_s: float
    unread_s: float
    jobs_s: float


async def tend(database: Database, ages: Ages, readers: Collection[str]) -> int:
    """Forget what a room's plumbing needs no more; return how many rows that were.

    `readers` are the rooms that hear this one; of one that was never seen nothing is known, so it has read nothing.
    """
    now_us = database.clock.now_us()
    unread_us, facts_us = (now_us - int(age_s * SECOND_US) for age_s in (ages.unread_s, ages.facts_s))
    async with database.snapshot() as tx:
        passed = await _passed(tx, readers)

    def no_longer_needed(fact: Any) -> ColumnElement[bool]:
        heard = true() if passed is None else fact.position <= passed
        return (fact.at_us < unread_us) | ((fact.at_us < facts_us) & heard)

    answer = tables.http_idempotency.c
    answers = select(answer.principal, answer.key).where(answer.made_us < now_us - ANSWERS_KEPT_US)
    jobs_us = now_us - int(ages.jobs_s * SECOND_US)
    return (
        await forget(database, tables.outbox, oldest(tables.outbox, no_longer_needed))
        + await forget(
            database, tables.inbox, oldest(tables.inbox, lambda c: c.heard_us < unread_us - DAY_US)
        )
        + await forget(
            database,
            tables.job,
            oldest(tables.job, lambda c: c.due_us < jobs_us, tables.job.c.state == "done"),
        )
        + await forget(database, tables.http_idempotency, answers)
    )


async def forget(database: Database, table: Table, old: Select[Any] | Select[Any, Any]) -> int:
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


def oldest(table: Table, old: Old, among: ColumnElement[bool] | None = None) -> Select[Any]:
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
    rows = await tx.all(select(tables.reader))
    positions = {row.name: row.position for row in rows}
    return min(positions.get(name, 0) for name in readers)
