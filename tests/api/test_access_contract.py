"""What an edge relies on: of the access service, and of the fake one that edges are tested against."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.kit.clock import FakeClock
from tests.kit.fake_access import FakeAccess, Resource
from tests.kit.metering import STANDARD, USER, AccessSetup, access_setup
from tests.kit.service_api import api
from tollway.contracts import access_pb2 as pb
from tollway.contracts import access_pb2_grpc
from tollway.contracts.errors import BadCredentials, NoAllowance, ResourceInactive, UnknownNode
from tollway.kit.errors import Invalid, NotFound
from tollway.kit.ids import new_id
from tollway.services.access.rpc import AccessRpc
from tollway.services.access.service.credentials import Issued
from tollway.services.access.service.resources import ConnectRequest

UNITS = 1_000_000
INTERIM, STOP = pb.STATUS_TYPE_INTERIM_UPDATE, pb.STATUS_TYPE_STOP

Implementation = Literal["service", "fake"]


@dataclass
class Subject:
    """One implementation with a customer who has UNITS, and what a test needs to see of it."""

    stub: Any
    username: str
    secret: str
    resource_id: str
    credential_id: str
    now_us: Callable[[], int]
    left: Callable[[], int]  # what the customer has, leases included
    held: Callable[[], int]  # what leases hold
    stop: Callable[[], Any]  # an operator stops the access

    async def open(self, node: str = "edge-1") -> int:
        endpoints = [pb.Endpoint(protocol="http", host="127.0.0.1", port=3128)]
        request = pb.OpenNodeRequest(node=node, boot_id=f"boot-{node}", endpoints=endpoints)
        return (await self.stub.OpenNode(request)).change_sequence

    async def authenticate(self, secret: str = "") -> pb.Grant:
        password = pb.PasswordCredential(username=self.username, secret=secret or self.secret)
        return await self.stub.Authenticate(
            pb.AuthenticateRequest(password=password, protocol="http", node="edge-1")
        )

    async def lease(self, want: int, lease_id: str = "", **other: str) -> tuple[str, pb.LeaseResponse]:
        lease_id = lease_id or new_id("hld")
        fields = {"node": "edge-1", "resource_id": self.resource_id, "lease_id": lease_id} | other
        return lease_id, await self.stub.Lease(pb.LeaseRequest(**fields, want_units=want))

    async def report(
        self, lease_id: str, *records: pb.AccountingRecord, node: str = "edge-1", **more: Any
    ) -> pb.ReportResponse:
        request = pb.ReportRequest(node=node, lease_id=lease_id, records=records, **more)
        return await self.stub.Report(request)

    def record(
        self,
        octets: int,
        sequence: int,
        status: "pb.StatusType.ValueType" = INTERIM,
        session_id: str = "flw_1",
    ) -> pb.AccountingRecord:
        return pb.AccountingRecord(
            session_id=session_id,
            status=status,
            resource_id=self.resource_id,
            credential_id=self.credential_id,
            protocol="connect",
            client_address="192.0.2.1:40000",
            target="example.com:443",
            output_octets=octets,
            started_at_us=self.now_us(),
            terminate_cause="User-Request" if status == STOP else "",
            sequence=sequence,
        )


@asynccontextmanager
async def subject(which: Implementation, folder: Path) -> AsyncIterator[Subject]:
    clock = FakeClock()
    if which == "fake":
        fake = FakeAccess(unknown=True)
        yield fake_subject(fake, fake.add(holding=UNITS), clock)
        return
    async with (
        access_setup("sqlite", folder, clock) as here,
        api("local", access_pb2_grpc, AccessRpc(here.access), caller="edge") as opened,
    ):
        here.ledger.give(USER, STANDARD, UNITS)
        await here.node("edge-0")  # a customer cannot connect where no node is; not the one under test
        issued, _ = await here.access.resources.connect(USER, ConnectRequest())
        yield real_subject(opened.stub, here, issued)


def fake_subject(fake: FakeAccess, resource: Resource, clock: FakeClock) -> Subject:
    async def stop() -> None:
        resource.active = False
        fake.announce("resource_stopped", resource_id=resource.id)

    return Subject(
        stub=fake.stub(),
        username=resource.username,
        secret=resource.secret,
        resource_id=resource.id,
        credential_id=resource.credential_id,
        now_us=clock.now_us,
        left=lambda: resource.holding,
        held=fake.held,
        stop=stop,
    )


def real_subject(stub: Any, here: AccessSetup, issued: Issued) -> Subject:
    async def stop() -> None:
        await here.access.suspensions.stop(issued.resource.id, "abuse")

    return Subject(
        stub=stub,
        username=issued.credential.identifier,
        secret=issued.secret,
        resource_id=issued.resource.id,
        credential_id=issued.credential.id,
        now_us=here.clock.now_us,
        left=lambda: here.ledger.balances[USER, STANDARD],
        held=lambda: here.ledger.reserved((USER, STANDARD)),
        stop=stop,
    )


@pytest.fixture(params=["service", "fake"])
async def access(request: Any, tmp_path: Path) -> AsyncIterator[Subject]:
    async with subject(request.param, tmp_path) as one:
        yield one


# ── nodes ───────────────────────────────────────────────────────────────────────────────────────────


async def test_a_node_opens_itself_before_it_asks_for_anything(access: Subject) -> None:
    with pytest.raises(UnknownNode):
        await access.lease(1_000)
    with pytest.raises(UnknownNode):
        await access.report("hld_1", access.record(10, 1))
    with pytest.raises(UnknownNode):
        await anext(access.stub.FollowChanges(pb.FollowChangesRequest(node="edge-1", after=0)))
    assert await access.open() == 0
    _, lease = await access.lease(1_000)
    assert lease.granted_units == 1_000


# ── credentials ─────────────────────────────────────────────────────────────────────────────────────


async def test_a_login_says_what_it_may_do_and_until_when_that_holds(access: Subject) -> None:
    await access.open()
    grant = await access.authenticate()
    assert (grant.resource_id, grant.credential_id) == (access.resource_id, access.credential_id)
    assert grant.unit == "byte"
    assert grant.user_id.startswith("usr_")
    assert grant.asset
    assert grant.cache_until_us > 0
    again = await access.stub.GetGrant(pb.GetGrantRequest(node="edge-1", credential_id=grant.credential_id))
    assert (again.resource_id, again.credential_id) == (grant.resource_id, grant.credential_id)


async def test_a_wrong_login_and_one_that_does_not_exist_are_the_same(access: Subject) -> None:
    await access.open()
    with pytest.raises(BadCredentials):
        await access.authenticate("wrong")
    access.username = "nobody"
    with pytest.raises(BadCredentials):
        await access.authenticate()
    with pytest.raises(BadCredentials):
        await access.stub.GetGrant(pb.GetGrantRequest(node="edge-1", credential_id="crd_none"))


async def test_a_stopped_access_lets_nobody_in_and_grants_nothing(access: Subject) -> None:
    await access.open()
    await access.stop()
    with pytest.raises(ResourceInactive):
        await access.authenticate()
    with pytest.raises(ResourceInactive):
        await access.stub.GetGrant(pb.GetGrantRequest(node="edge-1", credential_id=access.credential_id))
    _, lease = await access.lease(1_000)
    assert (lease.granted_units, lease.stopped) == (0, "resource_stopped")
    assert access.held() == 0


async def test_who_has_nothing_left_is_not_let_in(access: Subject) -> None:
    await access.open()
    lease_id, _ = await access.lease(1_000)
    await access.report(lease_id, access.record(UNITS, 1, STOP), release=True)
    assert access.left() == 0
    with pytest.raises(NoAllowance):
        await access.authenticate()


# ── leases ──────────────────────────────────────────────────────────────────────────────────────────


async def test_a_lease_holds_what_it_grants_and_asking_again_gets_the_same_answer(access: Subject) -> None:
    await access.open()
    lease_id, lease = await access.lease(50_000)
    assert (lease.granted_units, lease.left_units) == (50_000, UNITS - 50_000)
    assert lease.valid_us > 0
    assert not lease.stopped
    assert not lease.recalling
    _, again = await access.lease(50_000, lease_id)
    assert again.granted_units == 50_000
    assert access.held() == 50_000
    assert access.left() == UNITS


async def test_a_lease_grants_never_more_than_is_left(access: Subject) -> None:
    await access.open()
    granted = 0
    for _ in range(200):
        _, lease = await access.lease(10 * UNITS)
        granted += lease.granted_units
        if not lease.granted_units:
            break
    assert granted == access.held() == UNITS
    assert lease.left_units == 0


async def test_a_lease_that_makes_no_sense_is_refused(access: Subject) -> None:
    await access.open()
    with pytest.raises(NotFound):
        await access.lease(1_000, resource_id="res_none")
    for want in (0, -1):
        with pytest.raises(Invalid):
            await access.lease(want)
    assert access.held() == 0


async def test_a_lease_id_is_of_one_node(access: Subject) -> None:
    await access.open()
    await access.open("edge-2")
    lease_id, _ = await access.lease(1_000)
    with pytest.raises(Invalid):
        await access.lease(1_000, lease_id, node="edge-2")
    with pytest.raises(NotFound):
        await access.report(lease_id, access.record(10, 1), node="edge-2")
    assert access.held() == 1_000
    assert access.left() == UNITS


# ── reports ─────────────────────────────────────────────────────────────────────────────────────────


async def test_reports_are_cumulative_so_repeats_and_reordering_are_harmless(access: Subject) -> None:
    await access.open()
    lease_id, _ = await access.lease(50_000)
    first, second = access.record(10_000, 1), access.record(15_000, 2)
    for record in (first, second, first, second):
        answer = await access.report(lease_id, record)
    assert (answer.remaining_units, answer.shortfall_units) == (35_000, 0)
    assert access.left() == UNITS - 15_000
    assert access.held() == 35_000


async def test_a_release_gives_back_what_was_not_used(access: Subject) -> None:
    await access.open()
    lease_id, _ = await access.lease(50_000)
    stop = access.record(10_000, 1, STOP)
    for _ in range(2):
        answer = await access.report(lease_id, stop, release=True)
        assert answer.remaining_units == 0
    assert access.held() == 0
    assert access.left() == UNITS - 10_000


async def test_a_lease_can_keep_what_flows_have_in_their_hands(access: Subject) -> None:
    await access.open()
    lease_id, _ = await access.lease(50_000)
    answer = await access.report(lease_id, access.record(10_000, 1), keep_units=5_000)
    assert answer.remaining_units == access.held() == 5_000
    answer = await access.report(lease_id, access.record(14_000, 2, STOP), release=True)
    assert (answer.remaining_units, answer.shortfall_units) == (0, 0)
    assert access.left() == UNITS - 14_000


async def test_use_beyond_a_lease_comes_out_of_what_is_left_and_the_rest_is_shortfall(
    access: Subject,
) -> None:
    await access.open()
    lease_id, _ = await access.lease(1_000)
    await access.report(lease_id, release=True)
    answer = await access.report(lease_id, access.record(3_000, 1))
    assert answer.shortfall_units == 0
    assert access.left() == UNITS - 3_000
    answer = await access.report(lease_id, access.record(UNITS + 7, 2, STOP))
    assert answer.shortfall_units == 7
    assert access.left() == 0


async def test_a_lease_that_was_never_answered_is_taken_up_with_its_first_report(access: Subject) -> None:
    await access.open()
    await access.report(new_id("hld"), access.record(2_000, 1, STOP), release=True)
    assert access.left() == UNITS - 2_000
    assert access.held() == 0


async def test_a_report_with_nothing_to_book_it_on_is_refused(access: Subject) -> None:
    await access.open()
    with pytest.raises(NotFound):
        await access.report("hld_none", release=True)
    record = access.record(10, 1)
    record.resource_id = "res_none"
    with pytest.raises(NotFound):
        await access.report(new_id("hld"), record)


async def test_an_impossible_record_is_refused_whole(access: Subject) -> None:
    await access.open()
    lease_id, _ = await access.lease(1_000)
    with pytest.raises(Invalid):
        await access.report(lease_id, access.record(10, 1), access.record(-10, 1, session_id="flw_2"))
    assert access.left() == UNITS


# ── changes ─────────────────────────────────────────────────────────────────────────────────────────


async def test_changes_follow_after_a_number_with_heartbeats_between(access: Subject) -> None:
    before = await access.open()
    await access.stop()
    stream = access.stub.FollowChanges(pb.FollowChangesRequest(node="edge-1", after=before))
    received: list[pb.Change] = []
    async for change in stream:
        received.append(change)
        if change.sequence:
            break
    stream.cancel()
    change = received[-1]
    assert (change.kind, change.resource_id) == ("resource_stopped", access.resource_id)
    assert change.sequence > before
    later = access.stub.FollowChanges(pb.FollowChangesRequest(node="edge-1", after=change.sequence))
    assert (await anext(later)).sequence == 0
    later.cancel()


# ── any order of calls ──────────────────────────────────────────────────────────────────────────────

STEPS = st.lists(
    st.tuples(
        st.sampled_from(["lease", "report", "repeat", "keep", "release"]),
        st.integers(0, 2),  # which lease, and the flow that draws on it
        st.integers(1, 400_000),
    ),
    max_size=20,
)


@pytest.mark.parametrize("which", ["service", "fake"])
@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(steps=STEPS)
async def test_in_any_order_of_calls_every_unit_is_charged_once(
    tmp_path_factory: pytest.TempPathFactory, which: Implementation, steps: list[tuple[str, int, int]]
) -> None:
    async with subject(which, tmp_path_factory.mktemp("access")) as access:
        await access.open()
        leases: dict[int, str] = {}
        used, sequence, shortfall = [0, 0, 0], 0, 0
        for step, number, units in steps:
            if step == "lease":
                leases[number], _ = await access.lease(units)
                continue
            if number not in leases:
                continue
            sequence += 1
            used[number] += units if step == "report" else 0
            record = access.record(used[number], sequence, session_id=f"flw_{number}")
            more = {"keep": {"keep_units": units}, "release": {"release": True}}.get(step, {})
            for _ in range(2 if step == "repeat" else 1):
                answer = await access.report(leases[number], record, **more)
                shortfall += answer.shortfall_units
            assert access.left() == UNITS - sum(used) + shortfall
            assert 0 <= access.held() <= access.left()
