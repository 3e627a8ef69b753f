"""Queries of what operators note about customers."""

from collections.abc import Sequence
from dataclasses import asdict, fields
from typing import Any

from sqlalchemy import Row, select

from tollway.fabric.db import Tx
from tollway.services.identity.model import Note
from tollway.services.identity.store.tables import note


async def add(tx: Tx, new: Note) -> bool:
    """Store a note; False when its author stored one under the same key before."""
    return bool((await tx.run(tx.insert(note).on_conflict_do_nothing(), asdict(new))).rowcount)


async def by_request(tx: Tx, author_id: str, request_key: str) -> Note | None:
    """Find the note that an author stored under a key."""
    mine = (note.c.author_id == author_id) & (note.c.request_key == request_key)
    row = await tx.first(select(note).where(mine))
    return None if row is None else _note(row)


async def of_user(tx: Tx, user_id: str, before_id: str, limit: int) -> Sequence[Note]:
    """Return notes about a customer, newest first, from below an id on."""
    query = select(note).where(note.c.user_id == user_id).order_by(note.c.id.desc()).limit(limit)
    if before_id:
        query = query.where(note.c.id < before_id)
    return [_note(row) for row in await tx.all(query)]


def _note(row: Row[Any]) -> Note:
    return Note(**{field.name: getattr(row, field.name) for field in fields(Note)})
