"""Tables and queries of the users service: one row per profile."""

from dataclasses import fields
from typing import Any

from sqlalchemy import Column, MetaData, Table, Text, select, update

from tollway.fabric.db import NAMING, Int64, Json, Tx
from tollway.services.users.model import Profile

metadata = MetaData(naming_convention=NAMING)

profile = Table(
    "profile",
    metadata,
    Column("user_id", Text, primary_key=True),
    Column("display_name", Text, nullable=False),
    Column("locale", Text, nullable=False),
    Column("time_zone", Text, nullable=False),
    Column("preferences", Json, nullable=False),
    Column("created_at_us", Int64, nullable=False),
    Column("updated_at_us", Int64, nullable=False),
    Column("version", Int64, nullable=False),
    sqlite_strict=True,
)


async def find(tx: Tx, user_id: str) -> Profile | None:
    """Find a profile."""
    row = await tx.first(select(profile).where(profile.c.user_id == user_id))
    if row is None:
        return None
    return Profile(**{column.name: getattr(row, column.name) for column in fields(Profile)})


async def add(tx: Tx, user_id: str) -> None:
    """Make a profile with the defaults; nothing happens when there is one."""
    new = Profile(user_id, created_at_us=tx.now_us, updated_at_us=tx.now_us)
    row: dict[str, Any] = {column.name: getattr(new, column.name) for column in fields(Profile)}
    await tx.run(tx.insert(profile).on_conflict_do_nothing(), row)


async def change(tx: Tx, seen: Profile, changes: dict[str, Any]) -> bool:
    """Change a profile that is still as it was seen."""
    same = (profile.c.user_id == seen.user_id) & (profile.c.version == seen.version)
    values = {**changes, "updated_at_us": tx.now_us, "version": seen.version + 1}
    return bool((await tx.run(update(profile).where(same).values(values))).rowcount)
