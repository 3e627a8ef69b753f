"""The node's line to the access room, the only room it knows.

Leases and reports are asked for until there is an answer: they are idempotent by their ids, and what they are
about cannot be left open. A room that has lost its memory of this node (UnknownNode) is told of it again.
"""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable
from typing import TYPE_CHECKING

from tollway.contracts.access_pb2 import (
    AuthenticateRequest,
    Change,
    Endpoint,
    FollowChangesRequest,
    Grant,
    LeaseRequest,
    LeaseResponse,
    OpenNodeRequest,
    ReportRequest,
    ReportResponse,
)
from tollway.contracts.errors import UnknownNode
from tollway.edge.backoff import Backoff
from tollway.edge.metrics import METRICS
from tollway.kit.errors import Conflict, DeadlineExceeded, NotFound, Problem, Unavailable
from tollway.kit.ids import new_id

if TYPE_CHECKING:
    from tollway.contracts.access_pb2_grpc import AccessAsyncStub

_log = logging.getLogger(__name__)
_SILENCE_S = 30.0


class AccessDoor:
    """Asks the access room as one node. `endpoints` are where customers reach it; set before `announce`."""

    def __init__(self, access: "AccessAsyncStub", node: str) -> None:
        self._access, self._node = access, node
        self._boot_id = new_id("boot")
        self.endpoints: list[Endpoint] = []

    async def announce(self) -> int:
        """Say that this node is up; return the number of the last change, from which to follow."""
        request = OpenNodeRequest(node=self._node, boot_id=self._boot_id, endpoints=self.endpoints)
        backoff = Backoff(most_s=1.0)
        while True:
            try:
                return (await self._access.OpenNode(request)).change_sequence
            except Problem as problem:
                _log.warning("the access room does not know this node yet: %s", problem)
                await backoff.sleep()

    async def authenticate(self, login: str, secret: str, protocol: str, client: str) -> Grant:
        """Ask once what a credential may do. Raises Problem."""
        return await self._access.Authenticate(
            AuthenticateRequest(
                username=login, secret=secret, protocol=protocol, client_address=client, node=self._node
            )
        )

    async def lease(
        self, resource_id: str, lease_id: str, want: int, on_failure: Callable[[], None]
    ) -> LeaseResponse:
        """Ask for a slice until there is an answer; `on_failure` hears of each time there was none."""
        request = LeaseRequest(node=self._node, resource_id=resource_id, lease_id=lease_id, want_bytes=want)
        backoff = Backoff()
        while True:
            try:
                answer = await self._access.Lease(request)
            except (Unavailable, DeadlineExceeded):
                METRICS.leases["unavailable"] += 1
                on_failure()
                await backoff.sleep()
            except UnknownNode:
                await self.announce()
                await backoff.sleep()
            except Problem as problem:
                _log.warning("no lease for %s: %s", resource_id, problem)
                return LeaseResponse()
            else:
                METRICS.leases["granted" if answer.granted_bytes else "dry"] += 1
                return answer

    async def report(self, request: ReportRequest, on_failure: Callable[[], None]) -> ReportResponse:
        """Deliver a report, for as long as it takes: usage is never thrown away."""
        request.node = self._node
        backoff = Backoff()
        while True:
            try:
                answer = await self._access.Report(request)
            except (Unavailable, DeadlineExceeded):
                on_failure()
            except UnknownNode:
                await self.announce()
            except (NotFound, Conflict) as problem:
                if not request.records:
                    # A lease that was asked for in vain or has lapsed: there is nothing to give back.
                    return ReportResponse()
                _log.error("usage on %s was not accepted, will be repeated: %s", request.lease_id, problem)
            except Problem as problem:
                _log.error("usage on %s was not accepted, will be repeated: %s", request.lease_id, problem)
            else:
                METRICS.reports["delivered"] += 1
                return answer
            METRICS.reports["to_repeat"] += 1
            await backoff.sleep()

    async def changes(self, after: int) -> AsyncIterator[Change]:
        """Follow changes, heartbeats left out. Raises Problem when the stream breaks.

        A stream without even a heartbeat for long is dead: Unavailable.
        """
        stream = self._access.FollowChanges(FollowChangesRequest(node=self._node, after=after))
        iterator = aiter(stream)
        try:
            while True:
                async with asyncio.timeout(_SILENCE_S):
                    change = await anext(iterator, None)
                if change is None:
                    return
                if change.sequence:
                    yield change
        except TimeoutError:
            raise Unavailable("the stream of changes is silent") from None
        finally:
            stream.cancel()
