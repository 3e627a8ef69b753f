"""`Orders`: the service, made of its parts."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from tollway.fabric.clock import Clock
from tollway.fabric.db import Database
from tollway.fabric.user_data import UserObstacle
from tollway.services.orders import store
from tollway.services.orders.service.market import Market
from tollway.services.orders.service.portfolio import PortfolioReader
from tollway.services.orders.service.preview import Previews
from tollway.services.orders.service.quotes import Quotes
from tollway.services.orders.service.saga import Saga
from tollway.services.orders.settings import OrdersSettings

if TYPE_CHECKING:
    from tollway.contracts.catalog_pb2_grpc import CatalogAsyncStub
    from tollway.contracts.ledger_pb2_grpc import LedgerAsyncStub


class Orders:
    """Quotes, orders and portfolios. A portfolio is valued in `currency` when no other is named."""

    def __init__(
        self,
        db: Database,
        clock: Clock,
        settings: OrdersSettings,
        catalog: "CatalogAsyncStub",
        ledger: "LedgerAsyncStub",
        *,
        currency: str,
    ) -> None:
        self.db = db
        self.quotes = Quotes(db, settings, catalog)
        self.market = Market(db, settings, self.quotes, Saga(db, ledger).process)
        self.previews = Previews(db, catalog)
        self.portfolio = PortfolioReader(clock, catalog, ledger, currency)

    async def obstacles(self, user_id: str) -> Sequence[UserObstacle]:
        """Return what stands in the way of a customer's leaving: orders under way, quotes that are still good."""
        async with self.db.snapshot() as tx:
            going, quotes = await store.open_of(tx, user_id)
        found: list[UserObstacle] = []
        if going:
            detail = f"{going} of your orders are under way: wait until they are filled, or cancel them"
            found.append(UserObstacle(kind="order", detail=detail))
        if quotes:
            detail = f"{quotes} prices are kept for you: wait until they have expired"
            found.append(UserObstacle(kind="quote", detail=detail))
        return found
