"""Writing a change set: everything that a batch changed, however long the batch is.

On PostgreSQL that is one statement, which takes the rows of each table as an array: the server works through the
whole set by itself while the next one is planned here, and a lone caller waits for one answer, not for a dozen. A small
set that builds on what is known already is written by a statement that is the whole transaction (`write_if_unchanged`).
On SQLite one prepared statement runs for all rows of a table, and its thread is given all of them at once.

Rows that are there already are changed by the conflict of their key, which no planner can get wrong: PostgreSQL
keeps the plan that it made when the tables were small. They only ever go forward, and a row that would not is noticed.
"""

import asyncio
from collections.abc import Awaitable, Iterator, Sequence
from functools import cache
from typing import Any, NamedTuple

from sqlalchemy import Table

from tollway.fabric.db import Tx, publish_parts
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


async def write_if_unchanged(tx: Tx, changes: ChangeSet, after: str) -> bool:
    """Write a change set and what was published, and become the writer for it, by one statement on PostgreSQL.

    Only if `after` is still the last transaction, and nobody has used a name in it; False when nothing was written.
    """
    rows = list(_rows(changes))
    filled = tuple(place for place, some in enumerate(rows) if some)
    statement = _write_if_unchanged(filled, publishes=bool(tx.published))
    names = zip(*((txn.scope, txn.key) for txn in changes.txns), strict=True)
    arguments = [*(rows[place] for place in filled), after, *names, changes.last_txn, *tx.outbox_columns()]
    return (await (await tx.driver()).fetchval(statement, *arguments)) is not None


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
    filled = tuple(place for place, some in enumerate(rows) if some)
    found = iter(await driver.fetchrow(_write_these(filled), *(rows[place] for place in filled), last_txn))
    return [next(found) if some else 0 for some in rows]


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
def _write_these(filled: tuple[int, ...]) -> str:
    """Spell out the statement that takes an array of rows for each of these steps, and the last transaction."""
    parts = _puts(filled)
    last = f"${len(filled) + 1}"
    parts.append(f"moved AS (UPDATE writer_lock SET last_txn = {last}, version = version + 1 WHERE id = 1)")  # noqa: S608
    counts = ", ".join(f"(SELECT count(*) FROM put{step})" for step in filled)  # noqa: S608
    return f"WITH {', '.join(parts)} SELECT {counts}"


# Whether one of the names is known; what the writer lock's row must say is put before it.
_NOT_KNOWN = (
    "NOT EXISTS (SELECT FROM unnest(${scopes}::text[], ${keys}::text[]) AS n (scope, key) CROSS JOIN LATERAL "
    "(SELECT FROM txn WHERE txn.scope = n.scope AND txn.key = n.key LIMIT 1) AS known)"
)


@cache
def _write_if_unchanged(filled: tuple[int, ...], *, publishes: bool) -> str:
    """Spell out a statement that acquires the writer lock, looks the names up, writes, and returns the last id.

    When the lock's row is not as expected, or a name is known, `lock` has no row and so nothing is written. When a row
    was not written that should have been, the division fails, and with it all.
    """
    after, scopes, keys, last = (len(filled) + number for number in range(1, 5))
    wanted = f"AND last_txn = ${after} AND {_NOT_KNOWN.format(scopes=scopes, keys=keys)}"
    lock = f"SELECT last_txn FROM writer_lock WHERE id = 1 {wanted} FOR UPDATE"  # noqa: S608
    parts = [f"lock AS MATERIALIZED ({lock})", *_puts(filled, "lock, ")]
    if publishes:
        turn, publish = publish_parts(last + 1, "lock")
        parts += [f"turn AS MATERIALIZED ({turn})", f"published AS ({publish})"]
    moved = f"UPDATE writer_lock SET last_txn = ${last}, version = version + 1 FROM lock WHERE id = 1"  # noqa: S608
    counts = [
        f"(SELECT count(*) FROM put{step}) = cardinality(${place})"  # noqa: S608
        for place, step in enumerate(filled, 1)
    ]
    return (
        f"WITH {', '.join(parts)}, moved AS ({moved}) "  # noqa: S608
        f"SELECT lock.last_txn, 1 / ({' AND '.join(counts)})::int FROM lock"
    )


def _puts(filled: tuple[int, ...], source: str = "") -> list[str]:
    """Name what writes the rows of each of these steps: an array each, the first parameters."""
    parts: list[str] = []
    for place, step in enumerate(filled, 1):
        made = f"{source}unnest(${place}::{_STEPS[step].table.name}[]) AS made"
        parts.append(f"put{step} AS ({_put(_STEPS[step], f'SELECT made.* FROM {made}')} RETURNING 1)")  # noqa: S608
    return parts


@cache
def _put(step: _Step, rows: str) -> str:
    put = f"INSERT INTO {step.table.name} {rows}"
    if not step.changes:
        return put
    key = next(iter(step.table.c)).name
    sets = ", ".join(f"{name} = excluded.{name}" for name in step.changes)
    return f"{put} ON CONFLICT ({key}) DO UPDATE SET {sets} WHERE {step.forward}"
