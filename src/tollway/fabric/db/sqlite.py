"""SQLite: one file per service, WAL, one writer connection and a few readers.

Only the owner may read a file, as it may hold password hashes and mail. A small `.made` file beside it remembers that
it was made: where it is lost, an empty one in its place would look like a business in which nobody has anything.
"""

import asyncio
import logging
import os
import sqlite3
import time
from collections.abc import AsyncGenerator, Generator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any, Literal, NoReturn

from sqlalchemy import event
from sqlalchemy.engine import Connection
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine

from tollway.fabric.db.database import DatabaseUnusable, Dialect
from tollway.kit.errors import Unavailable
from tollway.kit.tasks import run_to_completion

_log = logging.getLogger(__name__)

READERS = 3
BUSY_TIMEOUT_MS = 10_000
STAMP_TICK_NS = 1_000_000_000


class SqliteDatabase:
    """The engine behind a service's file. `durability` FULL survives a power cut, NORMAL a crash."""

    dialect: Dialect = "sqlite"

    def __init__(self, path: Path, durability: Literal["FULL", "NORMAL"] = "NORMAL") -> None:
        self._path = path
        self._durability = durability
        self._turn = asyncio.Lock()
        self._writer = self._engine("BEGIN IMMEDIATE", readonly=False, size=1)
        self._readers = self._engine("BEGIN", readonly=True, size=READERS)

    async def start(self) -> None:
        """Open (and make) the file. Raises DatabaseUnusable, also for one that was there once and is gone."""
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            self._prepare()
            async with self.writing():
                pass
            self._made.touch()
        except (OSError, DBAPIError, sqlite3.Error, Unavailable) as error:
            reason = error.orig if isinstance(error, DBAPIError) else error.__cause__ or error
            raise DatabaseUnusable(
                f"cannot open {self._path}: {reason}; check that the folder exists, can be "
                "written and has space, or choose another with --data"
            ) from error

    async def stop(self) -> None:
        """Close every connection, which also folds the write-ahead log into the file."""
        await self._readers.dispose()
        await self._writer.dispose()

    @asynccontextmanager
    async def writing(self) -> AsyncGenerator[AsyncConnection, None]:
        """Write, one at a time. Raises Unavailable when the disk is full or the file cannot be written."""
        async with self._turn:
            with _disk_refused("nothing can be stored at the moment; try again later", writes=True):
                async with _whole(self._writer) as conn:
                    yield conn

    @asynccontextmanager
    async def reading(self) -> AsyncGenerator[AsyncConnection, None]:
        """Read a snapshot. Raises Unavailable when the disk is in the way: a reader marks its place in a file too."""
        with _disk_refused("nothing can be looked up at the moment; try again later", writes=False):
            async with _whole(self._readers) as conn:
                yield conn

    def autocommit(self) -> NoReturn:
        """Refuse: here several statements cost as little as one."""
        raise NotImplementedError("a transaction on SQLite is begun and ended")

    def stamp(self) -> object | None:
        """Return the state of the write-ahead log, to which every commit writes; None while it is too fresh."""
        try:
            log = self._path.with_name(f"{self._path.name}-wal").stat()
        except OSError:
            return None
        # Another write in the same tick of the file system's clock would not show.
        return None if time.time_ns() - log.st_mtime_ns < STAMP_TICK_NS else (log.st_mtime_ns, log.st_size)

    @property
    def _made(self) -> Path:
        return self._path.with_suffix(".made")

    def _prepare(self) -> None:
        if self._made.exists() and not (self._path.exists() and self._path.stat().st_size):
            raise DatabaseUnusable(
                f"{self._path} was there and is gone or empty; put it back from a copy, or remove {self._made} to "
                "begin without its data"
            )
        # SQLite gives its two companions the rights of the file.
        os.close(os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))

    def _engine(self, begin: str, *, readonly: bool, size: int) -> AsyncEngine:
        engine = create_async_engine(
            f"sqlite+aiosqlite:///{self._path}",
            pool_size=size,
            max_overflow=0,
            pool_timeout=30,
            hide_parameters=True,  # errors are logged, and values may be secrets
            connect_args={"timeout": BUSY_TIMEOUT_MS / 1000, "isolation_level": None},
        )

        def on_connect(connection: Any, _record: Any) -> None:
            cursor = connection.cursor()
            for pragma in _pragmas(self._durability, readonly=readonly):
                cursor.execute(f"PRAGMA {pragma}")
            cursor.close()
            # Its own knows the letters of ASCII only.
            connection.create_function("lower", 1, _lower, deterministic=True)

        def on_begin(connection: Connection) -> None:
            connection.exec_driver_sql(begin)

        event.listen(engine.sync_engine, "connect", on_connect)
        event.listen(engine.sync_engine, "begin", on_begin)
        return engine


@contextmanager
def _disk_refused(message: str, *, writes: bool) -> Generator[None]:
    try:
        yield
    except (DBAPIError, sqlite3.Error) as error:
        if not _is_about_the_disk(error) or (not writes and _is_own_mistake(error)):
            raise
        # For the operator; a customer can do nothing about it.
        _log.error(
            "the disk refuses the data (%s); free some space, or see why it cannot be written", _cause(error)
        )
        raise Unavailable(message) from error


@asynccontextmanager
async def _whole(engine: AsyncEngine) -> AsyncGenerator[AsyncConnection, None]:
    """Open a transaction that a cancelled task (a deadline, a stop) rolls back cleanly.

    A connection that was cut off between two bytes of a commit would keep the file locked until it is collected.
    """
    conn = engine.connect()
    try:
        await run_to_completion(_begin(conn))
    except asyncio.CancelledError:
        # It was begun all the same: `uncut` raises only after the step has ended.
        if conn.sync_connection is not None:
            await run_to_completion(conn.close())
        raise
    try:
        yield conn
        await run_to_completion(conn.commit())
    except BaseException:
        await run_to_completion(conn.rollback())
        raise
    finally:
        await run_to_completion(conn.close())


async def _begin(conn: AsyncConnection) -> None:
    await conn.start()
    try:
        await conn.begin()
    except BaseException:
        await conn.close()
        raise


def _pragmas(durability: str, *, readonly: bool) -> list[str]:
    shared = [f"busy_timeout={BUSY_TIMEOUT_MS}", "foreign_keys=ON", "temp_store=MEMORY"]
    if readonly:
        return [*shared, "cache_size=-1000", "query_only=ON"]
    # The writer's cache (KiB) is filled by use only: a small business needs little of it, a busy one all.
    return [
        *shared,
        "cache_size=-16000",
        "journal_mode=WAL",
        f"synchronous={durability}",
        "wal_autocheckpoint=2000",
    ]


def _lower(value: object) -> str | None:
    return None if value is None else str(value).lower()


def _cause(error: DBAPIError | sqlite3.Error) -> BaseException | None:
    """Return what the driver raised; statements that are given to it directly raise it themselves."""
    return error.orig if isinstance(error, DBAPIError) else error


def _is_own_mistake(error: DBAPIError | sqlite3.Error) -> bool:
    """Return whether somebody tried to write in a snapshot, and the disk has nothing to do with it."""
    return getattr(_cause(error), "sqlite_errorcode", 0) == sqlite3.SQLITE_READONLY


def _is_about_the_disk(error: DBAPIError | sqlite3.Error) -> bool:
    text = str(_cause(error))
    return any(
        sign in text for sign in ("disk is full", "disk I/O error", "readonly database", "unable to open")
    )
