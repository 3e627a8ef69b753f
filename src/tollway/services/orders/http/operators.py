"""Orders of every customer, for operators."""

from typing import Annotated

from fastapi import APIRouter, Query
from pydantic import BaseModel, Field

from tollway.contracts.errors import UnknownAsset
from tollway.fabric.rest import (
    AssetQuery,
    CurrencyQuery,
    MoneyText,
    PageQuery,
    PositiveMoney,
    PositiveUnits,
    UnitsText,
    route,
    sorted_by,
)
from tollway.kit.ids import id_pattern
from tollway.services.orders.http.views import OrderDetail, OrderId, OrderView, detail_view, order_view
from tollway.services.orders.model import Order, OrderState
from tollway.services.orders.service import Orders
from tollway.services.orders.service.preview import Preview
from tollway.services.orders.store import Revenue

READ = route(permission="sales:read", owner="any")
UserQuery = Annotated[str, Query(pattern=id_pattern("usr"), description="Of one customer only")]
StateQuery = Annotated[OrderState | None, Query(description="In this state only")]
UnitsQuery = Annotated[PositiveUnits, Query(description="How much more is put up for sale")]
ListPriceQuery = Annotated[PositiveMoney, Query(description="The list price of one lot to try")]
NewestFirst = Annotated[PageQuery, sorted_by("-created_at", "created_at")]


class CustomerOrderView(OrderView):
    """An order and whose it is."""

    user_id: str


class CustomerOrderList(BaseModel):
    items: list[CustomerOrderView]
    next_cursor: str


class CustomerOrderDetail(OrderDetail):
    """An order with the steps it took, and whose it is."""

    user_id: str


class RevenueView(BaseModel):
    """What filled orders brought in one currency, fees included."""

    currency: str
    today: Annotated[MoneyText, Field(description="Since midnight, UTC")]
    last_7_days: Annotated[MoneyText, Field(description="In the last 7 times 24 hours")]
    last_30_days: Annotated[MoneyText, Field(description="In the last 30 times 24 hours")]
    orders_today: Annotated[int, Field(description="How many orders were filled since midnight, UTC")]


class SalesView(BaseModel):
    """How sales go, and what of them needs a person."""

    revenue: Annotated[list[RevenueView], Field(description="By currency")]
    open_orders: Annotated[int, Field(description="Orders that are not settled yet")]
    idle_orders: Annotated[int, Field(description="Open orders that have not moved for long")]
    gave_up: Annotated[
        int, Field(description="Jobs and events that were tried too often and wait for a person")
    ]


class PreviewView(BaseModel):
    """What a change would do. Quotes and orders that are open keep the price that they have."""

    asset: str
    currency: str
    lot_units: UnitsText
    ask_now: Annotated[MoneyText, Field(description="What a customer pays for one lot now")]
    ask_then: Annotated[MoneyText, Field(description="What a customer would pay for one lot afterwards")]
    open_quotes: Annotated[int, Field(description="Quotes that can still be used, at the price of before")]
    open_orders: Annotated[int, Field(description="Orders under way, at the price of before")]
    customers: Annotated[int, Field(description="How many customers these quotes and orders are of")]


def add_routes(api: APIRouter, service: Orders) -> None:
    """Add the operators' routes."""
    _previews(api, service)

    @api.get("/api/admin/orders", tags=["operators"], **READ)
    async def customers_orders(
        page: NewestFirst, user_id: UserQuery = "", state: StateQuery = None
    ) -> CustomerOrderList:
        """List orders of all customers or of one, newest first unless you ask for another order."""
        found = await service.market.search(
            user_id, state, page.limit, page.cursor, newest_first=page.descending
        )
        return CustomerOrderList(items=[_order(one) for one in found.items], next_cursor=found.next_cursor)

    @api.get("/api/admin/orders/{order_id}", tags=["operators"], **READ)
    async def customers_order(order_id: OrderId) -> CustomerOrderDetail:
        """Show anybody's order, with the steps it took."""
        order, steps = await service.market.look_up(order_id)
        return CustomerOrderDetail(**dict(detail_view(order, steps)), user_id=order.user_id)

    @api.get("/api/admin/overview/sales", tags=["operators"], **READ)
    async def sales() -> SalesView:
        """Show what was sold today (UTC), in 7 and in 30 days, and orders that stand still."""
        found = await service.market.sales()
        return SalesView(
            revenue=[_revenue(one) for one in found.revenue],
            open_orders=found.open_orders,
            idle_orders=found.idle_orders,
            gave_up=found.gave_up,
        )


def _previews(api: APIRouter, service: Orders) -> None:
    preview = route(permission="sales:read", owner="any", problems=(UnknownAsset,))

    @api.get("/api/admin/prices/preview", tags=["operators"], **preview)
    async def preview_price(
        asset: AssetQuery, list_price: ListPriceQuery, currency: CurrencyQuery = ""
    ) -> PreviewView:
        """Show what another list price of an asset would do. Nothing is changed."""
        return _preview(await service.previews.change(asset, currency, list_price=list_price))

    @api.get("/api/admin/capacity/preview", tags=["operators"], **preview)
    async def preview_capacity(
        asset: AssetQuery,
        quantity: UnitsQuery,
        currency: CurrencyQuery = "",
    ) -> PreviewView:
        """Show what more capacity of an asset would do to its price. Nothing is changed."""
        return _preview(await service.previews.change(asset, currency, added_units=quantity))


def _preview(found: Preview) -> PreviewView:
    return PreviewView(
        asset=found.asset,
        currency=found.currency,
        lot_units=found.lot_units,
        ask_now=found.ask_now,
        ask_then=found.ask_then,
        open_quotes=found.open.quotes,
        open_orders=found.open.orders,
        customers=found.open.customers,
    )


def _revenue(one: Revenue) -> RevenueView:
    today, week, month = one.sums
    return RevenueView(
        currency=one.currency,
        today=today,
        last_7_days=week,
        last_30_days=month,
        orders_today=one.counts[0],
    )


def _order(one: Order) -> CustomerOrderView:
    return CustomerOrderView(**dict(order_view(one)), user_id=one.user_id)
