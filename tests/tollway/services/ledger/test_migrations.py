"""Books that were opened by an earlier version are guarded like new ones."""

from pathlib import Path

from sqlalchemy import text

from tests.kit.clock import FakeClock
from tests.kit.databases import Kind, database, service_migrations
from tollway.fabric.db import Tx
from tollway.services.ledger.store.tables import APPEND_ONLY, NEVER_DELETED

FIXED = {"asset_is_fixed", "account_is_fixed", "hold_is_fixed", "lot_is_fixed"}
TRIGGERS = {
    "sqlite": "SELECT name FROM sqlite_master WHERE type = 'trigger'",
    "postgresql": "SELECT tgname FROM pg_trigger JOIN pg_class ON pg_class.oid = tgrelid "
    "WHERE relnamespace = current_schema()::regnamespace AND NOT tgisinternal",
}


async def triggers(tx: Tx) -> set[str]:
    return {row[0] for row in await tx.all(text(TRIGGERS[tx.dialect]))}


async def test_the_books_are_guarded_by_triggers(kind: Kind, tmp_path: Path, clock: FakeClock) -> None:
    written_once = {f"{table}_no_update" for table in APPEND_ONLY}
    never_deleted = {f"{table}_no_delete" for table in (*APPEND_ONLY, *NEVER_DELETED)}
    async with (
        database(kind, tmp_path, clock, service_migrations("ledger"), "ledger") as db,
        db.snapshot() as tx,
    ):
        assert await triggers(tx) == FIXED | written_once | never_deleted | {"leg_refers"}
