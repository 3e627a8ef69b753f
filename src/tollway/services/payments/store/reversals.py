"""Queries of reversals."""

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from sqlalchemy import Row, func, select, update

from tollway.fabric.db import Tx
from tollway.services.payments.model import REVERSED, Reversal, ReversalState
from tollway.services.payments.store.tables import deposit, reversal


async def add_reversal(tx: Tx, one: Reversal) -> tuple[Reversal, bool]:
    """Insert a reversal, or note what the provider says of a known one; return the row, and whether it is new.

    What stands may be lost or undone later, and never the other way: an answer that comes late changes nothing.
    """
    added = await tx.run(tx.insert(reversal).values(asdict(one)).on_conflict_do_nothing())
    same = (reversal.c.provider == one.provider) & (reversal.c.ref == one.ref)
    if not added.rowcount and one.status != "standing":
        later = same & (reversal.c.status == "standing")
        await tx.run(update(reversal).where(later).values(status=one.status, updated_at_us=tx.now_us))
    return _reversal(await tx.first(select(reversal).where(same))), added.rowcount == 1


async def find_reversal(tx: Tx, reversal_id: str) -> Reversal | None:
    """Return a reversal by its id."""
    row = await tx.first(select(reversal).where(reversal.c.id == reversal_id))
    return None if row is None else _reversal(row)


async def open_reversals(tx: Tx, idle_since_us: int, after_id: str, limit: int) -> Sequence[str]:
    """Name the reversals that are not where the provider is, and did not move since a moment."""
    c = reversal.c
    still = c.state.in_([ReversalState.KNOWN.value, ReversalState.POSTING.value])
    still |= (c.state == ReversalState.POSTED.value) & (c.status != "standing")
    still &= c.updated_at_us <= idle_since_us
    wanted = select(c.id).where(still, c.id > after_id).order_by(c.id).limit(limit)
    return [row.id for row in await tx.all(wanted)]


async def list_reversals(tx: Tx, deposit_id: str) -> Sequence[Reversal]:
    """Return the reversals of a deposit, oldest first."""
    mine = select(reversal).where(reversal.c.deposit_id == deposit_id).order_by(reversal.c.id)
    return [_reversal(row) for row in await tx.all(mine)]


async def move_reversal(tx: Tx, seen: Reversal, to: ReversalState, **values: Any) -> bool:
    """Move a reversal on if it is still as it was seen, and count its deposit's sums anew; False otherwise."""
    c = reversal.c
    here = (c.id == seen.id) & (c.state == seen.state.value) & (c.attempt == seen.attempt)
    moved = {**values, "state": to.value, "updated_at_us": tx.now_us}
    if (await tx.run(update(reversal).where(here).values(moved))).rowcount == 0:
        return False
    gone = select(func.coalesce(func.sum(c.amount), 0)).where(
        c.deposit_id == seen.deposit_id, c.state.in_([state.value for state in REVERSED])
    )
    sums = {
        "refunded": gone.where(c.kind == "refund").scalar_subquery(),
        "disputed": gone.where(c.kind == "chargeback").scalar_subquery(),
        "updated_at_us": tx.now_us,
    }
    await tx.run(update(deposit).where(deposit.c.id == seen.deposit_id).values(sums))
    return True


async def all_reversals(tx: Tx) -> Sequence[Reversal]:
    """Return every reversal, oldest first."""
    return [_reversal(row) for row in await tx.all(select(reversal).order_by(reversal.c.id))]


def _reversal(row: Row[Any] | None) -> Reversal:
    assert row is not None, "reversals are never removed"
    values: dict[str, Any] = {column.name: getattr(row, column.name) for column in reversal.columns}
    values["state"] = ReversalState(row.state)
    return Reversal(**values)
