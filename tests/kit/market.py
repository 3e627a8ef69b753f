"""A small market for tests: the services catalog and orders on real databases, and a ledger behind its service API."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlalchemy import select

from tests.kit.clock import FakeClock
from tests.kit.databases import Kind, database, service_migrations
from tests.kit.killing import Fate, MortalChannel, MortalDatabase
from tests.kit.ledger_in_memory import LedgerInMemory
from tests.kit.typing import settings_of
from tollway.contracts import catalog_pb2_grpc, ledger_pb2_grpc
from tollway.fabric.db import Database, tables
from tollway.fabric.jobs import Worker
from tollway.fabric.jobs.sql import SqlJobQueue
from tollway.fabric.rpc import LocalChannel, LocalServer
from tollway.services.catalog.jobs import JOBS as CATALOG_JOBS
from tollway.services.catalog.rpc import CatalogRpc
from tollway.services.catalog.service import Catalog
from tollway.services.catalog.settings import CatalogSettings
from tollway.services.orders import store
from tollway.services.orders.jobs import JOBS as ORDERS_JOBS
from tollway.services.orders.model import Order
from tollway.services.orders.service import Orders
from tollway.services.orders.settings import OrdersSettings

GB = 1_000_000_000
USD = 1_000_000
CURRENCIES = ("USD", "EUR")
STANDARD = "bandwidth.datacenter.standard"
BUDGET = "bandwidth.datacenter.budget"


@dataclass
class Market:
    clock: FakeClock
    server: LocalServer
    ledger: LedgerInMemory
    catalog_db: Database
    orders_db: Database
    catalog: Catalog
    orders: Orders
    catalog_asks: LocalChannel
    orders_ask: LocalChannel

    def another_orders(self, fate: Fate | None = None, settings: OrdersSettings | None = None) -> Orders:
        """Another instance on the same database, as after a restart or on another replica."""
        fate = fate or Fate()
        db = MortalDatabase(self.orders_db, fate)
        return make_orders(MortalChannel(self.server, "orders", fate), db, self.clock, settings)

    def set_fee(self, fee_ppm: int) -> None:
        """Charge another fee from now on."""
        self.catalog._settings = self.catalog._settings.model_copy(update={"fee_ppm": fee_ppm})

    async def events(self, subject: str) -> list[str]:
        """Name what orders published about something, in order."""
        outbox = tables.outbox
        wanted = select(outbox.c.type).where(outbox.c.subject == subject).order_by(outbox.c.position)
        async with self.orders_db.snapshot() as tx:
            return [row.type for row in await tx.all(wanted)]

    async def run_jobs(self, orders: Orders | None = None) -> None:
        """Run what is due at both services, until nothing is."""
        for service, db, jobs in (
            (self.catalog, self.catalog_db, CATALOG_JOBS),
            (orders or self.orders, self.orders_db, ORDERS_JOBS),
        ):
            worker = Worker(service, SqlJobQueue(db), jobs)
            while await worker.run_due():
                pass


@asynccontextmanager
async def running_market(
    kind: Kind,
    folder: Path,
    clock: FakeClock,
    *,
    settings: OrdersSettings | None = None,
    catalog_settings: CatalogSettings | None = None,
    seeded: bool = True,
    ledger_api: ledger_pb2_grpc.LedgerServicer | None = None,
) -> AsyncIterator[Market]:
    """Open a market, on a ledger in memory unless given one on a database."""
    ledger, server = LedgerInMemory(clock), LocalServer()
    ledger_pb2_grpc.add_LedgerServicer_to_server(ledger_api or ledger, server)
    async with (
        database(kind, folder, clock, service_migrations("catalog"), "catalog") as catalog_db,
        database(kind, folder, clock, service_migrations("orders"), "orders") as orders_db,
    ):
        catalog, catalog_asks = make_catalog(server, catalog_db, clock, catalog_settings)
        catalog_pb2_grpc.add_CatalogServicer_to_server(CatalogRpc(catalog), server)
        orders_ask = LocalChannel(server, "orders")
        orders = make_orders(orders_ask, orders_db, clock, settings)
        if seeded:
            await catalog.prepare()
        yield Market(clock, server, ledger, catalog_db, orders_db, catalog, orders, catalog_asks, orders_ask)


def make_catalog(
    server: LocalServer, db: Any, clock: FakeClock, settings: CatalogSettings | None = None
) -> tuple[Catalog, LocalChannel]:
    channel = LocalChannel(server, "catalog")
    return make_catalog_on(channel, db, clock, settings), channel


def make_catalog_on(
    channel: LocalChannel, db: Any, clock: FakeClock, settings: CatalogSettings | None = None
) -> Catalog:
    ledger: Any = ledger_pb2_grpc.LedgerStub(channel)
    return Catalog(db, clock, settings or settings_of(CatalogSettings), ledger, CURRENCIES)


def make_orders(
    channel: LocalChannel, db: Any, clock: FakeClock, settings: OrdersSettings | None = None
) -> Orders:
    ledger: Any = ledger_pb2_grpc.LedgerStub(channel)
    catalog: Any = catalog_pb2_grpc.CatalogStub(channel)
    return Orders(db, clock, settings or settings_of(OrdersSettings), catalog, ledger, currency="USD")


async def order_of(database: Database, order_id: str) -> Order:
    """Read an order as it stands, whoever placed it."""
    async with database.snapshot() as tx:
        order = await store.find_order(tx, order_id)
    assert order is not None, f"there is no order {order_id}"
    return order
