"""The catalogue's operations."""

import asyncio
import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tollway.contracts import ledger_pb2
from tollway.contracts.books import PLATFORM, platform, post_request, transfer
from tollway.contracts.chart.catalog import INVENTORY, ISSUANCE
from tollway.contracts.errors import IdempotencyKeyReused, RequestInProgress, UnknownAsset
from tollway.contracts.events import PriceChanged
from tollway.fabric.clock import Clock
from tollway.fabric.db import Database, Tx
from tollway.kit.errors import DeadlineExceeded, Invalid, Unavailable
from tollway.kit.ids import new_id
from tollway.kit.locations import DEFAULT_LOCATIONS, Location
from tollway.kit.money import FIAT_SCALE, MAX_UNITS
from tollway.kit.paging import Page, decode_cursor, make_page
from tollway.kit.times import SECOND_US
from tollway.services.catalog import store
from tollway.services.catalog.model import (
    FIRST_CAPACITY_UNITS,
    FIRST_CATALOGUE,
    Issue,
    ListPrice,
    Pack,
    Price,
    PriceLine,
    Product,
    check_list_price,
    check_quantity,
    packs,
    price_at,
    price_line,
    scarcity_factor,
    sold_ppm,
)
from tollway.services.catalog.settings import CatalogSettings

if TYPE_CHECKING:
    from tollway.contracts.ledger_pb2_grpc import LedgerAsyncStub

_log = logging.getLogger(__name__)

# A price must not wait for a ledger in trouble: after this the last known inventory will do.
LOOK_TIMEOUT_S = 1.0
# The request drives an issue itself; the job is for the case that it dies in between.
ISSUE_JOB_AFTER_S = 5


@dataclass(frozen=True, slots=True)
class Offer:
    """A product with its price now (None without one in that currency) and what is left of it.

    `available_units` is what the ledger last said; None when it was never asked.
    """

    product: Product
    price: Price | None
    available_units: int | None


class Catalog:
    """What is for sale and at what price. See the package docstring for what it promises.

    Prices are in `currencies`, in the first when none is named.
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
        self._ledger = ledger
        self._currencies = currencies
        self.locations = locations
        """Where the operator's traffic leaves."""
        self._shelf = _Shelf(clock, ledger, int(settings.inventory_cache_s * SECOND_US))

    # ── browsing ────────────────────────────────────────────────────────────────────────────────────

    async def products(self, *, include_inactive: bool = False) -> list[Product]:
        """Return what is for sale, by asset."""
        async with self.db.snapshot() as tx:
            return await store.products(tx, include_inactive=include_inactive)

    async def product(self, asset: str) -> Product:
        """Return one product, also one that is not sold any more. Raises UnknownAsset."""
        async with self.db.snapshot() as tx:
            return await _find(tx, asset)

    async def offers(self, currency: str = "") -> list[Offer]:
        """Return what is for sale with prices in one currency, by asset."""
        async with self.db.snapshot() as tx:
            products = await store.products(tx, include_inactive=False)
            listed = await store.prices_in_force(tx, currency or self._currencies[0])
        left = await self._shelf.look()
        return [self._offer(product, listed.get(product.asset), left) for product in products]

    async def offer(self, asset: str, currency: str = "") -> Offer:
        """Return one product and its price. Raises UnknownAsset."""
        async with self.db.snapshot() as tx:
            product = await _find(tx, asset)
            listed = await store.price_in_force(tx, asset, currency or self._currencies[0])
        return self._offer(product, listed, await self._shelf.look())

    async def price(self, asset: str, currency: str = "") -> Price:
        """Return the price now. Raises UnknownAsset, or Invalid for a currency it has no price in."""
        price = (await self.offer(asset, currency)).price
        if price is None:
            wanted = currency or self._currencies[0]
            raise Invalid.of("currency", f"{asset} has no price in {wanted}")
        return price

    async def price_history(self, asset: str, currency: str, limit: int, cursor: str) -> Page[ListPrice]:
        """Return the list prices of an asset in a currency, newest first."""
        (before_id,) = decode_cursor(cursor, int) or (None,)
        async with self.db.snapshot() as tx:
            rows = await store.price_history(tx, asset, currency or self._currencies[0], before_id, limit + 1)
        page = make_page(rows, limit, lambda row: [row[0]])
        return Page([listed for _, listed in page.items], page.next_cursor)

    async def plans(self, currency: str = "") -> list[Pack]:
        """Return the packs on sale at their price now, by product and size."""
        return [
            pack
            for offer in await self.offers(currency)
            if offer.price
            for pack in packs(offer.product, offer.price, self._settings.pack_lots)
        ]

    async def price_line(self, asset: str, quantity: int, currency: str) -> PriceLine:
        """Say what a quantity costs now. Raises UnknownAsset, or Invalid for the quantity or currency."""
        product = await self.product(asset)
        check_quantity(product, quantity)
        price = await self.price(asset, currency)
        return price_line(product, price, quantity, self._settings.fee_ppm)

    # ── the operator's hand ─────────────────────────────────────────────────────────────────────────

    async def set_price(self, asset: str, currency: str, per_lot: int, actor: str) -> ListPrice:
        """List a lot at another price from now on. Raises UnknownAsset, Invalid for the price or currency."""
        if currency not in self._currencies:
            raise Invalid.of("currency", f"must be one of {', '.join(self._currencies)}")
        async with self.db.transaction() as tx:
            listed = ListPrice(asset, currency, per_lot, tx.now_us, actor)
            check_list_price(await _find(tx, asset), per_lot, self._settings.scarcity_curve)
            await self._list(tx, listed)
        return listed

    async def add_capacity(self, asset: str, units: int, actor: str, request_key: str) -> Issue:
        """Put more units up for sale; an actor's `request_key` names one issue for ever.

        Raises UnknownAsset, IdempotencyKeyReused, Invalid when the capacity leaves 64 bits, or Unavailable
        from the ledger, in which case a job finishes what was begun.
        """
        async with self.db.transaction() as tx:
            one = await self._write_issue(tx, asset, units, actor, f"{actor}:{request_key}")
        return await self.finish_issue(one.id)

    async def finish_issue(self, issue_id: str) -> Issue:
        """Have the ledger issue what was written down; safe to repeat at any point."""
        async with self.db.snapshot() as tx:
            one = await store.find_issue(tx, issue_id)
        assert one is not None, f"issue {issue_id} was never written down"
        if one.done:
            return one
        await self._ledger.Post(_issuance(one))
        async with self.db.transaction() as tx:
            if await store.finish_issue(tx, issue_id):
                await store.grow_capacity(tx, one.asset, one.units)
        self._shelf.forget()
        return Issue(one.id, one.asset, one.units, one.actor, done=True)

    async def seed(self) -> tuple[int, bool]:
        """Make the first catalogue; return how many products there are and whether any is new.

        Idempotent: what an operator has changed since stays changed. Raises Unavailable from the ledger.
        """
        await self._define_assets()
        made = False
        async with self.db.transaction() as tx:
            for product, prices in FIRST_CATALOGUE:
                if await store.add_product(tx, product):
                    made = True
                    for currency, per_lot in prices.items():
                        await self._list(
                            tx, ListPrice(product.asset, currency, per_lot, tx.now_us, "catalog")
                        )
                    first = f"{product.asset}:initial"
                    issue = Issue(first, product.asset, FIRST_CAPACITY_UNITS, "catalog", done=False)
                    await store.add_issue(tx, issue, first)
            unfinished = await store.unfinished_issues(tx)
        for issue_id in unfinished:
            await self.finish_issue(issue_id)
        return len(await self.products()), made

    # ── inside ──────────────────────────────────────────────────────────────────────────────────────

    def _offer(self, product: Product, listed: ListPrice | None, left: Mapping[str, int]) -> Offer:
        available = left.get(product.asset)
        if listed is None:
            return Offer(product, None, available)
        sold = 0 if available is None else sold_ppm(product.capacity_units, available)
        factor = scarcity_factor(self._settings.scarcity_curve, sold)
        price = price_at(listed, product, factor, self._settings.spread_ppm, self._clock.now_us())
        return Offer(product, price, available)

    async def _write_issue(self, tx: Tx, asset: str, units: int, actor: str, request_key: str) -> Issue:
        product = await _find(tx, asset)
        known = await store.issue_by_request(tx, request_key)
        if known is not None:
            if (known.asset, known.units) != (asset, units):
                raise IdempotencyKeyReused
            return known
        if not 0 < units <= MAX_UNITS - product.capacity_units:
            raise Invalid.of("quantity", "must be more than 0, and the whole capacity must fit 64 bits")
        one = Issue(new_id("iss"), asset, units, actor, done=False)
        if await store.add_issue(tx, one, request_key):
            tx.enqueue("issue_capacity", {"issue_id": one.id}, due_in_s=ISSUE_JOB_AFTER_S, unique=one.id)
            return one
        raise RequestInProgress(retry_after_s=1)

    async def _list(self, tx: Tx, listed: ListPrice) -> None:
        await store.add_price(tx, listed)
        tx.publish(PriceChanged(asset=listed.asset, currency=listed.currency, ask_per_lot=listed.per_lot))

    async def _define_assets(self) -> None:
        money = [
            ledger_pb2.Asset(
                code=code, kind=ledger_pb2.ASSET_KIND_MONEY, scale=FIAT_SCALE, unit=code, transferable=True
            )
            for code in self._currencies
        ]
        access = [
            ledger_pb2.Asset(
                code=product.asset,
                kind=ledger_pb2.ASSET_KIND_ACCESS,
                scale=0,
                unit=product.unit,
                transferable=True,
            )
            for product, _ in FIRST_CATALOGUE
        ]
        for asset in money + access:
            await self._ledger.DefineAsset(ledger_pb2.DefineAssetRequest(asset=asset))


class _Shelf:
    """What is left of every product, as the ledger said a moment ago; the last answer outlives an outage."""

    def __init__(self, clock: Clock, ledger: "LedgerAsyncStub", keep_us: int) -> None:
        self._clock = clock
        self._ledger = ledger
        self._keep_us = keep_us
        self._left: dict[str, int] = {}
        self._looked_us: int | None = None
        self._turn = asyncio.Lock()  # a crowd asks the ledger once

    async def look(self) -> dict[str, int]:
        """Return units left by asset."""
        async with self._turn:
            now_us = self._clock.now_us()
            if self._looked_us is None or not 0 <= now_us - self._looked_us < self._keep_us:
                self._looked_us = now_us
                await self._ask()
        return self._left

    def forget(self) -> None:
        """Ask anew next time."""
        self._looked_us = None

    async def _ask(self) -> None:
        try:
            answer = await self._ledger.ListAccounts(
                ledger_pb2.ListAccountsRequest(owner_kind=PLATFORM, owner_id="catalog"),
                timeout=LOOK_TIMEOUT_S,
            )
        except (Unavailable, DeadlineExceeded) as problem:
            _log.warning(
                "the ledger does not answer (%s); prices rest on the last known inventory", problem.code
            )
            return
        self._left = {
            account.ref.asset: account.available
            for account in answer.accounts
            if account.ref.purpose == INVENTORY
        }


async def _find(tx: Tx, asset: str) -> Product:
    product = await store.find_product(tx, asset)
    if product is None:
        raise UnknownAsset(f"there is no asset {asset!r}; GET /api/catalog/assets lists them")
    return product


def _issuance(one: Issue) -> ledger_pb2.PostRequest:
    issuance, inventory = (platform("catalog", one.asset, purpose) for purpose in (ISSUANCE, INVENTORY))
    leg = transfer(issuance, inventory, one.units)
    return post_request("catalog", f"issue:{one.id}", "issue", [leg], actor=one.actor)
