"""The audit service's API, in process and over gRPC."""

from pathlib import Path

from tests.kit.clock import FakeClock
from tests.kit.databases import database, service_migrations
from tests.kit.service_api import Transport, api
from tests.tollway.services.audit.conftest import SEED, a_event, record
from tollway.contracts import audit_pb2, audit_pb2_grpc
from tollway.services.audit.rpc import AuditRpc
from tollway.services.audit.service import Audit


async def test_the_head_is_the_last_entry(transport: Transport, tmp_path: Path, clock: FakeClock) -> None:
    async with (
        database("sqlite", tmp_path, clock, service_migrations("audit"), "audit") as db,
        api(transport, audit_pb2_grpc, AuditRpc(Audit(db, SEED)), caller="ledger") as mounted,
    ):
        assert (await mounted.stub.GetHead(audit_pb2.GetHeadRequest())).sequence == 0
        service = Audit(db, SEED)
        await record(service, a_event(1), a_event(2))
        head = await mounted.stub.GetHead(audit_pb2.GetHeadRequest())
        assert (head.sequence, head.hash) == (2, (await service.entries()).items[0].hash)
