"""The tables and queries of notifications.

email       every message there was to send, and what became of it
recipient   where a person can be written to, as identity published it
preference  what a person does not want, or wants again
"""

from collections.abc import Mapping
from typing import Any

from sqlalchemy import (
    CheckConstraint,
    Column,
    Index,
    MetaData,
    Row,
    Select,
    Table,
    Text,
    delete,
    select,
    update,
)

from tollway.fabric.db import NAMING, Flag, Int64, Json, Tx
from tollway.fabric.retention import expired_rows
from tollway.services.notifications.model import Email, State

metadata = MetaData(naming_convention=NAMING)

email = Table(
    "email",
    metadata,
    Column("id", Text, primary_key=True),
    Column("request_key", Text, nullable=False, unique=True),
    Column("user_id", Text, nullable=False),
    Column("address", Text, nullable=False),
    Column("template", Text, nullable=False),
    Column("subject", Text, nullable=False),
    Column("params", Json, nullable=False),
    Column("state", Text, nullable=False),
    Column("attempts", Int64, nullable=False),
    Column("error", Text, nullable=False),
    Column("created_at_us", Int64, nullable=False),
    Column("ended_us", Int64, nullable=False),
    Index("ix_email_of_user", "user_id", "id"),
    CheckConstraint("state IN ('queued', 'sent', 'failed')", name="state"),
    sqlite_strict=True,
)

recipient = Table(
    "recipient",
    metadata,
    Column("user_id", Text, primary_key=True),
    Column("address", Text, nullable=False),
    Column("verified", Flag, nullable=False),
    sqlite_strict=True,
)

preference = Table(
    "preference",
    metadata,
    Column("user_id", Text, primary_key=True),
    Column("category", Text, primary_key=True),
    Column("wanted", Flag, nullable=False),
    sqlite_strict=True,
)


async def add_email(tx: Tx, one: Email, request_key: str) -> bool:
    """Write a message down; False when there is one with this key."""
    values: dict[str, Any] = {name: getattr(one, name) for name in Email.__dataclass_fields__}
    values |= {"request_key": request_key, "params": {**one.params}}
    return (await tx.run(tx.insert(email).values(values).on_conflict_do_nothing())).rowcount == 1


async def find_email(tx: Tx, email_id: str) -> Email | None:
    """Return one message."""
    return _email(await tx.first(select(email).where(email.c.id == email_id)))


async def email_by_key(tx: Tx, request_key: str) -> Email | None:
    """Return the message that was asked for under this key."""
    return _email(await tx.first(select(email).where(email.c.request_key == request_key)))


async def emails_of(
    tx: Tx, user_id: str, before: str, limit: int, *, state: State | None = None
) -> list[Email]:
    """Return a person's messages, in one state or any, newest first, from below an id on (empty: the newest)."""
    wanted = select(email).where(email.c.user_id == user_id).order_by(email.c.id.desc()).limit(limit)
    if state is not None:
        wanted = wanted.where(email.c.state == state)
    if before:
        wanted = wanted.where(email.c.id < before)
    return [found for row in await tx.all(wanted) if (found := _email(row))]


def old_emails(before_us: int) -> Select[Any]:
    """Select the oldest messages that were sent or refused before a time."""
    ended = email.c.state != "queued"
    return expired_rows(email, lambda c: c.ended_us < before_us, ended)


async def note_attempt(tx: Tx, email_id: str, error: str) -> None:
    """Count a try that failed for now."""
    await tx.run(_queued(email_id).values(attempts=email.c.attempts + 1, error=error))


async def delete_email(tx: Tx, email_id: str) -> None:
    """Delete a message."""
    await tx.run(delete(email).where(email.c.id == email_id))


async def end_email(tx: Tx, email_id: str, state: str, error: str = "") -> bool:
    """Close a queued message and delete what it was filled with; False when it was closed before."""
    values: dict[str, Any] = {"state": state, "error": error, "ended_us": tx.now_us, "params": {}}
    closed = await tx.run(_queued(email_id).values(**values, attempts=email.c.attempts + 1))
    return closed.rowcount == 1


async def set_recipient(tx: Tx, user_id: str, address: str, *, verified: bool) -> None:
    """Note where a person can be written to. An older announcement does not unverify the same address."""
    row = tx.insert(recipient).values(user_id=user_id, address=address, verified=verified)
    known = recipient.c
    same = known.address == row.excluded.address
    fresh = {"address": address, "verified": verified}
    stale = same & known.verified
    await tx.run(row.on_conflict_do_update(index_elements=["user_id"], set_=fresh, where=~stale))


async def address_of(tx: Tx, user_id: str) -> str:
    """Return a person's address; empty when none is known."""
    return await tx.scalar(select(recipient.c.address).where(recipient.c.user_id == user_id)) or ""


async def forget_address(tx: Tx, user_id: str) -> None:
    """Remove the address of a person who has left. The row stays and says that they did."""
    row = tx.insert(recipient).values(user_id=user_id, address="", verified=True)
    await tx.run(row.on_conflict_do_update(index_elements=["user_id"], set_={"address": ""}))


async def has_left(tx: Tx, user_id: str) -> bool:
    """Return whether a person has left."""
    return await tx.scalar(select(recipient.c.address).where(recipient.c.user_id == user_id)) == ""


async def preferences_of(tx: Tx, user_id: str) -> dict[str, bool]:
    """Return what a person has chosen, by category."""
    rows = await tx.all(select(preference).where(preference.c.user_id == user_id))
    return {row.category: row.wanted for row in rows}


async def set_preferences(tx: Tx, user_id: str, wanted: Mapping[str, bool]) -> None:
    """Write choices down."""
    for category, value in wanted.items():
        row = tx.insert(preference).values(user_id=user_id, category=category, wanted=value)
        await tx.run(
            row.on_conflict_do_update(index_elements=["user_id", "category"], set_={"wanted": value})
        )


def _queued(email_id: str) -> Any:
    return update(email).where(email.c.id == email_id, email.c.state == "queued")


def _email(row: Row[Any] | None) -> Email | None:
    if row is None:
        return None
    return Email(**{name: getattr(row, name) for name in Email.__dataclass_fields__})
