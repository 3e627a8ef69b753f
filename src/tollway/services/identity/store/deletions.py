"""Queries of deletions of accounts."""

from collections.abc import Sequence
from dataclasses import asdict, fields
from typing import Any

from sqlalchemy import Row, select, update

from tollway.fabric.db import Tx
from tollway.services.identity.model import Deletion, DeletionState
from tollway.services.identity.store.tables import deletion


async def add(tx: Tx, new: Deletion) -> None:
    """Store a deletion that was asked for."""
    await tx.run(deletion.insert(), asdict(new))


async def find(tx: Tx, deletion_id: str) -> Deletion | None:
    """Find a deletion, whatever became of it."""
    return _deletion(await tx.first(select(deletion).where(deletion.c.id == deletion_id)))


async def of_user(tx: Tx, user_id: str) -> Deletion | None:
    """Find the deletion that a user asked for last."""
    newest = select(deletion).where(deletion.c.user_id == user_id).order_by(deletion.c.requested_at_us.desc())
    return _deletion(await tx.first(newest.limit(1)))


async def move(tx: Tx, seen: Deletion, to: DeletionState) -> bool:
    """Move a deletion out of the state that it was seen in; False when somebody else did so before."""
    still = (deletion.c.id == seen.id) & (deletion.c.state == seen.state)
    values = {"state": to, "updated_at_us": tx.now_us}
    return bool((await tx.run(update(deletion).where(still).values(values))).rowcount)


async def due(tx: Tx, after_id: str, limit: int) -> Sequence[str]:
    """Name the deletions that are due, from after an id on."""
    is_open = deletion.c.state.in_(["waiting", "erasing"]) & (deletion.c.erase_at_us <= tx.now_us)
    wanted = select(deletion.c.id).where(is_open, deletion.c.id > after_id).order_by(deletion.c.id)
    return [row.id for row in await tx.all(wanted.limit(limit))]


def _deletion(row: Row[Any] | None) -> Deletion | None:
    return (
        None
        if row is None
        else Deletion(**{field.name: getattr(row, field.name) for field in fields(Deletion)})
    )
