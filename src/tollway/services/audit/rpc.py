"""The service API of audit."""

from typing import Any

from tollway.contracts import audit_pb2, audit_pb2_grpc
from tollway.services.audit.service import Audit


class AuditRpc(audit_pb2_grpc.AuditServicer):
    """Serves `contracts/audit.proto`."""

    def __init__(self, service: Audit) -> None:
        self._service = service

    async def GetHead(self, request: audit_pb2.GetHeadRequest, context: Any) -> audit_pb2.GetHeadResponse:
        """Return the last entry's number and hash."""
        head = await self._service.head()
        return audit_pb2.GetHeadResponse(sequence=max(0, head.sequence), hash=head.hash)
