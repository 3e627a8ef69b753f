"""PostgreSQL through asyncpg: a schema per service, in one server or many."""

import logging
import time
from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager
from functools import partial
from types import MappingProxyType
from typing import Any

import asyncpg  # pyright: ignore[reportMissingTypeStubs]
from sqlalchemy import event
from sqlalchemy.exc import DBAPIError, InvalidatePoolError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine

from tollway.fabric.db.database import DatabaseUnusable, Dialect
from tollway.kit.errors import Unavailable
from tollway.kit.tasks import run_to_completion

# A connection that was used a moment ago is taken to be alive: to ask takes three journeys to the server.
ALIVE_S = 1.0
# A connection keeps the plan of a statement that it runs often. One that was made while the tables were small must be
# good when they are large: by indexes, and not compiled, which takes longer than running it.
KEPT_PLANS = {"enable_seqscan": "off", "enable_hashjoin": "off", "enable_mergejoin": "off", "jit": "off"}
# What the driver raises for a connection that has ended or was ended; the last when the end comes between two answers.
_CONNECTION_LOST = (
    asyncpg.PostgresConnectionError,
    asyncpg.InterfaceError,
    asyncpg.AdminShutdownError,
    asyncpg.InternalClientError,
)
# A disk, memory or connections that are used up (53), a disk that fails (58); and a server that has become one for
# reading, as hosted ones do when the disk is nearly full.
_SHORT_OF_RESOURCES, _READ_ONLY, _SERVER_STOPS = {"53", "58"}, "25006", "57P"

_log = logging.getLogger(__name__)


class PostgresDatabase:
    """The engine behind a service's schema. `url` is `postgresql://user:password@host:port/name`."""

    dialect: Dialect = "postgresql"

    def __init__(self, url: str, schema: str, pool_size: int = 5) -> None:
        self._schema = schema
        self._url = url.replace("postgresql://", "postgresql+asyncpg://", 1)
        self._engine = self._make_engine(pool_size)
        self._single = self._make_engine(1, KEPT_PLANS)  # for `autocommit`; connects when that is used

    def _make_engine(self, pool_size: int, settings: Mapping[str, str] = MappingProxyType({})) -> AsyncEngine:
        engine = create_async_engine(
            self._url,
            pool_size=pool_size,
            max_overflow=pool_size,
            pool_timeout=30,
            isolation_level="AUTOCOMMIT",  # transactions are begun and ended below
            hide_parameters=True,  # errors are logged, and values may be secrets
            connect_args={
                "timeout": 10,
                "server_settings": {
                    "search_path": self._schema,
                    "application_name": f"tollway-{self._schema}",
                    # A stuck transaction must not hold the accounts' rows for ever.
                    "idle_in_transaction_session_timeout": "60000",
                    **settings,
                },
            },
        )
        event.listen(engine.sync_engine, "checkin", self._on_checkin)
        event.listen(engine.sync_engine, "checkout", partial(self._on_checkout, engine))
        return engine

    async def start(self) -> None:
        """Connect and make the schema. Raises DatabaseUnusable."""
        try:
            async with self._transaction("BEGIN") as conn:
                # Two processes may start at once; CREATE SCHEMA IF NOT EXISTS alone can collide.
                await conn.exec_driver_sql("SELECT pg_advisory_xact_lock(hashtext('tollway.schema'))")
                await conn.exec_driver_sql(f'CREATE SCHEMA IF NOT EXISTS "{self._schema}"')
        except (OSError, DBAPIError, asyncpg.PostgresError, Unavailable) as error:
            raise DatabaseUnusable(
                f"cannot use PostgreSQL for {self._schema}: {error.__cause__ or error}; check database.url, that "
                "the server is up and that the role may create schemas"
            ) from error

    async def stop(self) -> None:
        """Close every connection."""
        await self._engine.dispose()
        await self._single.dispose()

    @asynccontextmanager
    async def writing(self) -> AsyncGenerator[AsyncConnection, None]:
        """Write in a READ COMMITTED transaction. Raises Unavailable when the server cannot be reached."""
        async with self._transaction("BEGIN") as conn:
            yield conn

    @asynccontextmanager
    async def reading(self) -> AsyncGenerator[AsyncConnection, None]:
        """Read one snapshot. Raises Unavailable when the server cannot be reached."""
        async with self._transaction("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY") as conn:
            yield conn

    @asynccontextmanager
    async def autocommit(self) -> AsyncGenerator[AsyncConnection, None]:
        """Give a connection on which each statement is a transaction of its own. Raises Unavailable as above."""
        async with self._connection(self._single, writes=True) as (conn, raw):
            try:
                yield conn
            except BaseException:
                await run_to_completion(_roll_back(conn, raw))
                raise

    @asynccontextmanager
    async def _transaction(self, begin: str) -> AsyncGenerator[AsyncConnection, None]:
        """Give a connection on which a transaction is open from the first moment, also for the driver's own statements.

        The driver begins and ends it: through SQLAlchemy both cost several times as much, and it would begin with the
        first statement that it sees itself.
        """
        async with self._connection(self._engine, writes="READ ONLY" not in begin) as (conn, raw):
            try:
                await raw.execute(begin)
                yield conn
                status = await raw.execute("COMMIT")
            except BaseException:
                await run_to_completion(_roll_back(conn, raw))
                raise
            # The server says ROLLBACK when a statement had failed, whatever became of its error here.
            assert status == "COMMIT", "a statement of the transaction failed, so nothing was committed"

    @asynccontextmanager
    async def _connection(
        self, engine: AsyncEngine, *, writes: bool
    ) -> AsyncGenerator[tuple[AsyncConnection, Any], None]:
        """Give a connection, and the driver's own below it. Raises Unavailable when the server cannot do it now."""
        try:
            async with engine.connect() as conn:
                yield conn, (await conn.get_raw_connection()).driver_connection
        except (OSError, asyncpg.CannotConnectNowError) as error:
            raise Unavailable("the database does not answer; try again soon") from error
        except _CONNECTION_LOST as error:
            raise Unavailable("the database closed the connection; try again soon") from error
        except (DBAPIError, asyncpg.PostgresError) as error:
            state = _sqlstate(error)
            ended = isinstance(error, DBAPIError) and error.connection_invalidated
            if ended or state.startswith(_SERVER_STOPS):
                raise Unavailable("the database closed the connection; try again soon") from error
            if state[:2] not in _SHORT_OF_RESOURCES and not (writes and state == _READ_ONLY):
                raise
            # For the operator; a customer can do nothing about it.
            _log.error("PostgreSQL refuses the data (%s); look after its disk, memory and connections", error)
            raise Unavailable("nothing can be stored at the moment; try again later") from error

    def stamp(self) -> None:
        """Only a query shows what others committed."""
        return

    def _on_checkin(self, _connection: Any, record: Any) -> None:
        record.info["idle_since"] = time.monotonic()

    def _on_checkout(self, engine: AsyncEngine, connection: Any, record: Any, _proxy: Any) -> None:
        if time.monotonic() - record.info.get("idle_since", time.monotonic()) < ALIVE_S:
            return
        dialect = engine.sync_engine.dialect
        try:
            dialect.do_ping(connection)
        except dialect.loaded_dbapi.Error as error:
            # The pool then makes new connections, and does not offer the others of the same age.
            raise InvalidatePoolError from error


def _sqlstate(error: DBAPIError | asyncpg.PostgresError) -> str:
    found = error.orig if isinstance(error, DBAPIError) else error
    return getattr(found, "sqlstate", None) or ""


async def _roll_back(conn: AsyncConnection, raw: Any) -> None:
    """Undo what was done; a connection of which that is not certain is used by nobody again."""
    try:
        if raw.is_in_transaction():
            await raw.execute("ROLLBACK")
    except (OSError, asyncpg.PostgresError, *_CONNECTION_LOST):
        await conn.invalidate()
