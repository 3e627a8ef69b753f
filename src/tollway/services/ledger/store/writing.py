"""Writing a page: everything that a batch changed, a few statements however long the batch is.

On PostgreSQL rows go in by COPY and counters by one UPDATE from arrays; on SQLite one prepared statement runs
for all rows.
"""

from collections.abc import Iterable, Sequence
from typing import Any

from sqlalchemy import Table, bindparam

from tollway.fabric.db import Tx
from tollway.services.ledger.model.records import Page
from tollway.services.ledger.model.values import Account, Asset, Hold, Mark
from tollway.services.ledger.store import tables as t
from tollway.services.ledger.store.rows import account_row

Rows = Sequence[tuple[Any, ...]]
Cells = Sequence[tuple[str, str]]
"""Columns with their PostgreSQL types."""

_COUNTERS: Cells = (
    ("debits_posted", "bigint"),
    ("credits_posted", "bigint"),
    ("debits_pending", "bigint"),
    ("credits_pending", "bigint"),
    ("version", "bigint"),
)
_HOLD_STATE: Cells = (("remaining", "bigint"), ("state", "text"))
_LOT_STATE: Cells = (("remaining", "bigint"),)


async def write_page(tx: Tx, page: Page) -> None:
    """Write what a page holds and move the pen on. The pen must be held."""
    if not page.txns:
        return
    await _insert(tx, t.txn, page.txns)
    await _define(tx, page.assets.values())
    await _insert(tx, t.account, [account_row(account) for account in page.accounts_opened.values()])
    await _insert(tx, t.hold, list(page.holds_made.values()))
    await _insert(tx, t.leg, page.legs)
    await _insert(tx, t.lot, list(page.lots_opened.values()))
    await _insert(tx, t.lot_move, page.moves)
    await _insert(tx, t.usage_line, page.usage)
    await _update(tx, t.account, _COUNTERS, [_counters(one) for one in page.accounts_changed.values()])
    await _update(tx, t.hold, _HOLD_STATE, [_hold_state(one) for one in page.holds_changed.values()])
    await _update(tx, t.lot, _LOT_STATE, [(lot.id, lot.remaining) for lot in page.lots_changed.values()])
    await _mark(tx, page.marks.values())
    await tx.run(t.pen.update().where(t.pen.c.id == 1).values(last_txn=page.last_txn, turn=t.pen.c.turn + 1))


async def _insert(tx: Tx, table: Table, rows: Rows) -> None:
    if rows:
        await tx.append(table, [column.name for column in table.c], rows)


async def _update(tx: Tx, table: Table, cells: Cells, rows: Rows) -> None:
    """Set `cells` by id; each row is the id and the new values."""
    if not rows:
        return
    if tx.dialect == "postgresql":
        # The driver's own connection: it is inside the transaction since the pen was taken.
        raw: Any = (await tx.conn.get_raw_connection()).driver_connection
        done = await raw.execute(_update_many(table, cells), *zip(*rows, strict=True))
        assert done == f"UPDATE {len(rows)}", f"{table.name}: {done} of {len(rows)} rows"
        return
    names = [name for name, _ in cells]
    update = (
        table.update()
        .where(table.c.id == bindparam("which"))
        .values({name: bindparam(f"new_{name}") for name in names})
    )
    keys = ["which", *(f"new_{name}" for name in names)]
    result = await tx.run(update, [dict(zip(keys, row, strict=True)) for row in rows])
    assert result.rowcount == len(rows), f"{table.name}: {result.rowcount} of {len(rows)} rows"


def _update_many(table: Table, cells: Cells) -> str:
    sets = ", ".join(f"{name} = new.{name}" for name, _ in cells)
    arrays = ", ".join(f"${place}::{kind}[]" for place, (_, kind) in enumerate(cells, 2))
    names = ", ".join(name for name, _ in cells)
    return (
        f"UPDATE {table.name} SET {sets} FROM unnest($1::text[], {arrays}) AS new (id, {names}) "  # noqa: S608
        f"WHERE {table.name}.id = new.id"
    )


async def _define(tx: Tx, assets: Iterable[Asset]) -> None:
    for one in assets:
        row = one._asdict()
        changed = {name: row[name] for name in ("transferable", "revision", "defined_by")}
        statement = tx.insert(t.asset).values(row)
        await tx.run(statement.on_conflict_do_update(index_elements=[t.asset.c.code], set_=changed))


async def _mark(tx: Tx, marks: Iterable[Mark]) -> None:
    rows = [mark._asdict() for mark in marks]
    if rows:
        statement = tx.insert(t.usage_mark)
        changed = {name: statement.excluded[name] for name in ("posted", "last_sequence", "closed")}
        await tx.run(
            statement.on_conflict_do_update(index_elements=[t.usage_mark.c.session_id], set_=changed), rows
        )


def _counters(account: Account) -> tuple[Any, ...]:
    return (account.id, *account[3:8])


def _hold_state(hold: Hold) -> tuple[Any, ...]:
    return (hold.id, hold.remaining, hold.state)
