"""An access service in memory: holdings, leases and cumulative reports with exact books, and faults on request.

It keeps the promises of the real one that the edge relies on, and notes what the edge must never do: a
report beyond the lease it names (`overdrawn`), use beyond the holding (`shortfall`). Leases of which nothing
is received for `valid_us` and a moment more are taken back, when `take_back` is called or a lease is touched.
"""

import asyncio
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from ipaddress import ip_address, ip_network
from typing import Any

from tollway.contracts import access_pb2 as pb
from tollway.contracts import access_pb2_grpc
from tollway.contracts.errors import BadCredentials, NoAllowance, ResourceInactive, UnknownNode
from tollway.fabric.rpc import LocalChannel, LocalServer
from tollway.kit.errors import Invalid, NotFound, Problem, Unavailable

FLOOR = 65_536
GRACE_S = 0.6  # an edge looks at its clock twice a second


@dataclass
class Held:
    resource_id: str
    granted: int
    posted: int = 0
    node: str = ""
    released: bool = False
    taken_up: bool = False  # never granted: made of a report
    heard: float = field(default_factory=time.monotonic)

    @property
    def rest(self) -> int:
        return 0 if self.released else self.granted - self.posted


@dataclass
class Resource:
    id: str
    user_id: str
    username: str
    secret: str
    holding: int  # what is left, holds included
    max_flows: int = 0
    rate_limit_bytes_s: int = 0
    active: bool = True
    policy: pb.FlowPolicy | None = None
    location: str = ""
    unit: str = "byte"
    sources: list[str] = field(default_factory=list)  # networks that are let in without a password

    @property
    def credential_id(self) -> str:
        return f"crd_{self.username}"


@dataclass
class Usage:
    input_octets: int = 0
    output_octets: int = 0
    sequence: int = 0
    terminate_cause: str = ""
    target: str = ""
    protocol: str = ""
    requests: int = 0
    stops: int = 0
    resource_id: str = ""

    @property
    def total(self) -> int:
        return self.input_octets + self.output_octets


@dataclass
class AskedTest:
    """A connection test that a node was asked for, and what it told of it."""

    login: pb.ConnectionTest
    told: list[list[pb.StepResult]] = field(default_factory=list)
    finished: bool = False

    @property
    def steps(self) -> list[pb.StepResult]:
        return self.told[-1]


@dataclass
class FakeAccess(access_pb2_grpc.AccessServicer):
    """The servicer. `stub()` is what an edge is given."""

    cache_s: float = 60.0
    floor: int = FLOOR
    resources: dict[str, Resource] = field(default_factory=dict)
    leases: dict[str, Held] = field(default_factory=dict)
    usage: dict[str, Usage] = field(default_factory=dict)
    changes: list[pb.Change] = field(default_factory=list)
    nodes: list[str] = field(default_factory=list)
    authentications: int = 0
    grants: int = 0  # changed ones that were asked for
    presented: list[pb.AuthenticateRequest] = field(default_factory=list)
    reports: int = 0
    overdrawn: int = 0
    shortfall: int = 0
    unavailable: bool = False
    lose_answers: int = 0  # so many reports are booked but their answer is lost
    delay_s: float = 0.0
    valid_us: int = 900_000_000
    unknown: bool = False  # the node's name is not known until it opens itself
    stopped: str = "resource_stopped"  # how leases for an inactive resource are refused
    refusals: dict[str, Problem] = field(default_factory=dict)  # sessions that are never accepted
    recalling: int = 0  # so many leases are answered with: others have been recalled, ask again
    tests: dict[str, AskedTest] = field(default_factory=dict)
    troubles: list[Problem] = field(default_factory=list)  # what the next leases are answered with

    def __post_init__(self) -> None:
        self._changed = asyncio.Event()

    # ── what a test does ────────────────────────────────────────────────────────────────────────────

    def stub(self, node: str = "edge") -> "access_pb2_grpc.AccessAsyncStub":
        server = LocalServer()
        access_pb2_grpc.add_AccessServicer_to_server(self, server)  # type: ignore[arg-type]
        return access_pb2_grpc.AccessStub(LocalChannel(server, node))  # type: ignore[return-value]

    def add(
        self, username: str = "alice", secret: str = "s3cret", holding: int = 10**12, **more: Any
    ) -> Resource:
        resource = Resource(f"res_{username}", f"usr_{username}", username, secret, holding, **more)
        self.resources[resource.id] = resource
        return resource

    def announce(
        self,
        kind: str,
        *,
        resource_id: str = "",
        credential_id: str = "",
        user_id: str = "",
        session_id: str = "",
        test_id: str = "",
    ) -> None:
        sequence = len(self.changes) + 1
        self.changes.append(
            pb.Change(
                sequence=sequence,
                kind=kind,
                resource_id=resource_id,
                credential_id=credential_id,
                user_id=user_id,
                session_id=session_id,
                test_id=test_id,
                at_us=time.time_ns() // 1000,
            )
        )
        self._changed.set()

    def ask_for_test(self, test_id: str, username: str, secret: str, *, connect: bool) -> None:
        """Ask for a connection test with this login."""
        login = pb.ConnectionTest(username=username, secret=secret, connect=connect)
        self.tests[test_id] = AskedTest(login)
        self.announce("test_requested", test_id=test_id)

    def used(self, username: str = "alice") -> int:
        """All bytes posted for this customer."""
        return sum(usage.total for usage in self.usage.values() if usage.resource_id == f"res_{username}")

    def held(self) -> int:
        """What leases still hold."""
        return sum(lease.rest for lease in self.leases.values())

    def take_back(self) -> None:
        """Give up the leases of which nothing was heard for too long."""
        for lease in self.leases.values():
            if time.monotonic() - lease.heard > self.valid_us / 1e6 + GRACE_S:
                lease.released = True

    # ── the service API ────────────────────────────────────────────────────────────────────────────────────

    async def OpenNode(self, request: pb.OpenNodeRequest, context: object) -> pb.OpenNodeResponse:
        await self._answerable()
        self.nodes.append(request.node)
        self.unknown = False
        return pb.OpenNodeResponse(change_sequence=len(self.changes))

    async def Authenticate(self, request: pb.AuthenticateRequest, context: object) -> pb.Grant:
        await self._answerable()
        self.authentications += 1
        self.presented.append(request)
        source = request.source_address.address
        for resource in self.resources.values():
            if source and any(ip_address(source) in ip_network(one) for one in resource.sources):
                break
            given = (request.password.username, request.password.secret)
            if request.HasField("password") and (resource.username, resource.secret) == given:
                break
        else:
            raise BadCredentials
        if not resource.active:
            raise ResourceInactive
        if resource.holding - self._held(resource.id) <= 0 and not self._held(resource.id):
            raise NoAllowance
        return self._grant(resource)

    async def GetGrant(self, request: pb.GetGrantRequest, context: object) -> pb.Grant:
        await self._answerable()
        self.grants += 1
        for resource in self.resources.values():
            if resource.credential_id == request.credential_id:
                if not resource.active:
                    raise ResourceInactive
                return self._grant(resource)
        raise BadCredentials

    def _grant(self, resource: Resource) -> pb.Grant:
        return pb.Grant(
            resource_id=resource.id,
            user_id=resource.user_id,
            credential_id=resource.credential_id,
            asset="bandwidth.test",
            unit=resource.unit,
            max_flows=resource.max_flows,
            rate_limit_bytes_s=resource.rate_limit_bytes_s,
            policy=resource.policy,
            exit=pb.ExitWishes(location=resource.location),
            cache_until_us=time.time_ns() // 1000 + int(self.cache_s * 1e6),
        )

    async def Lease(self, request: pb.LeaseRequest, context: object) -> pb.LeaseResponse:
        await self._answerable()
        self._check_node()
        if self.troubles:
            raise self.troubles.pop()
        if request.want_units <= 0:
            raise Invalid("ask for more than 0 units")
        known = self.leases.get(request.lease_id)
        if known is not None and known.node != request.node:
            raise Invalid(f"{request.lease_id} was asked for by another node")
        if request.resource_id not in self.resources:
            raise NotFound(f"no access {request.resource_id}")
        resource = self.resources[request.resource_id]
        if self.recalling and known is None:
            self.recalling -= 1
            return pb.LeaseResponse(recalling=True)
        if not resource.active:
            return pb.LeaseResponse(stopped=self.stopped)
        self._hear(resource.id)
        free = resource.holding - self._held(resource.id)
        if known is None:
            slice_ = free if free <= self.floor else max(free // 8, self.floor)
            granted = max(0, min(request.want_units, slice_))
            known = self.leases[request.lease_id] = Held(resource.id, granted, node=request.node)
            free -= granted
        return pb.LeaseResponse(granted_units=known.granted, left_units=free, valid_us=self.valid_us)

    async def Report(self, request: pb.ReportRequest, context: object) -> pb.ReportResponse:
        await self._answerable()
        self._check_node()
        self.reports += 1
        for record in request.records:
            if record.session_id in self.refusals:
                raise self.refusals[record.session_id]
            if record.input_octets < 0 or record.output_octets < 0:
                raise Invalid("a counter is negative")
        lease = self.leases.get(request.lease_id)
        if lease is None and request.records and request.records[0].resource_id in self.resources:
            lease = self.leases[request.lease_id] = Held(
                request.records[0].resource_id, 0, node=request.node, released=True
            )
            lease.taken_up = True
        if lease is None or lease.node != request.node:
            raise NotFound(f"no lease {request.lease_id}")
        self._hear(lease.resource_id)
        short = sum(self._post(lease, record) for record in request.records)
        if request.release:
            lease.released = True
        elif request.HasField("keep_units"):
            lease.granted = min(lease.granted, lease.posted + request.keep_units)
        if self.lose_answers and request.records:
            self.lose_answers -= 1
            raise Unavailable("the answer was lost")
        return pb.ReportResponse(remaining_units=lease.rest, shortfall_units=short)

    async def FollowChanges(
        self, request: pb.FollowChangesRequest, context: object
    ) -> AsyncIterator[pb.Change]:
        sent = request.after
        while True:
            await self._answerable()
            self._check_node()
            for change in self.changes[sent:]:
                yield change
                sent = change.sequence
            self._changed.clear()
            try:
                async with asyncio.timeout(0.1):
                    await self._changed.wait()
            except TimeoutError:
                yield pb.Change()

    async def BeginTest(self, request: pb.BeginTestRequest, context: object) -> pb.ConnectionTest:
        if request.test_id not in self.tests:
            raise NotFound(f"no test {request.test_id}")
        return self.tests[request.test_id].login

    async def ReportTest(self, request: pb.ReportTestRequest, context: object) -> pb.ReportTestResponse:
        test = self.tests[request.test_id]
        test.told.append(list(request.steps))
        test.finished = request.finished
        return pb.ReportTestResponse()

    # ── the books ───────────────────────────────────────────────────────────────────────────────────

    def _held(self, resource_id: str) -> int:
        return sum(lease.rest for lease in self.leases.values() if lease.resource_id == resource_id)

    def _post(self, lease: Held, record: pb.AccountingRecord) -> int:
        """Post cumulative - posted; return what the lease did not cover and the holding did not have."""
        usage = self.usage.setdefault(record.session_id, Usage())
        usage.resource_id = record.resource_id
        before = usage.total
        usage.input_octets = max(usage.input_octets, record.input_octets)
        usage.output_octets = max(usage.output_octets, record.output_octets)
        usage.protocol, usage.target = record.protocol, record.target
        usage.requests = max(usage.requests, record.requests)
        if record.sequence > usage.sequence:
            usage.sequence = record.sequence
        if record.status == pb.STATUS_TYPE_STOP:
            usage.stops += 1
            usage.terminate_cause = record.terminate_cause
        delta = usage.total - before
        resource = self.resources[lease.resource_id]
        covered = min(delta, lease.rest)
        self.overdrawn += 0 if lease.taken_up else delta - covered
        lease.posted += covered
        short = max(0, delta - resource.holding)
        resource.holding -= delta - short
        self.shortfall += short
        return short

    def _check_node(self) -> None:
        if self.unknown:
            raise UnknownNode

    def _hear(self, resource_id: str) -> None:
        self.take_back()
        for lease in self.leases.values():
            if lease.resource_id == resource_id:
                lease.heard = time.monotonic()

    async def _answerable(self) -> None:
        if self.delay_s:
            await asyncio.sleep(self.delay_s)
        if self.unavailable:
            raise Unavailable("the access service is away")
