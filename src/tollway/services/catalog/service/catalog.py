"""The catalogue's operations."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from tollway.fabric.clock import Clock
from tollway.fabric.db import Database
from tollway.kit.errors import Invalid
from tollway.kit.locations import DEFAULT_LOCATIONS, Location
from tollway.kit.money import MAX_UNITS
from tollway.kit.paging import Page, decode_cursor, make_page
from tollway.kit.times import SECOND_US
from tollway.services.catalog import store
from tollway.services.catalog.model import (
    ListPrice,
    PrepaidPlan,
    Price,
    PriceLine,
    Product,
    check_list_price,
    check_quantity,
    cost_of,
    price_at,
    price_line,
    scarcity_factor,
    sold_ppm,
)
from tollway.services.catalog.service.capacity import Capacity, find_product
from tollway.services.catalog.service.editing import CatalogEditor
from tollway.services.catalog.service.inventory import InventoryCache
from tollway.services.catalog.service.seeding import FirstCatalogue
from tollway.services.catalog.settings import CatalogSettings

if TYPE_CHECKING:
    from tollway.contracts.ledger_pb2_grpc import LedgerAsyncStub


@dataclass(frozen=True, slots=True)
class Offer:
    """A product with its price now (None without one in that currency) and what is left of it.

    `available_units` is what the ledger last said; None when it was never asked.
    """

    product: Product
    price: Price | None
    available_units: int | None


@dataclass(frozen=True, slots=True)
class PlanOffer:
    """A plan on sale: what its quantity of the product costs now."""

    plan: PrepaidPlan
    product: Product
    currency: str
    price: int


class Catalog:
    """What is for sale and at what price. See the package docstring for what it promises.

    Prices are in `currencies`, in the first when none is named. `editor` is for the operator's products and plans,
    `capacity` for what is put up for sale.
    """

    def __init__(
        self,
        db: Database,
        clock: Clock,
        settings: CatalogSettings,
        ledger: "LedgerAsyncStub",
        currencies: Sequence[str],
        locations: tuple[Location, ...] = DEFAULT_LOCATIONS,
    ) -> None:
        self.db = db
        self._clock = clock
        self._settings = settings
        self._currencies = currencies
        self.locations = locations
        """Where the operator's traffic leaves."""
        self._inventory = InventoryCache(clock, ledger, int(settings.inventory_cache_s * SECOND_US))
        self.editor = CatalogEditor(db, settings, ledger, currencies)
        self.capacity = Capacity(db, ledger, self._inventory)
        self._first = FirstCatalogue(db, ledger, self.editor, self.capacity, currencies)

    # ── browsing ────────────────────────────────────────────────────────────────────────────────────

    async def product(self, asset: str) -> Product:
        """Return one product, also one that is not sold any more. Raises UnknownAsset."""
        async with self.db.snapshot() as tx:
            return await find_product(tx, asset)

    async def offers(self, currency: str = "") -> list[Offer]:
        """Return what is for sale with prices in one currency, by asset."""
        async with self.db.snapshot() as tx:
            products = await store.products(tx, include_inactive=False)
            listed = await store.prices_in_force(tx, currency or self._currencies[0])
        left = await self._inventory.read()
        return [self._offer(product, listed.get(product.asset), left) for product in products]

    async def offer(self, asset: str, currency: str = "") -> Offer:
        """Return one product and its price. Raises UnknownAsset."""
        async with self.db.snapshot() as tx:
            product = await find_product(tx, asset)
            listed = await store.price_in_force(tx, asset, currency or self._currencies[0])
        return self._offer(product, listed, await self._inventory.read())

    async def price(self, asset: str, currency: str = "") -> Price:
        """Return the price now. Raises UnknownAsset, or Invalid for a currency it has no price in."""
        return self._price(await self.offer(asset, currency), currency)

    async def price_if(self, asset: str, currency: str, list_price: int, added_units: int) -> Price:
        """Return the price as it would be with another list price (0: the same) and more capacity.

        Raises as `price` does, and Invalid for what could not be set.
        """
        async with self.db.snapshot() as tx:
            product = await find_product(tx, asset)
            listed = await store.price_in_force(tx, asset, currency or self._currencies[0])
        left = await self._inventory.read()
        if list_price and listed is not None:
            check_list_price(product, list_price, self._settings.scarcity_curve)
            listed = replace(listed, per_lot=list_price)
        if added_units:
            if not 0 < added_units <= MAX_UNITS - product.capacity_units:
                raise Invalid.of("quantity", "must be more than 0, and the whole capacity must fit 64 bits")
            product = replace(product, capacity_units=product.capacity_units + added_units)
            left = {code: units + added_units * (code == asset) for code, units in left.items()}
        return self._price(self._offer(product, listed, left), currency)

    async def price_history(self, asset: str, currency: str, limit: int, cursor: str) -> Page[ListPrice]:
        """Return the list prices of an asset in a currency, newest first."""
        (before_id,) = decode_cursor(cursor, int) or (None,)
        async with self.db.snapshot() as tx:
            rows = await store.price_history(tx, asset, currency or self._currencies[0], before_id, limit + 1)
        page = make_page(rows, limit, lambda row: [row[0]])
        return Page([listed for _, listed in page.items], page.next_cursor)

    async def plans(self, currency: str = "") -> list[PlanOffer]:
        """Return the plans on sale at their price now, by product and size."""
        async with self.db.snapshot() as tx:
            plans = await store.plans(tx, include_inactive=False)
        offers = {offer.product.asset: offer for offer in await self.offers(currency)}
        return [
            PlanOffer(
                plan,
                offer.product,
                offer.price.currency,
                cost_of(plan.quantity, offer.price.ask_per_lot, offer.price.lot_units),
            )
            for plan in plans
            if (offer := offers.get(plan.asset)) is not None and offer.price is not None
        ]

    async def price_line(self, asset: str, quantity: int, currency: str) -> PriceLine:
        """Return what a quantity costs now; it binds nobody.

        Raises UnknownAsset, or Invalid for the quantity or currency.
        """
        return await self._price_line(asset, quantity, currency, await self._inventory.read(), 0)

    async def binding_price_line(
        self, asset: str, quantity: int, currency: str, promised_units: int
    ) -> PriceLine:
        """Return what a quantity costs now, for a quote or an order. Raises as `price_line` does.

        The inventory is read anew, and the `promised_units` that are not held in it yet count as sold.
        """
        left = await self._inventory.read(fresh=True)
        return await self._price_line(asset, quantity, currency, left, promised_units)

    # ── by itself ───────────────────────────────────────────────────────────────────────────────────

    async def prepare(self) -> None:
        """Write what a new platform sells. Idempotent; raises Unavailable from the ledger."""
        await self._first.write()

    # ── inside ──────────────────────────────────────────────────────────────────────────────────────

    async def _price_line(
        self, asset: str, quantity: int, currency: str, left: Mapping[str, int], promised_units: int
    ) -> PriceLine:
        async with self.db.snapshot() as tx:
            product = await find_product(tx, asset)
            listed = await store.price_in_force(tx, asset, currency or self._currencies[0])
        check_quantity(product, quantity)
        price = self._price(self._offer(product, listed, left, promised_units), currency)
        return price_line(product, price, quantity, self._settings.fee_ppm)

    def _price(self, offer: Offer, currency: str) -> Price:
        if offer.price is None:
            wanted = currency or self._currencies[0]
            raise Invalid.of("currency", f"{offer.product.asset} has no price in {wanted}")
        return offer.price

    def _offer(
        self, product: Product, listed: ListPrice | None, left: Mapping[str, int], promised_units: int = 0
    ) -> Offer:
        available = left.get(product.asset)
        if listed is None:
            return Offer(product, None, available)
        free = product.capacity_units if available is None else available
        sold = sold_ppm(product.capacity_units, free - promised_units) if product.capacity_units else 0
        factor = scarcity_factor(self._settings.scarcity_curve, sold)
        price = price_at(listed, product, factor, self._settings.spread_ppm, self._clock.now_us())
        return Offer(product, price, available)
