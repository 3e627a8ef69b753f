"""What services keep of people: all of it is declared; it is shown in pages, and erased whatever interrupts."""

import importlib
import itertools
import json
from typing import Any

import pytest
from sqlalchemy import Column, MetaData, Table, Text, func, select

from tests.kit.killing import Fate, Killed, MortalDatabase
from tollway.fabric import user_data
from tollway.fabric.db import Database, Int64, Json
from tollway.fabric.user_data import UserTable, erase, own, pages
from tollway.kit.errors import Invalid
from tollway.topology import SERVICES

DECLARED = {
    name: importlib.import_module(f"tollway.services.{name}.user_data")
    for name, service in SERVICES.items()
    if not service.development
}
# Names of columns that hold something of a person. `meta` and `data` are those of the books and of the audit trail.
PERSONAL = {
    "email", "email_key", "password_hash", "address", "ip", "user_agent", "display_name", "preferences", "label",
    "client_address", "target", "identifier", "policy", "last4", "body", "subject", "request_key", "action_url",
}  # fmt: skip
STAYS = {
    "audit.entry.subject": "the id of what the entry is about",
    "catalog.issue.request_key": "an operator's",
    "identity.note.request_key": "an operator's",
    "payments.correction.request_key": "an operator's",
}

metadata = MetaData()
note = Table(
    "note",
    metadata,
    Column("user_id", Text, primary_key=True),
    Column("number", Int64, primary_key=True),
    Column("text", Text, nullable=False),
    Column("written_at_us", Int64, nullable=False),
)
bill = Table(
    "bill",
    metadata,
    Column("id", Text, primary_key=True),
    Column("user_id", Text, nullable=False),
    Column("name", Text, nullable=False),
    Column("key", Text, nullable=False),
    Column("rules", Json, nullable=False),
)
TABLES = (
    UserTable(
        table=note,
        purpose="notes",
        theirs=own(note),
        exports=("number", "text", "written_at_us"),
        name="notes",
    ),
    UserTable(
        table=bill,
        purpose="bills",
        theirs=own(bill),
        keeps="for good",
        blanks={"name": lambda user_id: f"gone {user_id}", "key": bill.c.id, "rules": {}},
        exports=("id", "name", "rules"),
    ),
)


@pytest.fixture
async def db(plain_db: Database, monkeypatch: pytest.MonkeyPatch) -> Database:
    """Two tables with five rows each of ann's and bob's, handled two at a time."""
    monkeypatch.setattr(user_data, "BATCH", 2)
    monkeypatch.setattr(user_data, "PAUSE_S", 0)
    async with plain_db.transaction() as tx:
        connection: Any = tx.conn
        await connection.run_sync(metadata.create_all)
        for user in ("ann", "bob"):
            for number in range(5):
                row = {
                    "user_id": user,
                    "number": number,
                    "text": f"note {number}",
                    "written_at_us": number * 10**6,
                }
                await tx.run(note.insert().values(row))
                kept = {
                    "id": f"{user}{number}",
                    "user_id": user,
                    "name": user,
                    "key": f"{user}'s",
                    "rules": {"a": 1},
                }
                await tx.run(bill.insert().values(kept))
    return plain_db


async def rows(db: Database, user: str) -> tuple[int, list[tuple[Any, ...]]]:
    async with db.snapshot() as tx:
        notes = await tx.scalar(select(func.count()).select_from(note).where(note.c.user_id == user))
        bills = await tx.all(
            select(bill.c.name, bill.c.key, bill.c.rules).where(bill.c.user_id == user).order_by(bill.c.id)
        )
    return notes or 0, [tuple(row) for row in bills]


@pytest.mark.parametrize("service", DECLARED)
def test_every_table_of_a_service_says_whether_it_holds_something_of_people(service: str) -> None:
    personal = [one.table for one in DECLARED[service].USER_TABLES]
    impersonal = list(DECLARED[service].IMPERSONAL)
    known = {table for one in personal for table in one.metadata.tables.values()}
    assert known == {*personal, *impersonal}
    assert not set(personal) & set(impersonal)


@pytest.mark.parametrize("service", DECLARED)
def test_what_stays_of_a_person_has_nothing_personal_left(service: str) -> None:
    """Whatever column is named after something personal is blanked, unless its rows are deleted."""
    for one in DECLARED[service].USER_TABLES:
        left = {column.name for column in one.table.columns} & PERSONAL if one.keeps else set[str]()
        kept = {
            name for name in left - one.blanks.keys() if f"{service}.{one.table.name}.{name}" not in STAYS
        }
        assert not kept, f"{service}.{one.table.name} keeps {kept}"


@pytest.mark.parametrize("service", DECLARED)
def test_what_holds_nothing_of_people_has_no_column_for_it(service: str) -> None:
    for table in DECLARED[service].IMPERSONAL:
        named = {column.name for column in table.columns} & {"user_id", "owner_id", "actor", "email", "ip"}
        assert not named, f"{service}.{table.name} has {named}"


async def test_what_may_go_is_deleted_and_what_must_stay_is_blanked(db: Database) -> None:
    assert await erase(db, TABLES, "ann") == 10
    assert await rows(db, "ann") == (0, [("gone ann", f"ann{number}", {}) for number in range(5)])
    assert await rows(db, "bob") == (5, [("bob", "bob's", {"a": 1})] * 5)
    assert await erase(db, TABLES, "ann") == 0


async def test_a_kill_at_any_point_is_made_good_by_a_repeat(db: Database) -> None:
    for survives in itertools.count():
        try:
            await erase(MortalDatabase(db, Fate(survives)), TABLES, "ann")  # type: ignore[arg-type]
        except Killed:
            continue
        break
    assert survives > 4, "it was killed before and after each commit"
    assert await rows(db, "ann") == (0, [("gone ann", f"ann{number}", {}) for number in range(5)])
    assert (await rows(db, "bob"))[0] == 5


async def test_a_person_is_shown_all_of_theirs_in_pages(db: Database) -> None:
    shown = [page async for page in pages(db, TABLES, "ann")]
    assert [(name, len(page)) for name, page, _ in shown] == [
        ("notes", 2), ("notes", 2), ("notes", 1), ("bill", 2), ("bill", 2), ("bill", 1),
    ]  # fmt: skip
    assert shown[0][1][1] == {"number": "1", "text": "note 1", "written_at": "1970-01-01T00:00:01.000000Z"}
    assert json.loads(shown[3][1][0]["rules"]) == {"a": 1}
    assert [row["number"] for name, page, _ in shown if name == "notes" for row in page] == list("01234")


async def test_behind_the_cursor_of_a_page_the_rest_is_shown(db: Database) -> None:
    shown = [page async for page in pages(db, TABLES, "ann")]
    for number, (_, _, cursor) in enumerate(shown):
        assert [page async for page in pages(db, TABLES, "ann", cursor)] == shown[number + 1 :]
    with pytest.raises(Invalid, match="not shown"):
        await anext(pages(db, TABLES, "ann", '["secrets", 1]'))
