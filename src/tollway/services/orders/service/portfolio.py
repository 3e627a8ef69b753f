"""The portfolio: what a customer holds, by lot, and what it is worth. Only read, nothing kept here."""

from typing import TYPE_CHECKING

from tollway.contracts import catalog_pb2, ledger_pb2
from tollway.fabric.clock import Clock
from tollway.kit.errors import DeadlineExceeded, Invalid, NotFound, Unavailable
from tollway.services.orders.model import Cash, HeldLot, Holding, Portfolio, cost_bases, market_value

if TYPE_CHECKING:
    from tollway.contracts.catalog_pb2_grpc import CatalogAsyncStub
    from tollway.contracts.ledger_pb2_grpc import LedgerAsyncStub


class PortfolioReader:
    """Puts together what the ledger holds for a customer and what the catalogue says it is worth."""

    def __init__(
        self, clock: Clock, catalog: "CatalogAsyncStub", ledger: "LedgerAsyncStub", currency: str
    ) -> None:
        self._clock = clock
        self._catalog = catalog
        self._ledger = ledger
        self._currency = currency

    async def of(self, user_id: str, currency: str) -> Portfolio:
        """Return a customer's portfolio, valued in `currency` or the platform's first. Raises Unavailable."""
        currency = currency or self._currency
        known = await self._ledger.ListAssets(ledger_pb2.ListAssetsRequest())
        assets = {asset.code: asset for asset in known.assets}
        answer = await self._ledger.ListAccounts(
            ledger_pb2.ListAccountsRequest(owner_kind="user", owner_id=user_id)
        )
        cash: list[Cash] = []
        holdings: list[Holding] = []
        for account in sorted(answer.accounts, key=lambda account: account.ref.asset):
            asset = assets[account.ref.asset]
            if account.ref.purpose != "available":
                continue
            if asset.kind == ledger_pb2.ASSET_KIND_MONEY:
                cash.append(Cash(asset.code, asset.scale, account.balance, account.available))
            elif account.credits_posted:
                holdings.append(await self._holding(user_id, account, currency))
        return Portfolio(currency, self._clock.now_us(), cash, holdings)

    async def _holding(self, user_id: str, account: ledger_pb2.Account, currency: str) -> Holding:
        asset = account.ref.asset
        answer = await self._ledger.ListLots(
            ledger_pb2.ListLotsRequest(owner_kind="user", owner_id=user_id, asset=asset)
        )
        lots = [_lot(lot) for lot in answer.lots]
        price = await self._price(asset, currency)
        lot_units = price.lot_units if price else 1
        value = market_value(account.balance, price.bid_per_lot, lot_units) if price else None
        return Holding(
            asset=asset,
            lot_units=lot_units,
            acquired=account.credits_posted,
            used=account.debits_posted,
            remaining=account.balance,
            reserved=account.balance - account.available,
            lots=lots,
            costs=cost_bases(lots, lot_units),
            market_value=value,
        )

    async def _price(self, asset: str, currency: str) -> catalog_pb2.Price | None:
        """Return the price, or None: what somebody holds can be shown without what it would fetch."""
        try:
            return await self._catalog.GetPrice(catalog_pb2.GetPriceRequest(asset=asset, currency=currency))
        except (Unavailable, DeadlineExceeded, NotFound, Invalid):
            return None


def _lot(lot: ledger_pb2.Lot) -> HeldLot:
    return HeldLot(
        lot.id,
        lot.quantity,
        lot.remaining,
        lot.cost_asset,
        lot.cost,
        lot.remaining_cost,
        lot.expires_at_us,
        lot.opened_at_us,
        lot.transaction_id,
    )
