"""Access and the real ledger on real databases, joined by service APIs within the process."""

from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.kit.databases import Kind, database, service_migrations
from tests.kit.killing import Fate, MortalChannel, MortalDatabase
from tests.kit.metering import ENDPOINTS, STANDARD, USER, TwoProducts
from tests.kit.typing import partial, settings_of
from tollway.contracts import access_pb2_grpc, catalog_pb2_grpc, ledger_pb2_grpc
from tollway.contracts import ledger_pb2 as pb
from tollway.contracts.books import customer, lot_terms, platform, post_request, transfer
from tollway.fabric.clock import Clock
from tollway.fabric.db import Database
from tollway.fabric.rpc import LocalChannel, LocalServer
from tollway.kit.ids import new_id
from tollway.services.access.kinds import KINDS, ResourceKind
from tollway.services.access.rpc import AccessRpc
from tollway.services.access.service import Access
from tollway.services.access.service.credentials import Issued
from tollway.services.access.service.resources import ConnectRequest
from tollway.services.access.settings import AccessSettings
from tollway.services.ledger.rpc import LedgerRpc
from tollway.services.ledger.service import Ledger
from tollway.services.ledger.settings import LedgerSettings


@dataclass
class Charging:
    """Access and the ledger on real databases, and the way from one to the other."""

    clock: Clock
    server: LocalServer
    ledger: Any
    access_db: Database
    access: Access
    books: Ledger

    def life(self, fate: Fate) -> Access:
        """Access in a process that `fate` ends."""
        channel = MortalChannel(self.server, "access", fate)
        return _access(channel, MortalDatabase(self.access_db, fate), self.clock)

    def stub(self, node: str = "edge-1") -> Any:
        """The access service API, as an edge is given it."""
        access_pb2_grpc.add_AccessServicer_to_server(AccessRpc(self.access), self.server)
        return access_pb2_grpc.AccessStub(LocalChannel(self.server, node))

    async def customer(self, units: int, user_id: str = USER) -> Issued:
        """A customer who bought so many bytes and connected; edge-1 is up."""
        await self.buy(units, user_id)
        await self.access.nodes.open("edge-1", "boot-1", ENDPOINTS)
        return (await self.access.resources.connect(user_id, ConnectRequest()))[0]

    async def buy(self, units: int, user_id: str = USER, asset: str = STANDARD, unit: str = "byte") -> None:
        defined = pb.Asset(code=asset, kind=pb.ASSET_KIND_ACCESS, scale=0, unit=unit, transferable=True)
        await self.ledger.DefineAsset(pb.DefineAssetRequest(asset=defined))
        issuance, inventory = (platform("catalog", asset, purpose) for purpose in ("issuance", "inventory"))
        deferred, revenue, breakage = (
            platform("orders", "USD", purpose) for purpose in ("deferred", "revenue", "breakage")
        )
        lot = lot_terms(3 * units // 1000, deferred=deferred, revenue=revenue, breakage=breakage)
        legs = [
            transfer(issuance, inventory, units),
            transfer(inventory, customer(user_id, asset), units, lot),
        ]
        dollars = pb.Asset(code="USD", kind=pb.ASSET_KIND_MONEY, scale=6, unit="USD", transferable=True)
        await self.ledger.DefineAsset(pb.DefineAssetRequest(asset=dollars))
        key = new_id("buy")
        await self.ledger.Post(post_request("test", key, "buy", legs, actor=user_id))

    async def account(
        self, owner_kind: str, owner_id: str, purpose: str, asset: str = STANDARD
    ) -> pb.Account:
        ref = pb.AccountRef(owner_kind=owner_kind, owner_id=owner_id, asset=asset, purpose=purpose)
        return await self.ledger.GetAccount(pb.GetAccountRequest(ref=ref))

    async def holding(self, user_id: str = USER, asset: str = STANDARD) -> tuple[int, int]:
        """What a customer holds, and how much of it is reserved."""
        account = await self.account("user", user_id, "available", asset)
        return account.balance, account.debits_pending

    async def books_hold(self) -> None:
        await self.books.seal()  # a timed job in a running ledger; here hours may have passed without it
        assert (await self.books.verify()).findings == ()

    async def used(self, user_id: str = USER) -> int:
        """What access counted for a customer."""
        return (await self.access.usage.stats(user_id)).all_time.output_octets


def _access(channel: LocalChannel, db: Any, clock: Clock, kinds: Iterable[ResourceKind] = KINDS) -> Access:
    ledger: Any = ledger_pb2_grpc.LedgerStub(channel)
    catalog: Any = catalog_pb2_grpc.CatalogStub(channel)
    return Access(db, clock, settings_of(AccessSettings), ledger, catalog, kinds)


@asynccontextmanager
async def running_charging(
    kind: Kind,
    folder: Path,
    clock: Clock,
    kinds: Iterable[ResourceKind] = KINDS,
    catalog: catalog_pb2_grpc.CatalogServicer | None = None,
) -> AsyncIterator[Charging]:
    server = LocalServer()
    async with (
        database(kind, folder, clock, service_migrations("ledger"), "ledger") as ledger_db,
        database(kind, folder, clock, service_migrations("access"), "access") as access_db,
    ):
        ledger = Ledger(ledger_db, clock, settings_of(LedgerSettings), bytes(32))
        await ledger.start()
        ledger_pb2_grpc.add_LedgerServicer_to_server(LedgerRpc(ledger), server)
        catalog_pb2_grpc.add_CatalogServicer_to_server(catalog or partial(TwoProducts), server)
        stub: Any = ledger_pb2_grpc.LedgerStub(LocalChannel(server, "tester"))
        access = _access(LocalChannel(server, "access"), access_db, clock, kinds)
        yield Charging(clock, server, stub, access_db, access, ledger)
        await ledger.stop()
