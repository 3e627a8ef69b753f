"""The node's line to the access service, the only service it knows.

Leases and reports are asked for until there is an answer: they are idempotent by their ids, and what they are
about cannot be left open. What may be answered, and what becomes of it:

    Unavailable, DeadlineExceeded, Internal, …    asked again, later and later
    UnknownNode                                   the service has lost its memory of this node: opened and asked again
    NotFound, Conflict, Invalid, …                asking again is pointless: no lease; a report is the reporter's affair
"""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Sequence
from typing import TYPE_CHECKING

from tollway.contracts.access_pb2 import (
    BeginTestRequest,
    Change,
    ConnectionTest,
    Endpoint,
    FollowChangesRequest,
    GetGrantRequest,
    Grant,
    LeaseRequest,
    LeaseResponse,
    OpenNodeRequest,
    ReportRequest,
    ReportResponse,
    ReportTestRequest,
    StepResult,
)
from tollway.contracts.errors import UnknownNode
from tollway.edge.backoff import RepeatedWarning, RetryDelay
from tollway.edge.credential import Credential, authenticate_request
from tollway.edge.metrics import EdgeMetrics
from tollway.kit.errors import (
    Conflict,
    DeadlineExceeded,
    Forbidden,
    Invalid,
    Malformed,
    NotFound,
    Problem,
    TooLarge,
    Unauthenticated,
    Unavailable,
)
from tollway.kit.ids import new_id

if TYPE_CHECKING:
    from tollway.contracts.access_pb2_grpc import AccessAsyncStub

QUIET_S = 8.0
"""How long the service may be away without a warning: on one machine everything starts at once."""
POINTLESS = (NotFound, Conflict, Invalid, Malformed, TooLarge)
"""Refusals of what was asked, not of the moment; UnknownNode, though a NotFound, is not one of them."""
_log = logging.getLogger(__name__)
_SILENCE_S = 30.0


class AccessClient:
    """Asks the access service as one node. `endpoints` are where customers reach it; set before `announce`."""

    def __init__(self, access: "AccessAsyncStub", node: str, metrics: EdgeMetrics) -> None:
        self._access, self._node, self._metrics = access, node, metrics
        self._boot_id = new_id("boot")
        self.endpoints: list[Endpoint] = []
        self.on_change: Callable[[Change], None] = lambda _: None
        """Is called when an answer says in passing that an access was stopped."""

    async def announce(self) -> int:
        """Say that this node is up; return the number of the last change, from which to follow."""
        request = OpenNodeRequest(node=self._node, boot_id=self._boot_id, endpoints=self.endpoints)
        backoff, warning = RetryDelay(most_s=1.0), RepeatedWarning(QUIET_S)
        while True:
            try:
                return (await self._access.OpenNode(request)).change_sequence
            except Problem as problem:
                _log.log(warning.level(), "the access service does not know this node yet: %s", problem)
                await backoff.sleep()

    async def authenticate(self, credential: Credential, protocol: str, client: str) -> Grant:
        """Ask once what a credential may do. Raises Problem."""
        return await self._access.Authenticate(authenticate_request(credential, protocol, client, self._node))

    async def grant(self, credential_id: str) -> Grant | None:
        """Ask what a credential may do now until there is an answer; None when it may do nothing any more."""
        backoff, warning = RetryDelay(most_s=1.0), RepeatedWarning(QUIET_S)
        while True:
            try:
                return await self._access.GetGrant(
                    GetGrantRequest(node=self._node, credential_id=credential_id)
                )
            except (Unauthenticated, Forbidden, *POINTLESS):
                return None
            except Problem as problem:
                _log.log(warning.level(), "a changed grant is not known yet: %s", problem)
                await backoff.sleep()

    async def lease(
        self, resource_id: str, lease_id: str, want: int, on_failure: Callable[[], None]
    ) -> LeaseResponse:
        """Ask for a slice until there is an answer; `on_failure` is called each time there was none."""
        request = LeaseRequest(node=self._node, resource_id=resource_id, lease_id=lease_id, want_units=want)
        backoff, warning = RetryDelay(), RepeatedWarning()
        while True:
            try:
                answer = await self._access.Lease(request)
            except UnknownNode:
                await self.announce()
            except POINTLESS as problem:
                self._metrics.leases["refused"] += 1
                _log.error("no lease for %s: %s", resource_id, problem)
                answer = LeaseResponse(stopped="resource_stopped")
                break
            except Problem as problem:
                self._metrics.leases["unavailable"] += 1
                if not isinstance(problem, Unavailable | DeadlineExceeded):
                    _log.log(warning.level(), "no lease for %s yet: %s", resource_id, problem)
                on_failure()
            else:
                self._metrics.leases[_outcome(answer)] += 1
                break
            await backoff.sleep()
        if answer.stopped:
            self.on_change(Change(kind=answer.stopped, resource_id=resource_id))
        return answer

    async def report(self, request: ReportRequest) -> ReportResponse:
        """Deliver a report, for as long as it takes: usage is never thrown away.

        Raises one of `POINTLESS` when it would be refused for ever.
        """
        request.node = self._node
        backoff, warning = RetryDelay(), RepeatedWarning()
        while True:
            try:
                answer = await self._access.Report(request)
            except UnknownNode:
                await self.announce()
            except POINTLESS:
                self._metrics.reports["refused"] += 1
                raise
            except Problem as problem:
                if not isinstance(problem, Unavailable | DeadlineExceeded):
                    _log.log(warning.level(), "usage on %s will be repeated: %s", request.lease_id, problem)
            else:
                self._metrics.reports["delivered"] += 1
                self._metrics.shortfall_bytes += answer.shortfall_units
                return answer
            self._metrics.reports["to_repeat"] += 1
            await backoff.sleep()

    async def begin_test(self, test_id: str) -> ConnectionTest:
        """Take up a connection test that was asked of this node. Raises Problem."""
        return await self._access.BeginTest(BeginTestRequest(node=self._node, test_id=test_id))

    async def report_test(self, test_id: str, steps: Sequence[StepResult], *, finished: bool) -> None:
        """Say what a test has found so far. Raises Problem."""
        await self._access.ReportTest(
            ReportTestRequest(node=self._node, test_id=test_id, steps=steps, finished=finished)
        )

    async def changes(self, after: int) -> AsyncIterator[Change]:
        """Follow changes; heartbeats have no number. Raises Problem when the stream breaks.

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
                yield change
        except TimeoutError:
            raise Unavailable("the stream of changes is silent") from None
        finally:
            stream.cancel()


def _outcome(answer: LeaseResponse) -> str:
    if answer.stopped:
        return "stopped"
    if answer.granted_units:
        return "granted"
    return "recalling" if answer.recalling else "exhausted"
