"""Access's service API, for edge nodes."""

from collections.abc import AsyncIterator
from contextlib import aclosing
from dataclasses import asdict
from typing import Any

from tollway.contracts import access_pb2, access_pb2_grpc
from tollway.contracts.terminate_causes import ended_by
from tollway.kit.errors import Invalid
from tollway.services.access.credentials import CREDENTIAL_KINDS
from tollway.services.access.model import FlowRecord, Grant
from tollway.services.access.model.connection_test import StepResult
from tollway.services.access.service import Access
from tollway.services.access.store.nodes import NodeEndpoint


class AccessRpc(access_pb2_grpc.AccessServicer):
    """Serves `contracts/access.proto`."""

    def __init__(self, service: Access) -> None:
        self._service = service

    async def OpenNode(
        self, request: access_pb2.OpenNodeRequest, context: Any
    ) -> access_pb2.OpenNodeResponse:
        """Note that a node is up. Raises Invalid."""
        endpoints = [
            NodeEndpoint(one.protocol, one.host, one.port, one.location, one.capacity, tuple(one.tags))
            for one in request.endpoints
        ]
        sequence = await self._service.nodes.open(request.node, request.boot_id, endpoints)
        return access_pb2.OpenNodeResponse(change_sequence=sequence)

    async def Authenticate(self, request: access_pb2.AuthenticateRequest, context: Any) -> access_pb2.Grant:
        """Say what a credential may do. Raises Invalid, BadCredentials, ResourceInactive, NoAllowance."""
        kind = request.WhichOneof("credential")
        if kind is None:
            raise Invalid("a request to authenticate carries a credential of a known kind")
        presented = CREDENTIAL_KINDS[kind].parse(getattr(request, kind))
        return _grant(await self._service.authentication.authenticate(kind, presented, request.protocol))

    async def GetGrant(self, request: access_pb2.GetGrantRequest, context: Any) -> access_pb2.Grant:
        """Say what a credential may do now. Raises BadCredentials, ResourceInactive."""
        return _grant(await self._service.authentication.grant(request.credential_id))

    async def Lease(self, request: access_pb2.LeaseRequest, context: Any) -> access_pb2.LeaseResponse:
        """Reserve a slice. Raises UnknownNode, NotFound, Invalid."""
        granted = await self._service.leases.lease(
            request.node, request.resource_id, request.lease_id, request.want_units
        )
        return access_pb2.LeaseResponse(
            granted_units=granted.units,
            left_units=granted.left,
            valid_us=granted.valid_us,
            stopped=granted.stopped,
            recalling=granted.recalling,
        )

    async def Report(self, request: access_pb2.ReportRequest, context: Any) -> access_pb2.ReportResponse:
        """Settle use. Raises UnknownNode, NotFound, Invalid, Conflict."""
        settled = await self._service.reports.report(
            request.node,
            request.lease_id,
            [_flow(record) for record in request.records],
            release=request.release,
            keep=request.keep_units if request.HasField("keep_units") else None,
        )
        return access_pb2.ReportResponse(remaining_units=settled.remaining, shortfall_units=settled.shortfall)

    async def FollowChanges(
        self, request: access_pb2.FollowChangesRequest, context: Any
    ) -> AsyncIterator[access_pb2.Change]:
        """Yield changes after a number, then live ones, with heartbeats between. Raises UnknownNode."""
        async with aclosing(self._service.changes.follow(request.node, request.after)) as changes:
            async for change in changes:
                yield access_pb2.Change(
                    sequence=change.sequence,
                    kind=change.kind,
                    resource_id=change.resource_id,
                    credential_id=change.credential_id,
                    user_id=change.user_id,
                    at_us=change.at_us,
                    node=change.node,
                    session_id=change.session_id,
                    test_id=change.test_id,
                )

    async def BeginTest(
        self, request: access_pb2.BeginTestRequest, context: Any
    ) -> access_pb2.ConnectionTest:
        """Give a node what it logs in with for a test. Raises NotFound."""
        login = await self._service.connection_tests.begin(request.node, request.test_id)
        return access_pb2.ConnectionTest(username=login.username, secret=login.secret, connect=login.connect)

    async def ReportTest(
        self, request: access_pb2.ReportTestRequest, context: Any
    ) -> access_pb2.ReportTestResponse:
        """Keep what a test has found. Raises NotFound, Invalid."""
        steps = [
            StepResult(
                one.name,
                one.ok,
                one.duration_us if one.HasField("duration_us") else None,
                one.detail,
                one.code,
            )
            for one in request.steps
        ]
        await self._service.connection_tests.report(
            request.node, request.test_id, steps, finished=request.finished
        )
        return access_pb2.ReportTestResponse()


def _grant(grant: Grant) -> access_pb2.Grant:
    resource, rules = grant.resource, grant.resource.policy
    policy = access_pb2.FlowPolicy(blocked_domains=rules.blocked_domains, blocked_ports=rules.blocked_ports)
    if rules.windows:
        policy.schedule.time_zone = rules.time_zone
        policy.schedule.windows.extend(access_pb2.Window(**asdict(one)) for one in rules.windows)
    return access_pb2.Grant(
        resource_id=resource.id,
        user_id=resource.user_id,
        credential_id=grant.credential_id,
        asset=resource.asset,
        unit=grant.unit,
        max_flows=resource.limits.max_flows,
        rate_limit_bytes_s=resource.limits.rate_limit_bytes_s,
        exit=access_pb2.ExitWishes(location=resource.location, tier=resource.tier),
        policy=policy,
        cache_until_us=grant.cache_until_us,
    )


def _flow(record: access_pb2.AccountingRecord) -> FlowRecord:
    return FlowRecord(
        session_id=record.session_id,
        resource_id=record.resource_id,
        credential_id=record.credential_id,
        protocol=record.protocol,
        client_address=record.client_address,
        target=record.target,
        input_octets=record.input_octets,
        output_octets=record.output_octets,
        session_time_us=record.session_time_us,
        started_at_us=record.started_at_us,
        requests=record.requests,
        sequence=record.sequence,
        stopped=record.status == access_pb2.STATUS_TYPE_STOP,
        terminate_cause=ended_by(record.terminate_cause),
    )
