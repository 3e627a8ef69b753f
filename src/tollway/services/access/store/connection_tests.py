"""Connection tests: who asked for one, which node carries it out, what it has found."""

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from sqlalchemy import Row, delete, func, select, update

from tollway.fabric.db import Tx
from tollway.services.access.model.connection_test import ConnectionTest, StepResult
from tollway.services.access.store.tables import connection_test as table


async def add(tx: Tx, one: ConnectionTest) -> None:
    """Add a test that was asked for."""
    await tx.run(table.insert().values({**asdict(one), "steps": []}))


async def find(tx: Tx, test_id: str, *, lock: bool = False) -> ConnectionTest | None:
    """Return a test; `lock` keeps it as it is until the commit."""
    wanted = select(table).where(table.c.id == test_id)
    row = await tx.first(wanted.with_for_update() if lock else wanted)
    return None if row is None else _test(row)


async def begin(tx: Tx, test_id: str, credential_id: str) -> None:
    """Note with which credential a test has begun."""
    await tx.run(update(table).where(table.c.id == test_id).values(credential_id=credential_id))


async def save(tx: Tx, test_id: str, steps: Sequence[StepResult], *, finished: bool) -> None:
    """Note what a test has found."""
    values = {"steps": [asdict(one) for one in steps], "finished": finished}
    await tx.run(update(table).where(table.c.id == test_id).values(values))


async def count_since(tx: Tx, user_id: str, since_us: int) -> int:
    """Return how many tests a customer has asked for since a moment."""
    mine = (table.c.user_id == user_id) & (table.c.created_at_us > since_us)
    return int(await tx.scalar(select(func.count()).select_from(table).where(mine)))


async def credentials_since(tx: Tx, user_id: str, since_us: int) -> set[str]:
    """Name the credentials of a customer's tests that were asked for since a moment."""
    mine = (table.c.user_id == user_id) & (table.c.created_at_us > since_us) & (table.c.credential_id != "")
    return {row.credential_id for row in await tx.all(select(table.c.credential_id).where(mine))}


async def delete_before(tx: Tx, before_us: int) -> None:
    """Delete old tests."""
    await tx.run(delete(table).where(table.c.created_at_us < before_us))


def _test(row: Row[Any]) -> ConnectionTest:
    steps = tuple(StepResult(**one) for one in row.steps)
    names = (one.name for one in table.c if one.name != "steps")
    return ConnectionTest(**{name: getattr(row, name) for name in names}, steps=steps)
