"""How often locations had a node that was up, by day."""

from collections.abc import Mapping
from dataclasses import dataclass

from sqlalchemy import delete, func, select

from tollway.fabric.db import Tx
from tollway.services.access.store.tables import presence_day


@dataclass(frozen=True, slots=True)
class Presence:
    """How often it was looked, how often a node was up, and the first day."""

    looks: int
    up: int
    since: str


async def count(tx: Tx, day: str, up: Mapping[str, bool]) -> None:
    """Count one look at each location."""
    if not up:
        return
    insert = tx.insert(presence_day)
    grown = {name: presence_day.c[name] + insert.excluded[name] for name in ("looks", "up")}
    rows = [
        {"location": location, "day": day, "looks": 1, "up": int(is_up)}
        for location, is_up in sorted(up.items())
    ]
    await tx.run(insert.on_conflict_do_update(index_elements=["location", "day"], set_=grown), rows)


async def since(tx: Tx, day: str) -> dict[str, Presence]:
    """Return what was counted since a day, by location."""
    columns = presence_day.c
    rows = await tx.all(
        select(
            columns.location,
            func.sum(columns.looks).label("looks"),
            func.sum(columns.up).label("up"),
            func.min(columns.day).label("first"),
        )
        .where(columns.day >= day)
        .group_by(columns.location)
    )
    return {row.location: Presence(int(row.looks), int(row.up), row.first) for row in rows}


async def delete_before(tx: Tx, day: str) -> None:
    """Delete what is older than a day."""
    await tx.run(delete(presence_day).where(presence_day.c.day < day))
