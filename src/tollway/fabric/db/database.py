"""A service's database and its transactions."""

from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any, Literal, Protocol, cast

from sqlalchemy import CursorResult, Executable, Row, Table
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncConnection

from tollway.contracts.events import Event
from tollway.fabric.clock import Clock
from tollway.fabric.db import tables
from tollway.fabric.rpc.call import current
from tollway.fabric.telemetry import correlation_id, traceparent
from tollway.fabric.transactions import open_transaction, refuse_open_transaction
from tollway.kit.ids import ids_after, new_id
from tollway.kit.tasks import run_to_completion

Dialect = Literal["sqlite", "postgresql"]
Params = Mapping[str, Any] | Sequence[Mapping[str, Any]]
Wake = Callable[[], None]


class Engine(Protocol):
    """What differs between the two engines: how a connection with an open transaction is had."""

    dialect: Dialect

    async def start(self) -> None:
        """Open what is needed. Raises DatabaseUnusable with a sentence that says what to do."""
        ...

    async def stop(self) -> None:
        """Close every connection."""
        ...

    def writing(self) -> AbstractAsyncContextManager[AsyncConnection]:
        """Give a connection inside a write transaction, committed at exit, rolled back on an exception."""
        ...

    def reading(self) -> AbstractAsyncContextManager[AsyncConnection]:
        """Give a connection inside a read-only transaction."""
        ...

    def autocommit(self) -> AbstractAsyncContextManager[AsyncConnection]:
        """Give a connection on which each statement is a transaction of its own; on PostgreSQL only."""
        ...

    def stamp(self) -> object | None:
        """Return what is another after each commit, by whatever process; None when only a query can find out."""
        ...


_OUTBOX = "outbox (id, type, source, subject, at_us, data, correlation_id, traceparent, actor, action)"
_PUBLISH_BY_ROW = f"INSERT INTO {_OUTBOX} VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"  # noqa: S608  our own table
_OUTBOX_TYPES = ("text", "text", "text", "text", "bigint", "text", "text", "text", "text", "text")


def publish_parts(first: int, source: str = "") -> tuple[str, str]:
    """Spell out what writes `Tx.outbox_columns`, the parameters from number `first` on: a query, and an INSERT.

    The query goes into a WITH as `turn`. With a `source`, which is named there too, nothing is written unless that has
    given a row. Positions must appear in order of commit, or a reader would step over a late one: the lock comes before
    the first of them.
    """
    turn = "SELECT pg_advisory_xact_lock(hashtext(current_schema() || '.outbox'))"
    turn += f" FROM {source}" if source else ""
    columns = ", ".join(f"${number}::{name}[]" for number, name in enumerate(_OUTBOX_TYPES, first))
    insert = f"INSERT INTO {_OUTBOX} SELECT published.* FROM turn, unnest({columns}) AS published"  # noqa: S608
    return turn, insert


_PUBLISH_AT_ONCE = "WITH turn AS MATERIALIZED ({}) {}".format(*publish_parts(1))


class DatabaseUnusable(Exception):
    """The database cannot be opened; the text is one line that says what to do."""


class Tx:
    """One open transaction: statements, events and jobs that stand or fall together."""

    def __init__(self, conn: AsyncConnection, dialect: Dialect, now_us: int) -> None:
        self.conn = conn
        self.dialect = dialect
        self.now_us = now_us
        self._driver: Any = None
        self.published: list[tuple[Any, ...]] = []
        self.enqueued: list[dict[str, Any]] = []

    async def driver(self) -> Any:
        """Return the driver's own connection, inside this transaction: for the few statements that must cost little.

        What goes wrong there is raised by the driver. On SQLite nothing else may run before such a statement has ended.
        """
        if self._driver is None:
            self._driver = (await self.conn.get_raw_connection()).driver_connection
        return self._driver

    async def run(self, statement: Executable, params: Params | None = None) -> CursorResult[Any]:
        """Execute a statement; a list of parameter sets executes it once for each."""
        return await self._execute(statement, params)

    async def all(self, statement: Executable, params: Params | None = None) -> Sequence[Row[Any]]:
        """Return every row."""
        return (await self._execute(statement, params)).all()

    async def first(self, statement: Executable, params: Params | None = None) -> Row[Any] | None:
        """Return the first row, or None."""
        return (await self._execute(statement, params)).first()

    async def scalar(self, statement: Executable, params: Params | None = None) -> Any:
        """Return the first column of the first row, or None."""
        row = await self.first(statement, params)
        return None if row is None else row[0]

    def insert(self, table: Table) -> sqlite.Insert | postgresql.Insert:
        """Make an INSERT that knows `on_conflict_do_nothing` and `on_conflict_do_update` here."""
        return sqlite.insert(table) if self.dialect == "sqlite" else postgresql.insert(table)

    def publish(self, event: Event, *, actor: str = "") -> None:
        """Publish an event: it is received if and only if this transaction commits.

        Its envelope names who did it: the user of the call at hand, or the service itself when it acts of its own
        accord. `actor` is for a writer that serves several callers at once.
        """
        data = event.to_json()
        call = current()
        self.published.append(
            (
                event.topic,
                event.source,
                event.subject,
                self.now_us,
                data,
                correlation_id.get(),
                traceparent.get(),
                actor or call.user_id or event.source,
                call.action,
            )
        )

    def enqueue(self, kind: str, payload: dict[str, Any], *, due_in_s: float = 0, unique: str = "") -> None:
        """Leave durable work: it runs, at least once, if and only if this transaction commits.

        A job of the same kind with the same `unique` key, done or not, makes this one a no-op.
        """
        call = current()
        self.enqueued.append(
            {
                "id": new_id("job"),
                "kind": kind,
                "unique_key": unique or None,
                "payload": payload,
                "due_us": self.now_us + int(due_in_s * 1_000_000),
                "attempts": 0,
                "leased_until_us": 0,
                "lease": "",
                "state": "ready",
                "error": "",
                "correlation_id": correlation_id.get(),
                "actor": call.user_id,
                "action": call.action,
                "created_at_us": self.now_us,
            }
        )

    async def flush(self) -> None:
        """Write the events and jobs; the last thing before the commit, so that the log's order is theirs."""
        if self.enqueued:
            await self.run(self.insert(tables.job).on_conflict_do_nothing(), self.enqueued)
        if self.published:
            driver = await self.driver()
            if self.dialect == "postgresql":
                await driver.execute(_PUBLISH_AT_ONCE, *self.outbox_columns())
            else:
                await run_to_completion(driver.executemany(_PUBLISH_BY_ROW, self._outbox_rows()))

    def outbox_columns(self) -> list[tuple[Any, ...]]:
        """Return the published events as columns, for a statement with `publish_parts`."""
        return list(zip(*self._outbox_rows(), strict=True))

    def _outbox_rows(self) -> list[tuple[Any, ...]]:
        ids = ids_after("evt", "", len(self.published), self.now_us)
        return [(id_, *event) for id_, event in zip(ids, self.published, strict=True)]

    async def _execute(self, statement: Executable, params: Params | None) -> CursorResult[Any]:
        work = self.conn.execute(statement, params)
        # SQLite runs in a thread that cannot be stopped: a cancelled caller must wait for it, or the next statement
        # would run into this one. asyncpg cancels at the server and knows how to give the connection up.
        result = await (run_to_completion(work) if self.dialect == "sqlite" else work)
        return cast("CursorResult[Any]", result)


class Database:
    """One service's data. See the package docstring for what it promises."""

    def __init__(self, engine: Engine, clock: Clock) -> None:
        self.engine = engine
        self.clock = clock
        self._on_events: list[Wake] = []
        self._on_jobs: list[Wake] = []
        self._on_commit: list[Wake] = []

    @property
    def dialect(self) -> Dialect:
        """Which engine this is; for SQL that must differ, never for rules."""
        return self.engine.dialect

    @property
    def is_shared(self) -> bool:
        """Whether other processes write to it too, whose commits wake nobody here."""
        return self.dialect == "postgresql"

    def stamp(self) -> object | None:
        """Return what is another after each commit, by whatever process; None when only a query can find out."""
        return self.engine.stamp()

    async def start(self) -> None:
        """Open the database. Raises DatabaseUnusable."""
        await self.engine.start()

    async def stop(self) -> None:
        """Close the database."""
        await self.engine.stop()

    def on_published(self, wake: Wake) -> None:
        """Call `wake` after each commit that published an event."""
        self._on_events.append(wake)

    def when_enqueued(self, wake: Wake) -> None:
        """Call `wake` after each commit that left a job."""
        self._on_jobs.append(wake)

    def when_committed(self, wake: Wake) -> None:
        """Call `wake` after each commit of a write transaction."""
        self._on_commit.append(wake)

    @asynccontextmanager
    async def transaction(self) -> AsyncGenerator[Tx, None]:
        """Write: everything inside commits together, or nothing does."""
        refuse_open_transaction("a write transaction was begun")
        async with self.engine.writing() as conn:
            token = open_transaction.set(True)
            try:
                tx = Tx(conn, self.dialect, self.clock.now_us())
                yield tx
                await tx.flush()
            finally:
                open_transaction.reset(token)
        self._wake(tx)

    @asynccontextmanager
    async def autocommit(self) -> AsyncGenerator[Tx, None]:
        """Write with one statement of the driver, a transaction of its own, that writes what is published as well.

        On PostgreSQL only, for a writer whose journeys to the server count.
        """
        refuse_open_transaction("a write transaction was begun")
        async with self.engine.autocommit() as conn:
            token = open_transaction.set(True)
            try:
                tx = Tx(conn, self.dialect, self.clock.now_us())
                yield tx
            finally:
                open_transaction.reset(token)
        self._wake(tx)

    @asynccontextmanager
    async def snapshot(self) -> AsyncGenerator[Tx, None]:
        """Read one consistent state; writing raises."""
        async with self.engine.reading() as conn:
            # The state before is set again by hand: a generator that is closed late runs in another context.
            before = open_transaction.get()
            open_transaction.set(True)
            try:
                yield Tx(conn, self.dialect, self.clock.now_us())
            finally:
                open_transaction.set(before)

    def _wake(self, tx: Tx) -> None:
        for wake in self._on_events if tx.published else ():
            wake()
        for wake in self._on_jobs if tx.enqueued else ():
            wake()
        for wake in self._on_commit:
            wake()
