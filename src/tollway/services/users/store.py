"""Tables and queries of the users service: one row per profile, one per export."""

from collections.abc import Sequence
from dataclasses import asdict, fields
from typing import Any

from sqlalchemy import Column, Index, MetaData, Row, Table, Text, delete, exists, or_, select, text, update

from tollway.fabric.db import NAMING, Int64, Json, Tx
from tollway.services.users.model import Export, ExportPart, Profile

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


export = Table(
    "export",
    metadata,
    Column("id", Text, primary_key=True),
    Column("user_id", Text, nullable=False),
    Column("state", Text, nullable=False),
    Column("requested_at_us", Int64, nullable=False),
    Column("ready_at_us", Int64, nullable=False),
    Column("expires_at_us", Int64, nullable=False),
    Column("size_bytes", Int64, nullable=False),
    Index("ix_export_user", "user_id", "id"),
    Index(
        "uq_export_working",
        "user_id",
        unique=True,
        sqlite_where=text("state = 'working'"),
        postgresql_where=text("state = 'working'"),
    ),
    sqlite_strict=True,
)


export_part = Table(
    "export_part",
    metadata,
    Column("export_id", Text, primary_key=True),
    Column("number", Int64, primary_key=True),
    Column("key", Text, nullable=False),
    Column("size_bytes", Int64, nullable=False),
    Column("service", Text, nullable=False),
    Column("table_name", Text, nullable=False),
    Column("purpose", Text, nullable=False),
    Column("rows", Int64, nullable=False),
    Column("members", Json, nullable=False),
    Column("cursor", Text, nullable=False),
    Column("made_at_us", Int64, nullable=False),
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


# ── exports ─────────────────────────────────────────────────────────────────────────────────────────


async def add_export(tx: Tx, new: Export) -> bool:
    """Add an export that is to be made; False while another one of the user is."""
    return bool((await tx.run(tx.insert(export).on_conflict_do_nothing(), asdict(new))).rowcount)


async def find_export(tx: Tx, export_id: str) -> Export | None:
    """Find an export."""
    row = await tx.first(select(export).where(export.c.id == export_id))
    return None if row is None else _export(row)


async def exports_of(tx: Tx, user_id: str) -> Sequence[Export]:
    """Return a user's exports, newest first."""
    rows = await tx.all(select(export).where(export.c.user_id == user_id).order_by(export.c.id.desc()))
    return [_export(row) for row in rows]


async def finish_export(tx: Tx, export_id: str, size_bytes: int, expires_at_us: int) -> bool:
    """Note that an export is ready; False when it was already, or is gone."""
    working = (export.c.id == export_id) & (export.c.state == "working")
    values = {
        "state": "ready",
        "ready_at_us": tx.now_us,
        "expires_at_us": expires_at_us,
        "size_bytes": size_bytes,
    }
    return bool((await tx.run(update(export).where(working).values(values))).rowcount)


async def exports_over(tx: Tx, asked_before_us: int) -> Sequence[Export]:
    """Return exports whose days are over, and those of which nothing was made since a time."""
    over = (export.c.state == "ready") & (export.c.expires_at_us <= tx.now_us)
    goes_on = exists().where(
        export_part.c.export_id == export.c.id, export_part.c.made_at_us >= asked_before_us
    )
    stuck = (export.c.state == "working") & (export.c.requested_at_us < asked_before_us) & ~goes_on
    return [_export(row) for row in await tx.all(select(export).where(or_(over, stuck)).limit(100))]


async def delete_export(tx: Tx, export_id: str) -> None:
    """Delete an export's rows."""
    await tx.run(delete(export_part).where(export_part.c.export_id == export_id))
    await tx.run(delete(export).where(export.c.id == export_id))


async def add_part(tx: Tx, part: ExportPart) -> bool:
    """Add a part to an export that is being made; False when it has one of that number, or is gone."""
    working = select(export.c.id).where(export.c.id == part.export_id, export.c.state == "working")
    if await tx.first(working.with_for_update()) is None:
        return False
    return bool((await tx.run(tx.insert(export_part).on_conflict_do_nothing(), asdict(part))).rowcount)


async def parts_of(tx: Tx, export_id: str) -> Sequence[ExportPart]:
    """Return the parts of an export, in order."""
    mine = select(export_part).where(export_part.c.export_id == export_id).order_by(export_part.c.number)
    return [
        ExportPart(**{field.name: getattr(row, field.name) for field in fields(ExportPart)})
        for row in await tx.all(mine)
    ]


def _export(row: Row[Any]) -> Export:
    return Export(**{field.name: getattr(row, field.name) for field in fields(Export)})
