"""The database port: one body on SQLite and on PostgreSQL."""

import asyncio
from contextlib import suppress
from pathlib import Path
from unittest.mock import patch

import asyncpg  # pyright: ignore[reportMissingTypeStubs]
import pytest
from sqlalchemy import func, select, text
from sqlalchemy.exc import DBAPIError

from tests.kit.clock import FakeClock
from tests.kit.databases import Kind, database
from tollway.contracts.events import TransactionMade, UserRegistered
from tollway.fabric.db import Database, migrate, publish_parts, tables
from tollway.fabric.db.postgres import KEPT_PLANS
from tollway.fabric.db.sqlite import SqliteDatabase
from tollway.fabric.transactions import CalledInTransaction
from tollway.kit.errors import Unavailable

HELLO = UserRegistered(user_id="usr_1", email="a@example.com")


async def count(db: Database) -> int:
    async with db.snapshot() as tx:
        return await tx.scalar(select(func.count()).select_from(tables.outbox))


async def test_what_a_transaction_tells_is_there_after_it_commits(plain_db: Database) -> None:
    async with plain_db.transaction() as tx:
        tx.publish(HELLO)
    async with plain_db.snapshot() as tx:
        row = await tx.first(tables.outbox.select())
    assert row is not None
    assert (row.type, row.source, row.subject) == ("USER_REGISTERED", "identity", "usr_1")


async def test_an_exception_takes_everything_back(plain_db: Database) -> None:
    with pytest.raises(RuntimeError):
        async with plain_db.transaction() as tx:
            tx.publish(HELLO)
            tx.enqueue("work", {})
            await tx.flush()
            raise RuntimeError
    assert await count(plain_db) == 0


async def test_a_snapshot_refuses_to_write(plain_db: Database) -> None:
    with pytest.raises(DBAPIError):
        async with plain_db.snapshot() as tx:
            await tx.run(tables.inbox.delete())


async def test_a_unique_job_is_left_once(plain_db: Database) -> None:
    for _ in range(2):
        async with plain_db.transaction() as tx:
            tx.enqueue("work", {"n": 1}, unique="only")
            tx.enqueue("work", {"n": 2})
    async with plain_db.snapshot() as tx:
        assert await tx.scalar(select(func.count()).select_from(tables.job)) == 3


async def test_parallel_writers_all_get_their_turn(plain_db: Database) -> None:
    async def write() -> None:
        async with plain_db.transaction() as tx:
            tx.publish(HELLO)

    await asyncio.gather(*(write() for _ in range(40)))
    async with plain_db.snapshot() as tx:
        rows = await tx.all(select(tables.outbox.c.position).order_by(tables.outbox.c.position))
    assert len({row.position for row in rows}) == 40


async def test_listeners_wake_after_the_commit_and_only_then(plain_db: Database) -> None:
    woken: list[str] = []
    plain_db.on_published(lambda: woken.append("events"))
    plain_db.when_enqueued(lambda: woken.append("jobs"))
    async with plain_db.transaction() as tx:
        tx.publish(HELLO)
        assert woken == []
    async with plain_db.transaction() as tx:
        tx.enqueue("work", {})
    assert woken == ["events", "jobs"]


async def test_migrating_again_changes_nothing(plain_db: Database) -> None:
    async with plain_db.transaction() as tx:
        tx.publish(HELLO)
    await migrate(plain_db, None)
    assert await count(plain_db) == 1


async def test_what_was_committed_is_there_after_a_restart(tmp_path: Path, clock: FakeClock) -> None:
    async with database("sqlite", tmp_path, clock, name="kept") as db:
        async with db.transaction() as tx:
            tx.publish(HELLO)
        assert isinstance(db.engine, SqliteDatabase)
        path = db.engine._path
    again = Database(SqliteDatabase(path), clock)
    await again.start()
    assert await count(again) == 1
    await again.stop()


async def test_two_databases_do_not_see_each_other(kind: Kind, tmp_path: Path, clock: FakeClock) -> None:
    async with database(kind, tmp_path, clock) as one, database(kind, tmp_path, clock) as two:
        async with one.transaction() as tx:
            tx.publish(HELLO)
        assert (await count(one), await count(two)) == (1, 0)


async def test_a_writer_cut_off_in_the_middle_holds_up_nobody(plain_db: Database) -> None:
    async def write() -> None:
        async with plain_db.transaction() as tx:
            await tx.first(tables.outbox.select())
            tx.publish(HELLO)

    for delay_us in range(0, 4_000, 100):
        cut = asyncio.ensure_future(write())
        await asyncio.sleep(delay_us / 1_000_000)
        cut.cancel()
        await asyncio.wait({cut})
        async with asyncio.timeout(20):
            await write()
    async with plain_db.snapshot() as tx:
        assert await tx.scalar(select(func.count()).select_from(tables.outbox)) >= 40


async def test_a_connection_that_died_while_it_lay_idle_is_replaced_unnoticed(
    clock: FakeClock, tmp_path: Path
) -> None:
    async with database("postgresql", tmp_path, clock) as db:
        await asyncio.gather(*(count(db) for _ in range(4)))
        async with db.snapshot() as tx:
            dead = await tx.all(
                text(
                    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid() "
                    "AND application_name = current_setting('application_name')"
                )
            )
        assert len(dead) >= 3
        with patch("tollway.fabric.db.postgres.ALIVE_S", 0.0):
            assert await asyncio.gather(*(count(db) for _ in range(4))) == [0] * 4


async def test_a_connection_that_dies_in_a_transaction_is_unavailable_and_leaves_nothing(
    tmp_path: Path, clock: FakeClock
) -> None:
    async with database("postgresql", tmp_path, clock) as db:
        with pytest.raises(Unavailable):
            async with db.transaction() as tx:
                tx.publish(HELLO)
                await tx.flush()
                mine = await tx.scalar(text("SELECT pg_backend_pid()"))
                async with db.snapshot() as other:
                    await other.run(text(f"SELECT pg_terminate_backend({mine})"))
                await (await tx.driver()).fetchval("SELECT 1")
        assert await count(db) == 0


SHORT = "nothing can be stored at the moment"


@pytest.mark.slow
@pytest.mark.parametrize(
    ("code", "told"),
    [
        ("53100", SHORT),  # the disk is full
        ("53200", SHORT),  # out of memory
        ("53300", SHORT),  # too many connections
        ("53400", SHORT),
        ("58030", SHORT),  # the disk fails
        ("58P01", SHORT),  # a file is gone
        ("25006", SHORT),  # hosted servers become read-only when their disk is nearly full
        ("57P01", "closed the connection"),
        ("40001", ""),
        ("23505", ""),
        ("42601", ""),
    ],
)
@pytest.mark.parametrize("own_statement", [True, False], ids=["driver", "SQLAlchemy"])
async def test_a_server_that_cannot_store_anything_is_unavailable(
    tmp_path: Path, clock: FakeClock, code: str, told: str, *, own_statement: bool
) -> None:
    raised = f"DO $$ BEGIN RAISE EXCEPTION 'as the server would' USING ERRCODE = '{code}'; END $$"
    async with database("postgresql", tmp_path, clock) as db:
        with pytest.raises((Unavailable, DBAPIError, asyncpg.PostgresError)) as found:
            async with db.transaction() as tx:
                await ((await tx.driver()).execute(raised) if own_statement else tx.run(text(raised)))
        assert isinstance(found.value, Unavailable) == bool(told)
        assert told in str(found.value)
        async with db.transaction() as tx:
            tx.publish(HELLO)
        assert await count(db) == 1


@pytest.mark.slow
async def test_a_server_that_became_one_for_reading_is_read_and_unavailable_to_who_writes(
    tmp_path: Path, clock: FakeClock
) -> None:
    async with database("postgresql", tmp_path, clock) as db:
        with pytest.raises(Unavailable, match=SHORT):
            async with db.transaction() as tx:
                await tx.run(text("SET TRANSACTION READ ONLY"))
                tx.publish(HELLO)
        assert await count(db) == 0
        with pytest.raises(DBAPIError):  # a mistake of ours stays one
            async with db.snapshot() as tx:
                await tx.run(tables.outbox.delete())


async def test_a_swallowed_failure_commits_nothing_and_says_so(tmp_path: Path, clock: FakeClock) -> None:
    """After a failed statement PostgreSQL answers COMMIT with ROLLBACK, and without an error."""
    async with database("postgresql", tmp_path, clock) as db:
        with pytest.raises(AssertionError, match="nothing was committed"):
            async with db.transaction() as tx:
                await tx.run(tables.subscription.insert().values(name="audit", position=1))
                with suppress(DBAPIError):
                    await tx.run(text("SELECT * FROM nothing"))
        async with db.snapshot() as tx:
            assert await tx.first(tables.subscription.select()) is None


async def test_the_drivers_own_statements_are_part_of_the_transaction(plain_db: Database) -> None:
    statement = "INSERT INTO subscription (name, position) VALUES ('audit', 1)"
    with pytest.raises(RuntimeError):
        async with plain_db.transaction() as tx:
            await (await tx.driver()).execute(statement)
            raise RuntimeError
    async with plain_db.snapshot() as tx:
        assert await tx.first(tables.subscription.select()) is None
    async with plain_db.transaction() as tx:
        await (await tx.driver()).execute(statement)
    async with plain_db.snapshot() as tx:
        assert (await tx.scalar(select(tables.subscription.c.position))) == 1


async def test_a_snapshot_is_one_state_from_its_first_statement_on_whoever_makes_it(
    tmp_path: Path, clock: FakeClock
) -> None:
    read = asyncio.Event()

    async def publish(db: Database) -> None:
        await read.wait()
        async with db.transaction() as tx:
            tx.publish(HELLO)

    async with database("postgresql", tmp_path, clock) as db:
        publishing = asyncio.ensure_future(publish(db))
        async with db.snapshot() as tx:
            assert await (await tx.driver()).fetchval("SELECT count(*) FROM outbox") == 0
            read.set()
            await publishing
            assert await tx.scalar(select(func.count()).select_from(tables.outbox)) == 0
        assert await count(db) == 1


def test_an_event_is_rendered_as_pydantic_renders_it() -> None:
    made = TransactionMade(
        transaction_id="txn_1", code="give", owners=["usr_ü"], amounts={"USD": 2**63, "B": -1}
    )
    huge = made.model_copy(update={"amounts": {"USD": 2**80}})
    assert [one.to_json() for one in (HELLO, made, huge)] == [
        one.model_dump_json() for one in (HELLO, made, huge)
    ]


async def test_one_statement_writes_what_it_publishes_or_nothing(
    kind: Kind, tmp_path: Path, clock: FakeClock
) -> None:
    if kind == "sqlite":
        pytest.skip("on SQLite a transaction is begun and ended")
    turn, publish = publish_parts(2, "wanted")
    statement = (
        "WITH wanted AS MATERIALIZED (SELECT 1 WHERE $1::int = 1), "
        f"turn AS MATERIALIZED ({turn}), published AS ({publish}) SELECT count(*) FROM wanted"
    )
    woken: list[int] = []
    async with database(kind, tmp_path, clock) as db:
        db.on_published(lambda: woken.append(1))
        for wanted in (1, 0):
            async with db.autocommit() as tx:
                tx.publish(HELLO)
                assert await (await tx.driver()).fetchval(statement, wanted, *tx.outbox_columns()) == wanted
            assert await count(db) == 1
        assert woken
        # Its plans are kept, so they must be good for large tables whatever the tables were at first.
        async with db.autocommit() as tx:
            for name, value in KEPT_PLANS.items():
                assert await (await tx.driver()).fetchval(f"SELECT current_setting('{name}')") == value
        with pytest.raises(CalledInTransaction):
            async with db.autocommit(), db.transaction():
                pass
