"""The tables in code are the tables that the migrations make."""

from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy.engine import Connection

from tests.kit.metering import Stage
from tollway.fabric.db import tables as plumbing
from tollway.services.access.store import metadata

NOT_OURS = {"alembic_version", "alembic_version_plumbing", *plumbing.metadata.tables}


def differences(connection: Connection) -> list[object]:
    def ours(_item: object, name: str | None, kind: str, *_: object) -> bool:
        return kind != "table" or name not in NOT_OURS

    context = MigrationContext.configure(connection, opts={"include_object": ours, "compare_type": False})
    return list(compare_metadata(context, metadata))


async def test_the_migrations_make_the_tables_that_the_code_uses(here: Stage) -> None:
    async with here.db.engine.reading() as connection:
        assert await connection.run_sync(differences) == []
