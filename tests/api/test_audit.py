"""The audit service API, in process and over gRPC."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.kit.clock import FakeClock
from tests.kit.databases import database, service_migrations
from tests.kit.service_api import Door, Transport, api
from tollway.contracts import audit_pb2, audit_pb2_grpc
from tollway.kit.errors import Invalid
from tollway.services.audit.model import happening
from tollway.services.audit.rpc import AuditRpc
from tollway.services.audit.service import Audit


@pytest.fixture
async def service(tmp_path: Path, clock: FakeClock) -> AsyncIterator[Audit]:
    async with database("sqlite", tmp_path, clock, service_migrations("audit"), "audit") as db:
        yield Audit(db)


@pytest.fixture
async def audit(transport: Transport, service: Audit) -> AsyncIterator[Door]:
    async with api(transport, audit_pb2_grpc, AuditRpc(service), caller="cli") as mounted:
        yield mounted


async def record(service: Audit, *numbers: int) -> None:
    for number in numbers:
        what = happening(
            event_id=f"evt_{number}",
            topic="USER_LOGGED_IN",
            source="identity",
            subject=f"usr_{number}",
            at_us=number,
            correlation_id="cor_1",
            data_json=f'{{"user_id":"usr_{number}"}}',
        )
        async with service.db.transaction() as tx:
            await service.record(tx, what)


async def test_entries_come_page_by_page(audit: Door, service: Audit) -> None:
    await record(service, 1, 2, 3)
    first = await audit.stub.ListEntries(audit_pb2.ListEntriesRequest(limit=2))
    second = await audit.stub.ListEntries(audit_pb2.ListEntriesRequest(limit=2, cursor=first.next_cursor))
    assert [entry.sequence for entry in [*first.entries, *second.entries]] == [3, 2, 1]
    (newest, _) = first.entries
    assert (newest.event_id, newest.subject, newest.actor, newest.at_us) == ("evt_3", "usr_3", "usr_3", 3)
    assert (newest.data_json, newest.correlation_id) == ('{"user_id":"usr_3"}', "cor_1")
    mine = await audit.stub.ListEntries(audit_pb2.ListEntriesRequest(subject="usr_2"))
    assert [entry.event_id for entry in mine.entries] == ["evt_2"]
    with pytest.raises(Invalid):
        await audit.stub.ListEntries(audit_pb2.ListEntriesRequest(cursor="rubbish"))


async def test_the_record_proves_itself(audit: Door, service: Audit) -> None:
    await record(service, 1, 2, 3)
    verdict = await audit.stub.Verify(audit_pb2.VerifyRequest(), timeout=60)
    assert (verdict.ok, verdict.entries, list(verdict.findings)) == (True, 3, [])
    newest = (await audit.stub.ListEntries(audit_pb2.ListEntriesRequest(limit=1))).entries[0]
    assert verdict.head == newest.hash
    async with service.db.transaction() as tx:
        await tx.conn.exec_driver_sql("DROP TRIGGER entry_no_update")
        await tx.conn.exec_driver_sql("UPDATE entry SET actor = 'usr_9' WHERE sequence = 2")
    verdict = await audit.stub.Verify(audit_pb2.VerifyRequest(), timeout=60)
    assert (verdict.ok, list(verdict.findings)) == (
        False,
        ["entry 2 (evt_2) does not match its hash: it was altered"],
    )
