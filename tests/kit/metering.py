"""Access on a real database, with a ledger and a catalogue that keep their promises and nothing else.

async with access_setup(kind, folder, clock) as here:
    here.ledger.give("usr_1", STANDARD, 1_000_000)
    ...
"""

import asyncio
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sqlalchemy import select

from tests.kit.clock import FakeClock
from tests.kit.databases import Kind, database, service_migrations
from tests.kit.typing import partial, settings_of
from tollway.contracts import catalog_pb2, catalog_pb2_grpc, ledger_pb2_grpc
from tollway.contracts import ledger_pb2 as pb
from tollway.contracts.books import customer
from tollway.contracts.errors import UnknownAsset, UnknownHold
from tollway.contracts.events import Event
from tollway.fabric.db import Database, tables
from tollway.fabric.rpc import LocalChannel, LocalServer
from tollway.kit.errors import NotFound
from tollway.kit.ids import new_id
from tollway.services.access.kinds import KINDS, ResourceKind
from tollway.services.access.model import FlowRecord
from tollway.services.access.service import Access
from tollway.services.access.service.credentials import Issued
from tollway.services.access.service.resources import ConnectRequest
from tollway.services.access.settings import AccessSettings
from tollway.services.access.store.nodes import NodeEndpoint

STANDARD = "bandwidth.datacenter.standard"
HTTP_ONLY = "bandwidth.datacenter.budget"
USER = "usr_1"
ENDPOINTS = [NodeEndpoint("http", "127.0.0.1", 3128), NodeEndpoint("socks5", "127.0.0.1", 1080)]


@dataclass
class Hold:
    owner: tuple[str, str]
    remaining: int
    ended: bool = False
    answer: pb.ReserveResponse = field(default_factory=pb.ReserveResponse)


@dataclass
class Hesitation:
    """Holds up a reservation between its arrival and its effect."""

    reached: asyncio.Event = field(default_factory=asyncio.Event)
    over: asyncio.Event = field(default_factory=asyncio.Event)


class MeteredLedger(ledger_pb2_grpc.LedgerServicer):
    """Holdings and holds in memory: reserve, settle cumulative use, release."""

    def __init__(self) -> None:
        self.balances: dict[tuple[str, str], int] = {}
        self.lots: list[tuple[str, pb.Lot]] = []
        self.holds: dict[str, Hold] = {}
        self.posted: dict[str, int] = {}
        self.sequences: dict[str, int] = {}
        self.consumed = 0
        self.shortfall = 0
        self.calls: list[str] = []
        self.hesitation: Hesitation | None = None

    def give(self, user_id: str, asset: str, units: int) -> None:
        self.balances[user_id, asset] = self.balances.get((user_id, asset), 0) + units

    def reserved(self, owner: tuple[str, str]) -> int:
        return sum(hold.remaining for hold in self.holds.values() if hold.owner == owner)

    async def GetAccount(self, request: pb.GetAccountRequest, context: Any) -> pb.Account:
        self.calls.append("GetAccount")
        owner = (request.ref.owner_id, request.ref.asset)
        if owner not in self.balances:
            raise NotFound
        held = self.reserved(owner)
        balance = self.balances[owner]
        return pb.Account(balance=balance, debits_pending=held, available=balance - held)

    async def ListAccounts(self, request: pb.ListAccountsRequest, context: Any) -> pb.ListAccountsResponse:
        self.calls.append("ListAccounts")
        return pb.ListAccountsResponse(
            accounts=[
                pb.Account(
                    ref=customer(user_id, asset),
                    balance=balance,
                    credits_posted=balance,
                    debits_pending=self.reserved((user_id, asset)),
                    available=balance - self.reserved((user_id, asset)),
                )
                for (user_id, asset), balance in self.balances.items()
                if user_id == request.owner_id
            ]
        )

    async def ListAssets(self, request: pb.ListAssetsRequest, context: Any) -> pb.ListAssetsResponse:
        self.calls.append("ListAssets")
        return pb.ListAssetsResponse(
            assets=[
                pb.Asset(code="USD", kind=pb.ASSET_KIND_MONEY, scale=6, unit="USD"),
                *(
                    pb.Asset(code=one, kind=pb.ASSET_KIND_ACCESS, unit="byte")
                    for one in (STANDARD, HTTP_ONLY)
                ),
            ]
        )

    async def ListLots(self, request: pb.ListLotsRequest, context: Any) -> pb.ListLotsResponse:
        self.calls.append("ListLots")
        return pb.ListLotsResponse(lots=[lot for user_id, lot in self.lots if user_id == request.owner_id])

    async def Reserve(self, request: pb.ReserveRequest, context: Any) -> pb.ReserveResponse:
        self.calls.append("Reserve")
        if self.hesitation is not None:
            self.hesitation.reached.set()
            await self.hesitation.over.wait()
        source = getattr(request, "from")
        owner = (source.owner_id, source.asset)
        assert (request.to.owner_kind, request.to.owner_id, request.to.purpose) == (
            "platform",
            "access",
            "consumed",
        )
        if request.hold_id not in self.holds:
            left = self.balances.get(owner, 0) - self.reserved(owner)
            granted = min(request.want, left, max(left // max(request.divisor, 1), request.floor))
            answer = pb.ReserveResponse(granted=granted, left=left - granted)
            if granted == 0:
                return answer
            self.holds[request.hold_id] = Hold(owner, granted, answer=answer)
        return self.holds[request.hold_id].answer

    async def RecordUse(self, request: pb.RecordUseRequest, context: Any) -> pb.RecordUseResponse:
        self.calls.append("RecordUse")
        hold = self._hold(request.hold_id)
        posted = shortfall = 0
        for mark in request.readings:
            assert mark.sequence >= 1
            if mark.sequence <= self.sequences.get(mark.session_id, 0):
                continue
            self.sequences[mark.session_id] = mark.sequence
            units = max(mark.cumulative - self.posted.get(mark.session_id, 0), 0)
            self.posted[mark.session_id] = self.posted.get(mark.session_id, 0) + units
            from_hold = min(units, hold.remaining)
            hold.remaining -= from_hold
            free = self.balances.get(hold.owner, 0) - from_hold - self.reserved(hold.owner)
            from_free = min(units - from_hold, max(free, 0))
            self.balances[hold.owner] = self.balances.get(hold.owner, 0) - from_hold - from_free
            posted += from_hold + from_free
            shortfall += units - from_hold - from_free
        if request.release:
            hold.remaining = min(hold.remaining, request.keep)
            hold.ended = not hold.remaining
        self.consumed += posted
        self.shortfall += shortfall
        return pb.RecordUseResponse(posted=posted, remaining=hold.remaining, shortfall=shortfall)

    async def Release(self, request: pb.ReleaseRequest, context: Any) -> pb.ReleaseResponse:
        self.calls.append("Release")
        hold = self._hold(request.hold_id)
        released, hold.remaining, hold.ended = hold.remaining, 0, True
        return pb.ReleaseResponse(released=released)

    def _hold(self, hold_id: str) -> Hold:
        if hold_id not in self.holds:
            raise UnknownHold
        return self.holds[hold_id]


class TwoProducts(catalog_pb2_grpc.CatalogServicer):
    """Sells everything over every protocol, and plain HTTP alone."""

    async def GetProduct(self, request: catalog_pb2.GetProductRequest, context: Any) -> catalog_pb2.Product:
        if request.asset == STANDARD:
            return catalog_pb2.Product(
                asset=STANDARD,
                protocols=["http", "https", "socks5"],
                unit="byte",
                tier="standard",
                active=True,
            )
        if request.asset == HTTP_ONLY:
            return catalog_pb2.Product(asset=HTTP_ONLY, protocols=["http"], unit="byte", active=True)
        raise UnknownAsset(f"there is no asset {request.asset}")


@dataclass
class AccessSetup:
    """The service, what it asks, and the way there (for planned failures)."""

    kind: Kind
    clock: FakeClock
    db: Database
    server: LocalServer
    ledger: MeteredLedger
    channel: LocalChannel
    access: Access
    settings: AccessSettings

    @property
    def faults(self) -> Any:
        return self.channel.faults

    def another(self) -> Access:
        """The service again on the same database: after a restart, or as a replica."""
        return make_access(self.server, self.db, self.clock, self.settings)[0]

    async def node(self, name: str = "edge-1", boot: str = "boot-1") -> str:
        await self.access.nodes.open(name, boot, ENDPOINTS)
        return name

    async def customer(self, units: int, user_id: str = USER, asset: str = STANDARD) -> Issued:
        """A connected customer with so much left, and node edge-1."""
        self.ledger.give(user_id, asset, units)
        await self.node()
        return (await self.access.resources.connect(user_id, ConnectRequest(asset=asset)))[0]

    async def lease(self, resource_id: str, want: int, node: str = "edge-1") -> tuple[str, int]:
        lease_id = new_id("hld")
        return lease_id, (await self.access.leases.lease(node, resource_id, lease_id, want)).units

    async def events(self, topic: str) -> list[Any]:
        """What the service has published under a topic, in order."""
        async with self.db.snapshot() as tx:
            published = select(tables.outbox.c.data).where(tables.outbox.c.type == topic)
            rows = await tx.all(published.order_by(tables.outbox.c.position))
        return [Event.by_topic[topic].model_validate_json(row.data) for row in rows]


def make_access(
    server: LocalServer,
    db: Database,
    clock: FakeClock,
    settings: AccessSettings,
    kinds: Iterable[ResourceKind] = KINDS,
) -> tuple[Access, LocalChannel]:
    channel = LocalChannel(server, "access")
    ledger: Any = ledger_pb2_grpc.LedgerStub(channel)
    catalog: Any = catalog_pb2_grpc.CatalogStub(channel)
    return Access(db, clock, settings, ledger, catalog, kinds), channel


@asynccontextmanager
async def access_setup(
    kind: Kind,
    folder: Path,
    clock: FakeClock,
    settings: AccessSettings | None = None,
    kinds: Iterable[ResourceKind] = KINDS,
) -> AsyncIterator[AccessSetup]:
    """Set up access with its neighbours on a fresh database."""
    ledger, server = partial(MeteredLedger), LocalServer()
    ledger_pb2_grpc.add_LedgerServicer_to_server(ledger, server)
    catalog_pb2_grpc.add_CatalogServicer_to_server(partial(TwoProducts), server)
    chosen = settings or settings_of(AccessSettings)
    async with database(kind, folder, clock, service_migrations("access"), "access") as db:
        access, channel = make_access(server, db, clock, chosen, kinds)
        yield AccessSetup(kind, clock, db, server, ledger, channel, access, chosen)


def report(resource_id: str, session_id: str, octets: int, sequence: int, **more: Any) -> FlowRecord:
    """One report of a flow: `octets` to the customer, none from them, unless told otherwise."""
    fields: dict[str, Any] = {
        "session_id": session_id,
        "resource_id": resource_id,
        "credential_id": "crd_1",
        "protocol": "connect",
        "client_address": "192.0.2.1:50000",
        "target": "example.com:443",
        "input_octets": 0,
        "output_octets": octets,
        "session_time_us": sequence * 1_000_000,
        "started_at_us": 1_795_305_600_000_000,
        "requests": 0,
        "sequence": sequence,
        "stopped": False,
        "terminate_cause": "",
    }
    return FlowRecord(**fields | more)
