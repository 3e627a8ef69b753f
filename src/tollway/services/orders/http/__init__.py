"""The REST side of orders: quotes, orders, the portfolio."""

from typing import Annotated, Self

from fastapi import APIRouter, Request, Response
from pydantic import Field, model_validator

from tollway.contracts.errors import PriceExceeded, QuoteStale, SoldOut, TooManyQuotes, UnknownAsset
from tollway.fabric.rest import (
    CHECKOUT_TIME_LIMIT_S,
    Answer,
    AnswerStore,
    AssetCode,
    Body,
    CurrencyCode,
    CurrencyQuery,
    CurrentUser,
    IdempotencyKey,
    Paging,
    PositiveMoney,
    PositiveUnits,
    idempotent,
    route,
)
from tollway.fabric.rest.etag import TAGGED, tagged
from tollway.kit.errors import Conflict, InsufficientFunds, NotFound, Problem
from tollway.kit.ids import is_id
from tollway.kit.money import money_text
from tollway.services.orders.http.operators import add_routes
from tollway.services.orders.http.views import (
    OrderDetail,
    OrderId,
    OrderList,
    OrderView,
    PortfolioView,
    QuoteView,
    detail_view,
    order_view,
    portfolio_view,
    quote_view,
)
from tollway.services.orders.model import OPEN, FailureReason, Order, OrderState, Side
from tollway.services.orders.service import Orders


class QuoteRequest(Body):
    """What to quote. `quantity` is in the asset's units: bytes for bandwidth."""

    asset: AssetCode
    quantity: PositiveUnits
    currency: CurrencyCode
    side: Annotated[Side, Field(strict=False)] = Side.BUY


class PlaceOrder(Body):
    """Either `quote_id` alone, or `asset`, `quantity` and `currency` to buy at the price of the moment.

    `max_price` is the most you would pay for the second kind, the fee included.
    """

    quote_id: Annotated[str, Field(max_length=64)] | None = None
    asset: AssetCode | None = None
    quantity: PositiveUnits | None = None
    currency: CurrencyCode | None = None
    max_price: PositiveMoney | None = None

    @model_validator(mode="after")
    def _one_kind(self) -> Self:
        market = (self.asset, self.quantity, self.currency)
        if self.quote_id is not None:
            if any(part is not None for part in (*market, self.max_price)):
                raise ValueError("send quote_id alone, or asset, quantity and currency")
        elif any(part is None for part in market):
            raise ValueError("send quote_id, or asset, quantity and currency")
        return self


def router(service: Orders, answers: AnswerStore) -> APIRouter:
    """Make the routes of orders."""
    api = APIRouter(tags=["orders"])
    _placing(api, service, answers)
    _looking(api, service)
    add_routes(api, service)
    return api


def _placing(api: APIRouter, service: Orders, answers: AnswerStore) -> None:
    @api.post(
        "/api/orders/quote",
        status_code=201,
        **route(
            permission="orders:write",
            time_limit_s=CHECKOUT_TIME_LIMIT_S,
            audit="orders:quote:create",
            problems=(UnknownAsset, TooManyQuotes),
        ),
    )
    async def quote(body: QuoteRequest, who: CurrentUser) -> QuoteView:
        """Ask for a price that is kept for a while. Costs nothing and binds only us."""
        return quote_view(await service.quotes.offer(who.user_id, body.asset, body.quantity, body.currency))

    @api.post(
        "/api/orders",
        status_code=201,
        response_model=OrderView,
        responses={202: {"model": OrderView, "description": "Placed, and not settled yet; look again"}},
        **route(
            time_limit_s=CHECKOUT_TIME_LIMIT_S,
            permission="orders:write",
            audit="orders:order:create",
            problems=(
                InsufficientFunds,
                NotFound,
                PriceExceeded,
                QuoteStale,
                SoldOut,
                UnknownAsset,
                Conflict,
            ),
        ),
    )
    async def place(body: PlaceOrder, who: CurrentUser, key: IdempotencyKey) -> Response:
        """Buy at a quote, or at the price of the moment."""

        async def work() -> Answer:
            order = await _place(service, who.user_id, body, key)
            if refusal := _refusal(order):
                raise refusal
            return Answer(202 if order.state in OPEN else 201, order_view(order))

        return await idempotent(answers, who, key, body, work)

    @api.delete(
        "/api/orders/{order_id}",
        **route(
            permission="orders:write",
            time_limit_s=CHECKOUT_TIME_LIMIT_S,
            audit="orders:order:cancel",
            problems=(Conflict,),
        ),
    )
    async def cancel(order_id: OrderId, who: CurrentUser) -> OrderView:
        """Cancel an order that is not settled yet; what was held for it comes back."""
        return order_view(await service.market.cancel(who.user_id, order_id))


def _looking(api: APIRouter, service: Orders) -> None:
    @api.get("/api/billing/orders", **route(permission="orders:read", time_limit_s=CHECKOUT_TIME_LIMIT_S))
    @api.get("/api/orders", **route(permission="orders:read", time_limit_s=CHECKOUT_TIME_LIMIT_S))
    async def orders(who: CurrentUser, page: Paging) -> OrderList:
        """List your orders, newest first."""
        found = await service.market.list(who.user_id, page.limit, page.cursor)
        return OrderList(items=[order_view(order) for order in found.items], next_cursor=found.next_cursor)

    @api.get(
        "/api/orders/{order_id}",
        response_model=OrderDetail,
        responses=TAGGED,
        **route(permission="orders:read", time_limit_s=CHECKOUT_TIME_LIMIT_S),
    )
    async def order(order_id: OrderId, who: CurrentUser, request: Request) -> Response:
        """Show one of your orders, with the steps it took."""
        found, steps = await service.market.get(who.user_id, order_id)
        return tagged(request, detail_view(found, steps))

    @api.get("/api/portfolio", **route(permission="orders:read", time_limit_s=CHECKOUT_TIME_LIMIT_S))
    async def portfolio(who: CurrentUser, currency: CurrencyQuery = "") -> PortfolioView:
        """Show what you hold, by lot, and what it is worth."""
        return portfolio_view(await service.portfolio.of(who.user_id, currency))


async def _place(service: Orders, user_id: str, body: PlaceOrder, key: str) -> Order:
    if body.quote_id is not None:
        if not is_id("quo", body.quote_id):
            raise NotFound("there is no such quote")
        return await service.market.place_quoted(user_id, body.quote_id, key)
    assert body.asset is not None
    assert body.quantity is not None
    assert body.currency is not None
    return await service.market.place(user_id, body.asset, body.quantity, body.currency, body.max_price, key)


def _refusal(order: Order) -> Problem | None:
    """Say why the order that was just placed failed, in the words of the error that a client acts on."""
    if order.state is not OrderState.FAILED:
        return None
    if order.reason == FailureReason.INSUFFICIENT_FUNDS:
        total = f"{money_text(order.terms.total)} {order.terms.currency}"
        return InsufficientFunds(f"the wallet does not hold {total}; deposit first", order_id=order.id)
    if order.reason == FailureReason.SOLD_OUT:
        return SoldOut(order_id=order.id)
    return Conflict(f"the order failed: {order.reason}", order_id=order.id, reason=order.reason)
