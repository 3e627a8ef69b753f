"""Writing a page: everything that a batch changed, however long the batch is.

On PostgreSQL that is one statement, which takes the rows of each table as an array: the server works through the
whole page by itself while the next one is planned here, and a lone caller waits for one answer, not for a dozen.
On SQLite one prepared statement runs for all rows of a table.

Rows that are there already are changed by the conflict of their key, which no planner can get wrong: PostgreSQL
keeps the plan that it made when the tables were small. They only ever go forward, and a row that would not is noticed.
"""

from collections.abc import Iterator, Sequence
from functools import cache
from typing import Any, NamedTuple

from sqlalchemy import Table

from tollway.fabric.db import Tx
from tollway.kit.tasks import run_to_completion
from tollway.services.ledger.model.records import Page
from tollway.services.ledger.store import tables as t
from tollway.services.ledger.store.rows import account_row

Rows = Sequence[tuple[Any, ...]]


class _Step(NamedTuple):
    """What becomes of a page's rows of one table: they are added, and those that are there already changed."""

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
        t.usage_mark,
        ("posted", "last_sequence", "closed"),
        "usage_mark.last_sequence < excluded.last_sequence",
    ),
)


async def write_page(tx: Tx, page: Page) -> None:
    """Write what a page holds and move the pen on. The pen must be held."""
    if not page.txns:
        return
    rows = list(_rows(page))
    if tx.dialect == "postgresql":
        written = await _write_at_once(tx, rows, page.last_txn)
    else:
        written = [await _write_rows(tx, step, some) for step, some in zip(_STEPS, rows, strict=True)]
        moved = t.pen.update().where(t.pen.c.id == 1)
        await tx.run(moved.values(last_txn=page.last_txn, turn=t.pen.c.turn + 1))
    assert written == [len(some) for some in rows], f"the books are further than the page: {written}"


def _rows(page: Page) -> Iterator[Rows]:
    """Lay the page out as rows, one list for each step."""
    yield page.txns
    yield list(page.assets.values())
    yield [account_row(account) for account in page.accounts_opened.values()]
    yield [account_row(account) for account in page.accounts_changed.values()]
    yield list(page.holds_made.values())
    yield list(page.holds_changed.values())
    yield page.legs
    yield list(page.lots_opened.values())
    yield list(page.lots_changed.values())
    yield page.moves
    yield page.usage
    yield list(page.marks.values())


async def _write_at_once(tx: Tx, rows: Sequence[Rows], last_txn: str) -> list[int]:
    # The driver's own connection: it is inside the transaction since the pen was taken.
    raw: Any = (await tx.conn.get_raw_connection()).driver_connection
    return list(await raw.fetchrow(_whole_page(), *rows, last_txn))


async def _write_rows(tx: Tx, step: _Step, rows: Rows) -> int:
    if not rows:
        return 0
    places = ", ".join("?" * len(step.table.c))
    written = await run_to_completion(tx.conn.exec_driver_sql(_put(step, f"VALUES ({places})"), list(rows)))
    return written.rowcount


@cache
def _whole_page() -> str:
    """Spell out the statement that takes an array of rows for each step, and the last transaction."""
    puts = [
        _put(step, f"SELECT * FROM unnest(${place}::{step.table.name}[])")  # noqa: S608  our own tables' names
        for place, step in enumerate(_STEPS, 1)
    ]
    parts = [f"put{place} AS ({put} RETURNING 1)" for place, put in enumerate(puts, 1)]
    parts.append(f"moved AS (UPDATE pen SET last_txn = ${len(puts) + 1}, turn = turn + 1 WHERE id = 1)")  # noqa: S608
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
