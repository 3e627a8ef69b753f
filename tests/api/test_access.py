"""Access's service API, asked in process and over gRPC: no difference can be told."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from time import monotonic
from typing import Any

import pytest

from tests.kit.clock import FakeClock
from tests.kit.eventually import A_SECOND_S
from tests.kit.metering import STANDARD, USER, AccessSetup, access_setup
from tests.kit.service_api import TRANSPORTS, ServiceApi, Transport, api
from tollway.contracts import access_pb2 as pb
from tollway.contracts import access_pb2_grpc
from tollway.contracts.errors import BadCredentials, NoAllowance, ResourceInactive, UnknownNode
from tollway.kit.errors import Invalid, NotFound, Unavailable
from tollway.kit.ids import new_id
from tollway.services.access.rpc import AccessRpc
from tollway.services.access.service.credentials import Issued
from tollway.services.access.service.resources import ConnectRequest


@dataclass
class Mounted:
    """The service API, the service behind it, and a connected customer with 1 MB."""

    api: ServiceApi
    here: AccessSetup
    issued: Issued

    @property
    def access(self) -> Any:
        return self.api.stub

    async def authenticate(self, **other: str) -> pb.Grant:
        given = {"username": self.issued.credential.identifier, "secret": self.issued.secret}
        password = pb.PasswordCredential(**given | other)
        return await self.access.Authenticate(
            pb.AuthenticateRequest(password=password, protocol="socks5", node="edge-1")
        )

    async def lease(self, want: int, **other: str) -> tuple[str, pb.LeaseResponse]:
        given = {"node": "edge-1", "resource_id": self.issued.resource.id, "lease_id": new_id("hld")} | other
        return given["lease_id"], await self.access.Lease(pb.LeaseRequest(**given, want_units=want))

    def record(self, octets: int, sequence: int, status: pb.StatusType.ValueType) -> pb.AccountingRecord:
        return pb.AccountingRecord(
            session_id="flw_1",
            status=status,
            resource_id=self.issued.resource.id,
            credential_id=self.issued.credential.id,
            protocol="socks5",
            client_address="192.0.2.1:40000",
            target="example.com:443",
            output_octets=octets,
            started_at_us=self.here.clock.now_us(),
            sequence=sequence,
        )


@pytest.fixture(params=TRANSPORTS)
async def mounted(request: Any, tmp_path: Path, clock: FakeClock) -> AsyncIterator[Mounted]:
    transport: Transport = request.param
    async with (
        access_setup("sqlite", tmp_path, clock) as here,
        api(transport, access_pb2_grpc, AccessRpc(here.access), caller="edge") as opened,
    ):
        here.ledger.give(USER, STANDARD, 1_000_000)
        endpoints = [pb.Endpoint(protocol="http", host="127.0.0.1", port=3128)]
        await opened.stub.OpenNode(pb.OpenNodeRequest(node="edge-1", boot_id="boot-1", endpoints=endpoints))
        issued, (endpoint,) = await here.access.resources.connect(USER, ConnectRequest())
        assert (endpoint.protocol, endpoint.port) == ("http", 3128)
        yield Mounted(opened, here, issued)


async def test_a_flow_lives_from_login_to_stop(mounted: Mounted) -> None:
    grant = await mounted.authenticate()
    assert (grant.user_id, grant.resource_id, grant.asset) == (USER, mounted.issued.resource.id, STANDARD)
    assert (grant.unit, grant.exit.location) == ("byte", "direct")
    assert grant.cache_until_us > mounted.here.clock.now_us()
    lease_id, lease = await mounted.lease(100_000)
    assert (lease.granted_units, lease.left_units, lease.valid_us) == (100_000, 900_000, 900_000_000)
    _, again = await mounted.lease(100_000, lease_id=lease_id)
    assert again == lease

    interim = mounted.record(30_000, 1, pb.STATUS_TYPE_INTERIM_UPDATE)
    answer = await mounted.access.Report(
        pb.ReportRequest(node="edge-1", lease_id=lease_id, records=[interim])
    )
    assert (answer.remaining_units, answer.shortfall_units) == (70_000, 0)
    stop = mounted.record(40_000, 2, pb.STATUS_TYPE_STOP)
    last = pb.ReportRequest(node="edge-1", lease_id=lease_id, records=[stop, interim], release=True)
    for _ in range(2):
        assert (await mounted.access.Report(last)).remaining_units == 0
    assert mounted.here.ledger.consumed == 40_000
    assert mounted.here.ledger.reserved((USER, STANDARD)) == 0
    ((published),) = await mounted.here.events("SESSION_ACCOUNTED")
    assert (published.session_id, published.output_octets) == ("flw_1", 40_000)


async def test_what_a_credential_may_do_now_can_be_asked_for_again(mounted: Mounted) -> None:
    grant = await mounted.authenticate()
    assert grant.max_flows == 1_000  # the customer set none: what the operator allows
    resource_id = mounted.issued.resource.id
    await mounted.here.access.resources.change(USER, resource_id, max_flows=3, rate_limit_bytes_s=5)
    ask = pb.GetGrantRequest(node="edge-1", credential_id=grant.credential_id)
    again = await mounted.access.GetGrant(ask)
    assert (again.resource_id, again.max_flows, again.rate_limit_bytes_s) == (resource_id, 3, 5)
    with pytest.raises(BadCredentials):
        await mounted.access.GetGrant(pb.GetGrantRequest(node="edge-1", credential_id="crd_none"))
    await mounted.here.access.resources.deactivate(USER, resource_id)
    with pytest.raises(ResourceInactive):
        await mounted.access.GetGrant(ask)


async def test_refusals_arrive_as_what_they_are(mounted: Mounted) -> None:
    with pytest.raises(BadCredentials):
        await mounted.authenticate(secret="wrong")
    with pytest.raises(UnknownNode):
        await mounted.lease(1, node="edge-9")
    with pytest.raises(NotFound):
        await mounted.lease(1, resource_id="res_none")
    with pytest.raises(Invalid):
        await mounted.lease(0)
    with pytest.raises(NotFound):
        await mounted.access.Report(pb.ReportRequest(node="edge-1", lease_id="hld_none", release=True))
    with pytest.raises(Invalid):
        await mounted.access.OpenNode(pb.OpenNodeRequest(node="edge-1"))
    mounted.here.ledger.balances[USER, STANDARD] = 0
    with pytest.raises(NoAllowance):
        await mounted.authenticate()
    await mounted.here.access.resources.disconnect(USER)
    with pytest.raises(ResourceInactive):
        await mounted.authenticate()


async def test_an_impossible_record_is_refused_whole(mounted: Mounted) -> None:
    lease_id, _ = await mounted.lease(1000)
    good = mounted.record(10, 1, pb.STATUS_TYPE_INTERIM_UPDATE)
    bad = mounted.record(-10, 1, pb.STATUS_TYPE_INTERIM_UPDATE)
    with pytest.raises(Invalid):
        await mounted.access.Report(pb.ReportRequest(node="edge-1", lease_id=lease_id, records=[good, bad]))
    assert mounted.here.ledger.consumed == 0


async def test_the_ledgers_absence_is_passed_on(mounted: Mounted) -> None:
    mounted.here.faults.add("ledger", times=2)
    with pytest.raises(Unavailable):
        await mounted.authenticate()
    with pytest.raises(Unavailable):
        await mounted.lease(1000)


async def test_changes_are_replayed_and_then_arrive_live_within_a_second(mounted: Mounted) -> None:
    resources = mounted.here.access.resources
    opened = await mounted.access.OpenNode(pb.OpenNodeRequest(node="edge-1", boot_id="boot-1"))
    assert opened.change_sequence == 0
    await resources.deactivate(USER, mounted.issued.resource.id)
    stream = mounted.access.FollowChanges(pb.FollowChangesRequest(node="edge-1", after=0))
    async with asyncio.timeout(10):
        heard = [await anext(stream) for _ in range(2)]
        assert [one.sequence for one in heard] == [0, 1]
        assert (heard[1].kind, heard[1].resource_id) == ("resource_left", mounted.issued.resource.id)
        began = monotonic()
        await mounted.here.access.credentials.revoke(
            USER, mounted.issued.resource.id, mounted.issued.credential.id
        )
        live = await anext(stream)
    assert monotonic() - began < A_SECOND_S
    assert (live.kind, live.credential_id, live.user_id, live.sequence) == (
        "credential_revoked",
        mounted.issued.credential.id,
        USER,
        2,
    )
    stream.cancel()
