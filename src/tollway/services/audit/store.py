"""The tables and queries of audit.

entry  the record; only grows
head   one row: the number and hash of the last entry; its lock makes the entries queue up
"""

from collections.abc import AsyncGenerator, Collection
from dataclasses import asdict, dataclass
from typing import Any

from sqlalchemy import (
    CheckConstraint,
    Column,
    Index,
    LargeBinary,
    MetaData,
    Row,
    Table,
    Text,
    or_,
    select,
    update,
)
from sqlalchemy.exc import OperationalError

from tollway.fabric.db import NAMING, Int64, Tx
from tollway.fabric.db.tables import dead_letter
from tollway.services.audit.model import AuditEntry, Head, Unreadable, concerned

metadata = MetaData(naming_convention=NAMING)

entry = Table(
    "entry",
    metadata,
    Column("sequence", Int64, primary_key=True, autoincrement=False),
    Column("event_id", Text, nullable=False, unique=True),
    Column("topic", Text, nullable=False),
    Column("source", Text, nullable=False),
    Column("subject", Text, nullable=False),
    Column("actor", Text, nullable=False),
    Column("action", Text, nullable=False),
    Column("at_us", Int64, nullable=False),
    Column("correlation_id", Text, nullable=False),
    Column("data", Text, nullable=False),
    Column("hash", Text, nullable=False),
    # Of the hash, with the platform's key; null in what an older version wrote.
    Column("signature", LargeBinary, nullable=True),
    # Whom the event concerns, found in `data` so that it can be looked up; no part of the chain.
    Column("user_id", Text, nullable=False, server_default=""),
    Index("ix_entry_subject", "subject", "sequence"),
    Index("ix_entry_actor", "actor", "sequence"),
    Index("ix_entry_topic", "topic", "sequence"),
    Index("ix_entry_user", "user_id", "sequence"),
    sqlite_strict=True,
)

head = Table(
    "head",
    metadata,
    Column("id", Int64, primary_key=True, autoincrement=False),
    Column("sequence", Int64, nullable=False),
    Column("hash", Text, nullable=False),
    CheckConstraint("id = 1", name="only"),
    sqlite_strict=True,
)

BATCH = 500


async def lock_head(tx: Tx) -> Head:
    """Return the end of the chain and keep it from moving until this transaction ends."""
    # SQLite has one writer anyway and leaves FOR UPDATE out.
    return _head(await tx.first(select(head).with_for_update()))


async def read_head(tx: Tx) -> Head:
    """Return the end of the chain."""
    return _head(await tx.first(select(head)))


async def hash_at(tx: Tx, sequence: int) -> str:
    """Return the hash of an entry by its number; empty when there is none."""
    return await tx.scalar(select(entry.c.hash).where(entry.c.sequence == sequence)) or ""


async def knows(tx: Tx, event_id: str) -> bool:
    """Return whether an event is recorded already."""
    return await tx.scalar(select(entry.c.sequence).where(entry.c.event_id == event_id)) is not None


async def by_event(tx: Tx, event_ids: Collection[str]) -> dict[str, AuditEntry]:
    """Return the entries of some events, by the event's id."""
    rows = await tx.all(select(entry).where(entry.c.event_id.in_(event_ids)))
    return {row.event_id: _entry(row) for row in rows}


async def parked(tx: Tx) -> set[str]:
    """Return the ids of events that could not be recorded and wait for a person."""
    return {row.event_id for row in await tx.all(select(dead_letter.c.event_id))}


async def add(tx: Tx, one: AuditEntry) -> None:
    """Write the next entry and move the head to it."""
    await tx.run(entry.insert().values(asdict(one) | {"user_id": concerned(one.data)}))
    await tx.run(update(head).values(sequence=one.sequence, hash=one.hash))


@dataclass(frozen=True, slots=True)
class EntryFilter:
    """Which entries: about or by `subject`, of one `topic`, concerning `user_id` in any way, in [since, until)."""

    subject: str = ""
    topic: str = ""
    user_id: str = ""
    since_us: int = 0
    until_us: int = 0


async def newest(tx: Tx, only: EntryFilter, before: int | None, limit: int) -> list[AuditEntry]:
    """Return entries, newest first, from below a number on."""
    wanted = select(entry).order_by(entry.c.sequence.desc()).limit(limit)
    subject, topic, user_id = only.subject, only.topic, only.user_id
    if user_id:
        by_or_about = (entry.c.subject == user_id) | (entry.c.actor == user_id)
        wanted = wanted.where(by_or_about | (entry.c.user_id == user_id))
    if only.since_us:
        wanted = wanted.where(entry.c.at_us >= only.since_us)
    if only.until_us:
        wanted = wanted.where(entry.c.at_us < only.until_us)
    if subject:
        wanted = wanted.where(or_(entry.c.subject == subject, entry.c.actor == subject))
    if topic:
        wanted = wanted.where(entry.c.topic == topic)
    if before is not None:
        wanted = wanted.where(entry.c.sequence < before)
    return [_entry(row) for row in await tx.all(wanted)]


async def in_order(tx: Tx) -> AsyncGenerator[AuditEntry, None]:
    """Yield every entry from the first to the last. Raises Unreadable."""
    last: int | None = None
    while True:
        wanted = select(entry).order_by(entry.c.sequence).limit(BATCH)
        try:
            rows = await tx.all(wanted if last is None else wanted.where(entry.c.sequence > last))
        except OperationalError as error:
            # SQLite keeps any bytes as text, and complains only when they are read.
            if "UTF-8" not in str(error.orig):
                raise
            raise Unreadable(str(error.orig)) from error
        for row in rows:
            yield _entry(row)
        if len(rows) < BATCH:
            return
        last = rows[-1].sequence


def _entry(row: Row[Any]) -> AuditEntry:
    return AuditEntry(**{name: getattr(row, name) for name in AuditEntry.__dataclass_fields__})


def _head(row: Row[Any] | None) -> Head:
    # Without its row, which no migration leaves out, the chain must not silently begin anew.
    return Head(-1, "") if row is None else Head(row.sequence, row.hash)
