"""What the migrations made and is there no more, or is there otherwise, is named."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.kit.clock import FakeClock
from tests.kit.databases import Kind, database, service_migrations
from tollway.fabric.db import Database, check_guards

LEDGER = service_migrations("ledger")


@pytest.fixture
async def books(kind: Kind, tmp_path: Path, clock: FakeClock) -> AsyncIterator[Database]:
    async with database(kind, tmp_path, clock, LEDGER, "ledger") as db:
        yield db


async def test_what_the_migrations_made_is_there(books: Database) -> None:
    assert await check_guards(books, LEDGER) == []
    assert await check_guards(books, LEDGER) == []


CHANGES = [
    ("sqlite", "DROP TRIGGER txn_no_update", "the trigger txn_no_update is gone"),
    ("sqlite", "DROP INDEX uq_txn_reverses", "the index uq_txn_reverses is gone"),
    ("sqlite", "CREATE TABLE mine (x TEXT)", "the table mine was added"),
    (
        "sqlite",
        "CREATE TRIGGER helpful AFTER INSERT ON leg BEGIN DELETE FROM outbox; END",
        "the trigger helpful was added",
    ),
    ("sqlite", "ALTER TABLE account ADD COLUMN mine TEXT", "the table account was changed"),
    ("postgresql", "DROP TRIGGER txn_no_update ON txn", "the trigger txn.txn_no_update is gone"),
    (
        "postgresql",
        "ALTER TABLE txn DISABLE TRIGGER txn_no_update",
        "the trigger txn.txn_no_update was changed",
    ),
    ("postgresql", "DROP INDEX uq_txn_reverses", "the index uq_txn_reverses is gone"),
    (
        "postgresql",
        "ALTER TABLE account DROP CONSTRAINT ck_account_not_overdrawn",
        "the constraint account.ck_account_not_overdrawn is gone",
    ),
    (
        "postgresql",
        "CREATE OR REPLACE FUNCTION txn_no_update() RETURNS trigger LANGUAGE plpgsql AS "
        "$$ BEGIN RETURN NULL; END $$",
        "the function txn_no_update was changed",
    ),
    ("postgresql", "ALTER TABLE account ADD COLUMN mine TEXT", "the column account.mine was added"),
]


@pytest.mark.parametrize(("engine", "statement", "finding"), CHANGES)
async def test_what_was_changed_is_named(books: Database, engine: str, statement: str, finding: str) -> None:
    if books.dialect != engine:
        pytest.skip("the statement of the other engine")
    async with books.transaction() as tx:
        await tx.conn.exec_driver_sql(statement)
    assert finding in await check_guards(books, LEDGER)
