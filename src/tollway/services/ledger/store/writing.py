"""Writing a change set: everything that a batch changed, however long the batch is.

On PostgreSQL that is one statement, which takes the rows of each table as an array: the server works through the
whole set by itself while the next one is planned here, and a lone caller waits for one answer, not for a dozen.
On SQLite one prepared statement runs for all rows of a table, and its thread is given all of them at once.

Rows that are there already are changed by the conflict of their key, which no planner can get wrong: PostgreSQL
keeps the plan that it made when the tables were small. They only ever go forward, and a row that would not is noticed.
"""

import asyncio
from collections.abc import Awaitable, Iterator, Sequence
from functools import cache
from typing import Any, NamedTuple

from sqlalchemy import Table

from tollway.fabric.db import Tx
from tollway.kit.tasks import run_to_completion
from tollway.services.ledger.model.records import ChangeSet
from tollway.services.ledger.store import tables as t
from tollway.services.ledger.store.rows import account_row

Rows = Sequence[tuple[Any, ...]]


class _Step(NamedTuple):
    """What becomes of the rows of one table: they are added, and those that are there already changed."""

    table: Table
    changes: tuple[str, ...] = ()  # the columns that may change; none: every row must be new
    forward: str = ""  # what must be true of the old row and the new one, called excluded


_COUNTERS = ("debits_posted", "credits_posted", "debits_pending", "credits_pending", "version")
_STEPS = (
    _Step(t.txn),
    _Step(t.asset, ("transferable", "revision", "defined_by"), "asset.revision < excluded.revision"),
    _Step(t.account),
    _Step(t.account, _COUNTERS, "account.version < excluded.version"),
    _Step(t.hold),
    _Step(t.hold, ("remaining", "state"), "hold.remaining > excluded.remaining"),
    _Step(t.leg),
    _Step(t.lot),
    _Step(t.lot, ("remaining",), "lot.remaining > excluded.remaining"),
    _Step(t.lot_move),
    _Step(t.usage_line),
    _Step(
        t.session_usage,
        ("posted", "last_sequence", "closed"),
        "session_usage.last_sequence < excluded.last_sequence",
    ),
)

_MOVE_LAST = "UPDATE writer_lock SET last_txn = ?, version = version + 1 WHERE id = 1"


async def write_changes(tx: Tx, changes: ChangeSet) -> None:
    """Write a change set and note its last transaction. The writer lock must be held."""
    if not changes.txns:
        return
    rows = list(_rows(changes))
    if tx.dialect == "postgresql":
        written = await _write_at_once(tx, rows, changes.last_txn)
    else:
        written = await _write_in_a_row(tx, rows, changes.last_txn)
    assert written == [len(some) for some in rows], f"the books are further on than the change set: {written}"


def _rows(changes: ChangeSet) -> Iterator[Rows]:
    """Lay the changes out as rows, one list for each step."""
    yield [(*txn, tag) for txn, tag in zip(changes.txns, changes.tags, strict=True)]
    yield list(changes.assets.values())
    yield [account_row(account) for account in changes.accounts_opened.values()]
    yield [account_row(account) for account in changes.accounts_changed.values()]
    yield list(changes.holds_made.values())
    yield list(changes.holds_changed.values())
    yield changes.legs
    yield list(changes.lots_opened.values())
    yield list(changes.lots_changed.values())
    yield changes.moves
    yield changes.usage
    yield list(changes.sessions.values())


async def _write_at_once(tx: Tx, rows: Sequence[Rows], last_txn: str) -> list[int]:
    driver = await tx.driver()
    return list(await driver.fetchrow(_write_all(), *rows, last_txn))


async def _write_in_a_row(tx: Tx, rows: Sequence[Rows], last_txn: str) -> list[int]:
    # The driver's thread takes the statements one after the other, and nobody here waits between them.
    driver = await tx.driver()
    puts = [_put_rows(driver, step, some) for step, some in zip(_STEPS, rows, strict=True)]
    *written, _ = await run_to_completion(_all(*puts, driver.execute(_MOVE_LAST, (last_txn,))))
    return written


async def _put_rows(driver: Any, step: _Step, rows: Rows) -> int:
    if not rows:
        return 0
    return (await driver.executemany(_put_values(step), rows)).rowcount


async def _all(*statements: Awaitable[Any]) -> list[Any]:
    """Begin the statements in this order, wait until each has ended, and only then raise what one of them raised."""
    done = await asyncio.gather(*statements, return_exceptions=True)
    for one in done:
        if isinstance(one, BaseException):
            raise one
    return done


@cache
def _put_values(step: _Step) -> str:
    return _put(step, f"VALUES ({', '.join('?' * len(step.table.c))})")


@cache
def _write_all() -> str:
    """Spell out the statement that takes an array of rows for each step, and the last transaction."""
    puts = [
        _put(step, f"SELECT * FROM unnest(${place}::{step.table.name}[])")  # noqa: S608  our own tables' names
        for place, step in enumerate(_STEPS, 1)
    ]
    parts = [f"put{place} AS ({put} RETURNING 1)" for place, put in enumerate(puts, 1)]
    last = f"${len(puts) + 1}"
    parts.append(f"moved AS (UPDATE writer_lock SET last_txn = {last}, version = version + 1 WHERE id = 1)")  # noqa: S608
    counts = ", ".join(f"(SELECT count(*) FROM put{place})" for place in range(1, len(puts) + 1))  # noqa: S608
    return f"WITH {', '.join(parts)} SELECT {counts}"


@cache
def _put(step: _Step, rows: str) -> str:
    put = f"INSERT INTO {step.table.name} {rows}"
    if not step.changes:
        return put
    key = next(iter(step.table.c)).name
    sets = ", ".join(f"{name} = excluded.{name}" for name in step.changes)
    return f"{put} ON CONFLICT ({key}) DO UPDATE SET {sets} WHERE {step.forward}"
