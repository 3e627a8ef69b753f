"""PostgreSQL through asyncpg: a schema per service, in one server or many."""

import time
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Any

from sqlalchemy import event
from sqlalchemy.exc import DBAPIError, InvalidatePoolError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine

from tollway.fabric.db.database import DatabaseUnusable, Dialect
from tollway.kit.errors import Unavailable

# A connection that was used a moment ago is taken to be alive: to ask takes three journeys to the server.
ALIVE_S = 1.0


class PostgresDatabase:
    """The engine behind a service's schema. `url` is `postgresql://user:password@host:port/name`."""

    dialect: Dialect = "postgresql"

    def __init__(self, url: str, schema: str, pool_size: int = 5) -> None:
        self._schema = schema
        self._engine: AsyncEngine = create_async_engine(
            url.replace("postgresql://", "postgresql+asyncpg://", 1),
            pool_size=pool_size,
            max_overflow=pool_size,
            pool_timeout=30,
            hide_parameters=True,  # errors are logged, and values may be secrets
            connect_args={
                "timeout": 10,
                "server_settings": {
                    "search_path": schema,
                    "application_name": f"tollway-{schema}",
                    # A stuck transaction must not hold the accounts' rows for ever.
                    "idle_in_transaction_session_timeout": "60000",
                },
            },
        )

        event.listen(self._engine.sync_engine, "checkin", self._on_checkin)
        event.listen(self._engine.sync_engine, "checkout", self._on_checkout)

    async def start(self) -> None:
        """Connect and make the schema. Raises DatabaseUnusable."""
        try:
            async with self._engine.begin() as conn:
                # Two processes may start at once; CREATE SCHEMA IF NOT EXISTS alone can collide.
                await conn.exec_driver_sql("SELECT pg_advisory_xact_lock(hashtext('tollway.schema'))")
                await conn.exec_driver_sql(f'CREATE SCHEMA IF NOT EXISTS "{self._schema}"')
        except (OSError, DBAPIError) as error:
            raise DatabaseUnusable(
                f"cannot use PostgreSQL for {self._schema}: {error.__cause__ or error}; check database.url, that "
                "the server is up and that the role may create schemas"
            ) from error

    async def stop(self) -> None:
        """Close every connection."""
        await self._engine.dispose()

    @asynccontextmanager
    async def writing(self) -> AsyncGenerator[AsyncConnection, None]:
        """Write in a READ COMMITTED transaction. Raises Unavailable when the server cannot be reached."""
        try:
            async with self._engine.begin() as conn:
                yield conn
        except OSError as error:
            raise Unavailable("the database does not answer; try again soon") from error
        except DBAPIError as error:
            if error.connection_invalidated:
                raise Unavailable("the database closed the connection; try again soon") from error
            raise

    @asynccontextmanager
    async def reading(self) -> AsyncGenerator[AsyncConnection, None]:
        """Read one snapshot (REPEATABLE READ, READ ONLY)."""
        try:
            async with self._engine.connect() as conn:
                await conn.execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True)
                async with conn.begin():
                    yield conn
        except OSError as error:
            raise Unavailable("the database does not answer; try again soon") from error

    def stamp(self) -> None:
        """Only a query can tell what others committed."""
        return

    def _on_checkin(self, _connection: Any, record: Any) -> None:
        record.info["idle_since"] = time.monotonic()

    def _on_checkout(self, connection: Any, record: Any, _proxy: Any) -> None:
        if time.monotonic() - record.info.get("idle_since", time.monotonic()) < ALIVE_S:
            return
        dialect = self._engine.sync_engine.dialect
        try:
            dialect.do_ping(connection)
        except dialect.loaded_dbapi.Error as error:
            # The pool then makes new connections, and does not offer the others of the same age.
            raise InvalidatePoolError from error
