"""The record in its tables: it grows, refuses to be changed, and shows what was."""

import asyncio
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import update
from sqlalchemy.exc import DBAPIError

from tests.tollway.services.audit.conftest import SEED, Tamper, a_event, record
from tollway.contracts.events_pb2 import EventEnvelope
from tollway.fabric.db import Database
from tollway.fabric.head_notes import HeadNotes
from tollway.kit.errors import Invalid
from tollway.services.audit import store
from tollway.services.audit.jobs import note_head
from tollway.services.audit.model import record_of
from tollway.services.audit.service import Audit


async def test_a_record_is_whole(service: Audit) -> None:
    assert (await service.verify()).ok
    await record(service, *map(a_event, range(7)))
    verdict = await service.verify()
    assert (verdict.ok, verdict.entries, verdict.findings) == (True, 7, ())
    assert verdict.head == (await service.entries()).items[0].hash


async def test_a_event_heard_twice_is_one_entry(service: Audit) -> None:
    await record(service, a_event(1), a_event(1), a_event(2))
    assert [entry.event_id for entry in (await service.entries()).items] == ["evt_002", "evt_001"]
    assert (await service.verify()).ok


async def test_entries_from_many_sources_at_once_queue_up(service: Audit) -> None:
    await asyncio.gather(*(record(service, a_event(number)) for number in range(20)))
    verdict = await service.verify()
    assert (verdict.ok, verdict.entries) == (True, 20)


async def test_what_is_rolled_back_leaves_no_gap(service: Audit) -> None:
    await record(service, a_event(1))
    with pytest.raises(RuntimeError):
        async with service.db.transaction() as tx:
            await service.record(tx, a_event(2))
            raise RuntimeError
    await record(service, a_event(3))
    assert (await service.verify()).ok


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE entry SET data = '{}' WHERE sequence = 2",
        "DELETE FROM entry WHERE sequence = 3",
        "DELETE FROM entry",
        "UPDATE head SET sequence = 1",
        "UPDATE head SET hash = 'x'",
        "DELETE FROM head",
    ],
)
async def test_the_tables_refuse_to_be_changed(service: Audit, db: Database, statement: str) -> None:
    await record(service, *map(a_event, range(3)))
    with pytest.raises(DBAPIError, match="only grows"):
        async with db.transaction() as tx:
            await tx.conn.exec_driver_sql(statement)
    assert (await service.verify()).entries == 3


async def test_postgresql_refuses_truncate_too(service: Audit, db: Database) -> None:
    if db.dialect == "sqlite":
        pytest.skip("SQLite has no TRUNCATE")
    for table in ("entry", "head"):
        with pytest.raises(DBAPIError, match="only grows"):
            async with db.transaction() as tx:
                await tx.conn.exec_driver_sql(f"TRUNCATE {table}")


@pytest.mark.parametrize(
    ("statement", "finding"),
    [
        ("UPDATE entry SET at_us = at_us + 1 WHERE sequence = 2", "entry 2 (evt_001) does not match"),
        ("UPDATE entry SET actor = 'usr_9' WHERE sequence = 5", "entry 5 (evt_004) does not match"),
        ("DELETE FROM entry WHERE sequence IN (3, 4)", "entries 3 to 4 are missing"),
        ("DELETE FROM entry WHERE sequence > 4", "entries 5 to 6 are missing from the end"),
        ("DELETE FROM entry WHERE sequence = 1", "entries 1 to 1 are missing"),
        ("UPDATE head SET sequence = 5", "the head says 5"),
        ("DELETE FROM head", "the head says -1"),
    ],
)
async def test_what_was_changed_all_the_same_is_found(
    service: Audit, tamper: Tamper, statement: str, finding: str
) -> None:
    await record(service, *map(a_event, range(6)))
    await tamper(statement)
    verdict = await service.verify()
    assert not verdict.ok
    assert len(verdict.findings) == 1
    assert verdict.findings[0].startswith(finding)


async def test_bytes_that_are_no_text_any_more_are_found(service: Audit, tamper: Tamper) -> None:
    if service.db.dialect == "postgresql":
        pytest.skip("PostgreSQL does not store them")
    await record(service, *map(a_event, range(3)))
    await tamper("UPDATE entry SET actor = CAST(x'ff' AS TEXT) WHERE sequence = 2")
    assert not (await service.verify()).ok


async def test_nothing_is_recorded_without_the_head(service: Audit, tamper: Tamper) -> None:
    await tamper("DELETE FROM head")
    with pytest.raises(AssertionError, match="head of the audit record is missing"):
        await record(service, a_event(1))


async def test_a_long_record_is_read_in_parts(service: Audit, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(store, "BATCH", 3)
    await record(service, *map(a_event, range(9)))
    verdict = await service.verify()
    assert (verdict.ok, verdict.entries) == (True, 9)


async def test_entries_are_found_by_subject_actor_and_topic(service: Audit) -> None:
    await record(service, *map(a_event, range(6)), a_event(6, subject="ord_1", actor="usr_1"))

    async def found(**wanted: Any) -> list[str]:
        return [entry.event_id for entry in (await service.entries(store.EntryFilter(**wanted))).items]

    assert await found(subject="usr_1") == ["evt_006", "evt_004", "evt_001"]
    assert await found(topic="USER_LOGGED_IN") == ["evt_005", "evt_003", "evt_001"]
    assert await found(subject="usr_1", topic="USER_LOGGED_IN") == ["evt_001"]
    assert await found(subject="nobody") == []


async def test_a_customers_history_holds_what_they_did_and_what_concerns_them(service: Audit) -> None:
    concerning = a_event(
        7, subject="dep_1", actor="payments", data_json='{"deposit_id": "dep_1", "user_id": "usr_2"}'
    )
    await record(
        service,
        a_event(5, subject="usr_2", actor="usr_operator", data_json='{"user_id": "usr_2"}'),
        a_event(6, subject="ord_1", actor="usr_2", data_json='{"order_id": "ord_1"}'),
        concerning,
        a_event(8, subject="dep_2", actor="payments", data_json='{"user_id": "usr_3"}'),
    )

    async def found(**wanted: Any) -> list[str]:
        return [entry.event_id for entry in (await service.entries(store.EntryFilter(**wanted))).items]

    assert await found(user_id="usr_2") == ["evt_007", "evt_006", "evt_005"]
    assert await found(user_id="usr_2", topic=concerning.topic) == ["evt_007", "evt_005"]
    assert await found(user_id="usr_2", since_us=concerning.at_us) == ["evt_007"]
    assert await found(user_id="usr_2", until_us=concerning.at_us) == ["evt_006", "evt_005"]
    assert (await service.verify()).ok


async def test_pages_follow_each_other_while_the_record_grows(service: Audit) -> None:
    await record(service, *map(a_event, range(5)))
    first = await service.entries(limit=2)
    await record(service, a_event(9))
    second = await service.entries(limit=2, cursor=first.next_cursor)
    assert [entry.sequence for entry in [*first.items, *second.items]] == [5, 4, 3, 2]
    last = await service.entries(limit=2, cursor=second.next_cursor)
    assert ([entry.sequence for entry in last.items], last.next_cursor) == ([1], "")
    for cursor in ("rubbish", "WyJ4Il0"):
        with pytest.raises(Invalid):
            await service.entries(cursor=cursor)


async def test_an_old_head_noted_elsewhere_is_still_in_the_record(service: Audit) -> None:
    await record(service, a_event(1))
    noted = (await service.verify()).head
    await record(service, a_event(2))
    assert noted in {entry.hash for entry in (await service.entries()).items}


async def test_even_a_consistent_rewrite_needs_the_triggers_gone(service: Audit, db: Database) -> None:
    await record(service, a_event(1))
    with pytest.raises(DBAPIError, match="only grows"):
        async with db.transaction() as tx:
            await tx.run(update(store.entry).values(hash="0" * 64))


async def test_the_head_is_noted_until_the_record_does_not_go_on_from_it(
    db: Database, tamper: Tamper, tmp_path: Path
) -> None:
    notes = HeadNotes(tmp_path / "heads")
    service = Audit(db, SEED, notes=notes)
    await note_head(service)
    assert notes.read("audit") is None
    await record(service, *map(a_event, range(3)))
    await note_head(service)
    noted = notes.read("audit")
    assert noted is not None
    assert (noted.number, noted.hash) == (3, (await service.verify()).head)
    await tamper("DELETE FROM entry WHERE sequence = 3")
    await tamper("UPDATE head SET sequence = 2, hash = (SELECT hash FROM entry WHERE sequence = 2)")
    await record(service, a_event(7), a_event(8))
    await note_head(service)
    assert notes.read("audit") == noted
    assert any("noted elsewhere" in finding for finding in (await service.verify()).findings)


async def test_events_are_compared_with_what_their_publisher_has(service: Audit) -> None:
    events = [EventEnvelope(id=f"evt_{n}", type="T", source="s", at_us=n, data_json="{}") for n in range(3)]
    await record(service, *map(record_of, events[:2]))
    events[1].actor = "usr_x"
    assert await service.compare(events) == [
        "evt_1 (T) says something else in the record than at s",
        "evt_2 (T) of s was taken in and is not in the record",
    ]
