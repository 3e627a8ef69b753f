"""What a new platform sells is written once; what an operator has changed since stays changed."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from tollway.contracts import ledger_pb2
from tollway.fabric.db import Database
from tollway.kit.money import FIAT_SCALE
from tollway.services.catalog import store
from tollway.services.catalog.model import (
    FIRST_CAPACITY_UNITS,
    FIRST_CATALOGUE,
    FIRST_PLAN_LOTS,
    ListPrice,
    PrepaidPlan,
)
from tollway.services.catalog.service.capacity import Capacity
from tollway.services.catalog.service.editing import CatalogEditor, list_price

if TYPE_CHECKING:
    from tollway.contracts.ledger_pb2_grpc import LedgerAsyncStub

ACTOR = "catalog"
OPEN_AT_ONCE = 100


class FirstCatalogue:
    """Writes the first catalogue, and makes the money of the platform known to the ledger."""

    def __init__(
        self,
        db: Database,
        ledger: "LedgerAsyncStub",
        editor: CatalogEditor,
        capacity: Capacity,
        currencies: Sequence[str],
    ) -> None:
        self._db = db
        self._ledger = ledger
        self._editor = editor
        self._capacity = capacity
        self._currencies = currencies

    async def write(self) -> None:
        """Make what is not there yet. Raises Unavailable from the ledger."""
        await self._define_assets()
        async with self._db.transaction() as tx:
            for product, prices in FIRST_CATALOGUE:
                if not await store.add_product(tx, product):
                    continue
                for currency in self._currencies:
                    if currency in prices:
                        listed = ListPrice(product.asset, currency, prices[currency], tx.now_us, ACTOR)
                        await list_price(tx, listed)
                for lots in FIRST_PLAN_LOTS:
                    quantity = lots * product.lot_units
                    await store.add_plan(tx, PrepaidPlan(f"{product.asset}.{lots}", product.asset, quantity))
                first = f"{product.asset}:initial"
                await self._capacity.write(tx, product, FIRST_CAPACITY_UNITS, ACTOR, first)
            unfinished = await store.open_issues(tx, "", OPEN_AT_ONCE)
        for issue_id in unfinished:
            await self._capacity.process.advance(issue_id)

    async def _define_assets(self) -> None:
        for code in self._currencies:
            money = ledger_pb2.Asset(
                code=code, kind=ledger_pb2.ASSET_KIND_MONEY, scale=FIAT_SCALE, unit=code, transferable=True
            )
            await self._ledger.DefineAsset(ledger_pb2.DefineAssetRequest(asset=money))
        for product, _ in FIRST_CATALOGUE:
            await self._editor.define_asset(product)
