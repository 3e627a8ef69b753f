"""The operator's products and plans: added, changed and hidden, never removed, as people hold what was sold."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from tollway.contracts import ledger_pb2
from tollway.contracts.events import PlanChanged, PriceChanged, ProductChanged
from tollway.fabric.db import Database, Tx
from tollway.kit.errors import Conflict, Invalid, NotFound
from tollway.kit.ids import new_id
from tollway.services.catalog import store
from tollway.services.catalog.model import (
    ListPrice,
    PrepaidPlan,
    Product,
    check_list_price,
    check_product,
    check_quantity,
)
from tollway.services.catalog.service.capacity import find_product
from tollway.services.catalog.settings import CatalogSettings

if TYPE_CHECKING:
    from tollway.contracts.ledger_pb2_grpc import LedgerAsyncStub


class CatalogEditor:
    """Adds, changes and hides products and plans, and sets list prices in `currencies`."""

    def __init__(
        self,
        db: Database,
        settings: CatalogSettings,
        ledger: "LedgerAsyncStub",
        currencies: Sequence[str],
    ) -> None:
        self._db = db
        self._settings = settings
        self._ledger = ledger
        self._currencies = currencies

    async def products(self) -> Sequence[Product]:
        """Return every product, hidden ones too, by asset."""
        async with self._db.snapshot() as tx:
            return await store.products(tx, include_inactive=True)

    async def add_product(self, product: Product, prices: Mapping[str, int], actor: str) -> Product:
        """Add a product with its list prices by currency; the ledger gets to know the asset first.

        It can be sold as soon as capacity is put up for sale. Raises Invalid, Conflict when there is such a product.
        """
        check_product(product)
        for currency, per_lot in prices.items():
            self._check_price(product, currency, per_lot)
        await self.define_asset(product)
        async with self._db.transaction() as tx:
            if not await store.add_product(tx, product):
                raise Conflict(f"there is a product {product.asset} already; change it instead")
            for currency, per_lot in prices.items():
                await list_price(tx, ListPrice(product.asset, currency, per_lot, tx.now_us, actor))
            tx.publish(_changed(product))
        return product

    async def change_product(self, asset: str, changes: Mapping[str, Any]) -> Product:
        """Change a product's fields, also `active`. Raises UnknownAsset, Invalid."""
        async with self._db.transaction() as tx:
            was = await find_product(tx, asset)
            product = replace(was, **changes)
            check_product(product)
            for currency in self._currencies:
                listed = await store.price_in_force(tx, asset, currency)
                if listed is not None:
                    check_list_price(product, listed.per_lot, self._settings.scarcity_curve)
            if product != was:
                await store.change_product(tx, asset, changes)
                tx.publish(_changed(product))
        return product

    async def set_price(
        self, asset: str, currency: str, per_lot: int, actor: str, reason: str = ""
    ) -> ListPrice:
        """List a lot at another price from now on. Raises UnknownAsset, Invalid for the price or currency."""
        async with self._db.transaction() as tx:
            self._check_price(await find_product(tx, asset), currency, per_lot)
            listed = ListPrice(asset, currency, per_lot, tx.now_us, actor)
            await list_price(tx, listed, reason)
        return listed

    async def plans(self) -> Sequence[PrepaidPlan]:
        """Return every plan, hidden ones too, by product and size."""
        async with self._db.snapshot() as tx:
            return await store.plans(tx, include_inactive=True)

    async def add_plan(self, asset: str, quantity: int) -> PrepaidPlan:
        """Add a plan of a product. Raises UnknownAsset, Invalid, Conflict when there is one of this size."""
        async with self._db.transaction() as tx:
            check_quantity(await find_product(tx, asset), quantity)
            plan = PrepaidPlan(new_id("pln"), asset, quantity)
            if not await store.add_plan(tx, plan):
                raise Conflict(f"there is a plan of {quantity} of {asset} already; change it instead")
            tx.publish(_plan_changed(plan))
        return plan

    async def change_plan(self, plan_id: str, *, active: bool) -> PrepaidPlan:
        """Hide a plan or offer it again. Raises NotFound."""
        async with self._db.transaction() as tx:
            was = await store.find_plan(tx, plan_id)
            if was is None:
                raise NotFound("there is no such plan")
            plan = replace(was, active=active)
            if plan != was:
                await store.set_plan_active(tx, plan_id, active=active)
                tx.publish(_plan_changed(plan))
        return plan

    async def define_asset(self, product: Product) -> None:
        """Make a product's asset known to the ledger. Idempotent; raises Conflict, Unavailable."""
        asset = ledger_pb2.Asset(
            code=product.asset,
            kind=ledger_pb2.ASSET_KIND_ACCESS,
            scale=0,
            unit=product.unit,
            transferable=True,
        )
        await self._ledger.DefineAsset(ledger_pb2.DefineAssetRequest(asset=asset))

    def _check_price(self, product: Product, currency: str, per_lot: int) -> None:
        if currency not in self._currencies:
            raise Invalid.of("currency", f"must be one of {', '.join(self._currencies)}")
        check_list_price(product, per_lot, self._settings.scarcity_curve)


async def list_price(tx: Tx, listed: ListPrice, reason: str = "") -> None:
    """Put a list price in force."""
    await store.add_price(tx, listed)
    tx.publish(
        PriceChanged(asset=listed.asset, currency=listed.currency, ask_per_lot=listed.per_lot, reason=reason)
    )


def _changed(product: Product) -> ProductChanged:
    return ProductChanged(asset=product.asset, name=product.name, active=product.active)


def _plan_changed(plan: PrepaidPlan) -> PlanChanged:
    return PlanChanged(plan_id=plan.id, asset=plan.asset, quantity=plan.quantity, active=plan.active)
