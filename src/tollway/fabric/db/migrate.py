"""Brings a service's database up to date: the plumbing tables first, then the service's own.

Migrations are Alembic revisions in `migrations/` folders. The two histories are kept apart in two version
tables, so a service never has to know of a change in the plumbing.
"""

from pathlib import Path
from typing import Any

from alembic.config import Config
from alembic.runtime.environment import EnvironmentContext
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import text
from sqlalchemy.engine import Connection
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection

from tollway.fabric.db.database import Database, DatabaseUnusable

PLUMBING = Path(__file__).parent / "migrations"


async def migrate(database: Database, service_migrations: Path | None) -> None:
    """Apply what is missing. Safe to run at every start and from several processes at once.

    Raises DatabaseUnusable when a newer version wrote the database.
    """
    async with database.engine.writing() as conn:
        if database.dialect == "postgresql":
            await conn.exec_driver_sql(
                "SELECT pg_advisory_xact_lock(hashtext(current_schema() || '.migrate'))"
            )
        await conn.run_sync(_upgrade, PLUMBING, "alembic_version_plumbing")
        if service_migrations is not None:
            await conn.run_sync(_upgrade, service_migrations, "alembic_version")


def apply_all(connection: Connection, service_migrations: Path) -> None:
    """Apply every migration, the plumbing's first, to an empty database."""
    _upgrade(connection, PLUMBING, "alembic_version_plumbing")
    _upgrade(connection, service_migrations, "alembic_version")


async def check_current(database: Database, service_migrations: Path | None) -> None:
    """Raise DatabaseUnusable unless the database is whole and has just the tables that this version works with."""
    assert service_migrations is not None, "a service without tables has nothing to check"
    try:
        async with database.engine.reading() as conn:
            damage = await _damage(conn) if database.dialect == "sqlite" else ""
            found = None if damage else await conn.run_sync(_current)
    except DBAPIError as error:
        damage, found = str(error.orig), None
    if damage:
        name = service_migrations.parent.name
        raise DatabaseUnusable(f"the database of {name} is damaged ({damage}); put it back from a copy")
    head = ScriptDirectory(
        str(service_migrations), version_locations=[str(service_migrations)]
    ).get_current_head()
    where = f"the database of {service_migrations.parent.name}"
    if found is None:
        raise DatabaseUnusable(f"{where} is empty, or another program's; check --data and database.url")
    if found != head:
        raise DatabaseUnusable(
            f"{where} is at {found} and this version works with {head}; run `tollway migrate`, or the newer version"
        )


async def _damage(conn: AsyncConnection) -> str:
    # Also what no figure shows: an index that lost a key would let the same thing happen twice.
    said: str = (await conn.execute(text("PRAGMA integrity_check(1)"))).scalar_one()
    return "" if said == "ok" else " ".join(said.split())


def _current(connection: Connection) -> str | None:
    return MigrationContext.configure(
        connection, opts={"version_table": "alembic_version"}
    ).get_current_revision()


def _upgrade(connection: Connection, folder: Path, version_table: str) -> None:
    script = ScriptDirectory(str(folder), version_locations=[str(folder)])
    found = MigrationContext.configure(
        connection, opts={"version_table": version_table}
    ).get_current_revision()
    if found is not None and found not in {known.revision for known in script.walk_revisions()}:
        raise DatabaseUnusable(
            f"the database is at {found} ({version_table}), which this version of Tollway does not know: a newer one "
            "wrote it; start that one, or restore a backup from before"
        )

    def to_head(revision: Any, _context: Any) -> Any:
        # Alembic's own commands do just this; it has no public name.
        return script._upgrade_revs("head", revision)  # noqa: SLF001  # pyright: ignore[reportPrivateUsage]

    with EnvironmentContext(Config(), script, fn=to_head) as environment:
        environment.configure(connection=connection, version_table=version_table)
        environment.run_migrations()
