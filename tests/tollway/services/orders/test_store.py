"""The migrations make what the store describes, on both databases."""

from pathlib import Path

from tests.kit.clock import FakeClock
from tests.kit.databases import Kind, database, service_migrations
from tests.kit.schema import drift
from tollway.services.orders.store import metadata


async def test_the_migrations_make_the_tables_of_the_store(
    kind: Kind, tmp_path: Path, clock: FakeClock
) -> None:
    async with database(kind, tmp_path, clock, service_migrations("orders")) as db:
        assert await drift(db, metadata) == []
