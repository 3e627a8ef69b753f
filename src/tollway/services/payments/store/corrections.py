"""Queries of corrections."""

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from sqlalchemy import Row, select, update

from tollway.fabric.db import Tx
from tollway.services.payments.model import Correction, CorrectionMove, CorrectionState
from tollway.services.payments.store.tables import correction


async def add_correction(tx: Tx, one: Correction) -> Correction:
    """Insert a correction; return the one that this operator requested under the same key, if there is one."""
    await tx.run(tx.insert(correction).values(asdict(one)).on_conflict_do_nothing())
    mine = (correction.c.requested_by == one.requested_by) & (correction.c.request_key == one.request_key)
    row = await tx.first(select(correction).where(mine))
    assert row is not None, "it was written a moment ago"
    return _correction(row)


async def find_correction(tx: Tx, correction_id: str) -> Correction | None:
    """Return a correction by its id."""
    row = await tx.first(select(correction).where(correction.c.id == correction_id))
    return None if row is None else _correction(row)


async def list_corrections(tx: Tx, user_id: str, before_id: str, limit: int) -> Sequence[Correction]:
    """Return corrections, newest first, of one customer or of all, from before an id on."""
    wanted = select(correction).order_by(correction.c.id.desc()).limit(limit)
    if user_id:
        wanted = wanted.where(correction.c.user_id == user_id)
    if before_id:
        wanted = wanted.where(correction.c.id < before_id)
    return [_correction(row) for row in await tx.all(wanted)]


async def end_correction(tx: Tx, seen: Correction, move: CorrectionMove) -> bool:
    """End a correction if it is still as it was seen."""
    here = (correction.c.id == seen.id) & (correction.c.state == seen.state.value)
    values = {
        "state": move.to.value,
        "refusal": move.refusal,
        "transaction_id": move.transaction_id,
        "updated_at_us": tx.now_us,
    }
    return (await tx.run(update(correction).where(here).values(values))).rowcount == 1


async def posted_corrections(tx: Tx) -> Sequence[Correction]:
    """Return every correction that was posted, oldest first."""
    is_posted = correction.c.state == CorrectionState.POSTED.value
    rows = await tx.all(select(correction).where(is_posted).order_by(correction.c.id))
    return [_correction(row) for row in rows]


def _correction(row: Row[Any]) -> Correction:
    values: dict[str, Any] = {column.name: getattr(row, column.name) for column in correction.columns}
    values["state"] = CorrectionState(row.state)
    return Correction(**values)
