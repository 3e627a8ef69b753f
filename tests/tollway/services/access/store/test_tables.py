"""The tables in code are the tables that the migrations make."""

from tests.kit.metering import AccessSetup
from tests.kit.schema import drift
from tollway.services.access.store import metadata


async def test_the_migrations_make_the_tables_that_the_code_uses(here: AccessSetup) -> None:
    assert await drift(here.db, metadata) == []
