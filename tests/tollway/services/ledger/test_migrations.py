"""Books that were opened by an earlier version are guarded like new ones."""

import shutil
from pathlib import Path

from sqlalchemy import text

from tests.kit.clock import FakeClock
from tests.kit.databases import Kind, database, service_migrations
from tollway.fabric.db import Tx, migrate

FIXED = {"asset_is_fixed", "account_is_fixed", "hold_is_fixed", "lot_is_fixed"}
TRIGGERS = {
    "sqlite": "SELECT name FROM sqlite_master WHERE type = 'trigger'",
    "postgresql": "SELECT tgname FROM pg_trigger JOIN pg_class ON pg_class.oid = tgrelid "
    "WHERE relnamespace = current_schema()::regnamespace",
}


async def triggers(tx: Tx) -> set[str]:
    return {row[0] for row in await tx.all(text(TRIGGERS[tx.dialect]))}


async def test_what_legs_refer_to_is_guarded_in_old_books_too(
    kind: Kind, tmp_path: Path, clock: FakeClock
) -> None:
    ours, before = service_migrations("ledger"), tmp_path / "before"
    before.mkdir()
    for revision in ("0001_books.py", "0002_guard.py"):
        shutil.copy(ours / revision, before)
    async with database(kind, tmp_path, clock, before, "ledger") as db:
        async with db.transaction() as tx:
            for name in sorted(FIXED):  # the first books had none of these
                on = f" ON {name.partition('_')[0]}" if tx.dialect == "postgresql" else ""
                await tx.run(text(f"DROP TRIGGER {name}{on}"))
            assert not FIXED & await triggers(tx)
        await migrate(db, ours)
        async with db.snapshot() as tx:
            assert await triggers(tx) >= FIXED
