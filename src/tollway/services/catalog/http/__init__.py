"""The catalogue's REST side.

browsing and prices   here
operators.py          what operators do: products, plans, prices, capacity
"""

from typing import Literal

from fastapi import APIRouter, Request, Response
from pydantic import BaseModel

from tollway.contracts.errors import UnknownAsset
from tollway.fabric.rest import (
    CHECKOUT_TIME_LIMIT_S,
    AnswerStore,
    AssetCode,
    AssetPath,
    AssetQuery,
    Body,
    CurrencyCode,
    CurrencyQuery,
    MoneyText,
    Paging,
    PositiveUnits,
    UnitsText,
    UtcTime,
    route,
)
from tollway.fabric.rest.etag import TAGGED, tagged
from tollway.kit.locations import Location
from tollway.kit.times import SECOND_US
from tollway.services.catalog.http.operators import add_operator_routes
from tollway.services.catalog.model import Price
from tollway.services.catalog.service import Catalog, Offer, PlanOffer

PUBLIC = route(permission="public", time_limit_s=CHECKOUT_TIME_LIMIT_S)
OF_ASSET = route(permission="public", time_limit_s=CHECKOUT_TIME_LIMIT_S, problems=(UnknownAsset,))


class PriceView(BaseModel):
    """A price now: `ask` is what a customer pays for `lot_units`, `bid` what they would get back."""

    currency: str
    ask: MoneyText
    bid: MoneyText
    list_price: MoneyText
    lot_units: UnitsText


class AssetView(BaseModel):
    """An access asset on sale. `validity_s` is how long a bought lot lasts; 0 is for ever."""

    asset: str
    name: str
    description: str
    protocols: tuple[str, ...]
    tier: str
    unit: str
    lot_units: UnitsText
    min_units: UnitsText
    max_units: UnitsText
    validity_s: int
    capacity_units: UnitsText
    available_units: UnitsText | None
    price: PriceView | None


class AssetList(BaseModel):
    items: list[AssetView]


class PlanView(BaseModel):
    """A prepaid plan: a fixed amount of one asset, bought once. Order it with its `asset` and `quantity`."""

    id: str
    kind: Literal["prepaid"]
    asset: str
    name: str
    tier: str
    protocols: tuple[str, ...]
    quantity: UnitsText
    unit: str
    validity_s: int
    currency: str
    price: MoneyText


class PlanList(BaseModel):
    items: list[PlanView]


class LocationView(BaseModel):
    """A place where traffic can leave; what the operator did not say about it is empty."""

    id: str
    name: str
    country: str
    region: str
    city: str


class LocationList(BaseModel):
    items: list[LocationView]


class ListPriceView(BaseModel):
    """A list price and since when it holds. Scarcity is added on top; see `ask` of the price now."""

    list_price: MoneyText
    since: UtcTime


class PriceHistory(BaseModel):
    asset: str
    now: PriceView
    items: list[ListPriceView]
    next_cursor: str


class Calculation(Body):
    """What to price."""

    asset: AssetCode
    quantity: PositiveUnits
    currency: CurrencyCode


class EstimateView(BaseModel):
    """What it would cost now: `total` = `price` + `fee`. It is not kept for you; a quote is."""

    asset: str
    quantity: UnitsText
    currency: str
    price: MoneyText
    fee: MoneyText
    total: MoneyText
    ask: MoneyText
    lot_units: UnitsText
    validity_s: int


def router(service: Catalog, answers: AnswerStore) -> APIRouter:
    """Make the routes of the catalogue."""
    api = APIRouter(tags=["catalogue"])
    _browsing(api, service)
    _pricing(api, service)
    add_operator_routes(api, service, answers)
    return api


def _browsing(api: APIRouter, service: Catalog) -> None:
    @api.get("/api/catalog/assets", **PUBLIC)
    async def assets(currency: CurrencyQuery = "") -> AssetList:
        """List everything on sale, with prices."""
        return AssetList(items=[_asset(offer) for offer in await service.offers(currency)])

    @api.get("/api/catalog/assets/{asset}", response_model=AssetView, responses=TAGGED, **OF_ASSET)
    async def asset(asset: AssetPath, request: Request, currency: CurrencyQuery = "") -> Response:
        """Show one asset, with its price."""
        return tagged(request, _asset(await service.offer(asset, currency)))

    @api.get("/api/billing/plans", **PUBLIC)
    @api.get("/api/catalog/plans", **PUBLIC)
    async def plans(currency: CurrencyQuery = "") -> PlanList:
        """List the plans on sale at their price now."""
        return PlanList(items=[_plan(offer) for offer in await service.plans(currency)])

    @api.get("/api/catalog/locations", **PUBLIC)
    async def locations() -> LocationList:
        """List where traffic can leave."""
        return LocationList(items=[_location(one) for one in service.locations])


def _pricing(api: APIRouter, service: Catalog) -> None:
    @api.get("/api/catalog/prices", **OF_ASSET)
    async def prices(asset: AssetQuery, page: Paging, currency: CurrencyQuery = "") -> PriceHistory:
        """Show the price of an asset now, and its list prices so far, newest first."""
        now = await service.price(asset, currency)
        found = await service.price_history(asset, currency, page.limit, page.cursor)
        items = [ListPriceView(list_price=listed.per_lot, since=listed.from_us) for listed in found.items]
        return PriceHistory(asset=asset, now=_price(now), items=items, next_cursor=found.next_cursor)

    @api.post(
        "/api/billing/calculate-price",
        **route(
            permission="public",
            time_limit_s=CHECKOUT_TIME_LIMIT_S,
            audit="catalog:price:calculate",
            problems=(UnknownAsset,),
        ),
    )
    async def calculate(body: Calculation) -> EstimateView:
        """Say what a quantity would cost now. Needs no account and binds nobody."""
        line = await service.price_line(body.asset, body.quantity, body.currency)
        return EstimateView(
            asset=line.asset,
            quantity=line.quantity,
            currency=line.currency,
            price=line.list_price,
            fee=line.fee,
            total=line.total,
            ask=line.ask_per_lot,
            lot_units=line.lot_units,
            validity_s=line.validity_us // SECOND_US,
        )


def _asset(offer: Offer) -> AssetView:
    product = offer.product
    return AssetView(
        asset=product.asset,
        name=product.name,
        description=product.description,
        protocols=product.protocols,
        tier=product.tier,
        unit=product.unit,
        lot_units=product.lot_units,
        min_units=product.min_units,
        max_units=product.max_units,
        validity_s=product.validity_us // SECOND_US,
        capacity_units=product.capacity_units,
        available_units=offer.available_units,
        price=_price(offer.price) if offer.price else None,
    )


def _price(price: Price) -> PriceView:
    return PriceView(
        currency=price.currency,
        ask=price.ask_per_lot,
        bid=price.bid_per_lot,
        list_price=price.list_per_lot,
        lot_units=price.lot_units,
    )


def _plan(offer: PlanOffer) -> PlanView:
    product = offer.product
    return PlanView(
        id=offer.plan.id,
        kind="prepaid",
        asset=product.asset,
        name=product.name,
        tier=product.tier,
        protocols=product.protocols,
        quantity=offer.plan.quantity,
        unit=product.unit,
        validity_s=product.validity_us // SECOND_US,
        currency=offer.currency,
        price=offer.price,
    )


def _location(one: Location) -> LocationView:
    return LocationView(id=one.id, name=one.name, country=one.country, region=one.region, city=one.city)
