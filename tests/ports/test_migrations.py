"""Every service's migrations make exactly the tables that its store describes, on both engines."""

import importlib
from pathlib import Path
from typing import Any

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import MetaData
from sqlalchemy.engine import Connection

from tests.kit.clock import FakeClock
from tests.kit.databases import Kind, database, service_migrations
from tollway.fabric.db import tables
from tollway.topology import SERVICES


def differences(connection: Connection, wanted: MetaData) -> list[Any]:
    """What Alembic would still change; its own version tables do not count."""
    context = MigrationContext.configure(
        connection, opts={"compare_type": False, "compare_server_default": False}
    )
    found = compare_metadata(context, wanted)
    return [change for change in found if "alembic_version" not in str(change)]


def merged(*parts: MetaData) -> MetaData:
    whole = MetaData()
    for part in parts:
        for table in part.tables.values():
            table.to_metadata(whole)
    return whole


@pytest.mark.parametrize("service", SERVICES)
async def test_tables_and_migrations_agree(
    service: str, kind: Kind, tmp_path: Path, clock: FakeClock
) -> None:
    store = importlib.import_module(f"tollway.services.{service}.store")
    async with (
        database(kind, tmp_path, clock, service_migrations(service)) as db,
        db.engine.writing() as conn,
    ):
        assert await conn.run_sync(differences, merged(tables.metadata, store.metadata)) == []
