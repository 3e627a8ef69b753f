"""The service API of audit."""

from typing import Any

from tollway.contracts import audit_pb2, audit_pb2_grpc
from tollway.kit.paging import DEFAULT_LIMIT
from tollway.services.audit.model import Entry
from tollway.services.audit.service import Audit


class AuditRpc(audit_pb2_grpc.AuditServicer):
    """Serves `contracts/audit.proto`."""

    def __init__(self, service: Audit) -> None:
        self._service = service

    async def ListEntries(
        self, request: audit_pb2.ListEntriesRequest, context: Any
    ) -> audit_pb2.ListEntriesResponse:
        """Return entries, newest first. Raises Invalid for a strange cursor."""
        limit = request.limit or DEFAULT_LIMIT
        page = await self._service.entries(request.subject, request.topic, limit, request.cursor)
        return audit_pb2.ListEntriesResponse(
            entries=[_entry(entry) for entry in page.items], next_cursor=page.next_cursor
        )

    async def Verify(self, request: audit_pb2.VerifyRequest, context: Any) -> audit_pb2.VerifyResponse:
        """Recompute the chain. It takes about ten seconds for a million entries: ask with a long timeout."""
        verdict = await self._service.verify()
        return audit_pb2.VerifyResponse(
            ok=verdict.ok, entries=verdict.entries, head=verdict.head, findings=verdict.findings
        )


def _entry(entry: Entry) -> audit_pb2.Entry:
    return audit_pb2.Entry(
        sequence=entry.sequence,
        event_id=entry.event_id,
        topic=entry.topic,
        source=entry.source,
        subject=entry.subject,
        actor=entry.actor,
        at_us=entry.at_us,
        data_json=entry.data,
        hash=entry.hash,
        correlation_id=entry.correlation_id,
    )
