"""The REST side of orders: quotes, orders, the portfolio."""

from typing import Annotated, Self

from fastapi import APIRouter, Request, Response
from pydantic import BaseModel, Field, model_validator

from tollway.contracts.errors import PriceExceeded, QuoteStale, SoldOut, UnknownAsset
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
    MoneyText,
    Paging,
    PositiveMoney,
    PositiveUnits,
    UnitsText,
    UtcTime,
    id_path,
    idempotent,
    route,
)
from tollway.fabric.rest.etag import TAGGED, tagged
from tollway.kit.errors import Conflict, InsufficientFunds, NotFound, Problem
from tollway.kit.ids import is_id
from tollway.kit.money import money_text
from tollway.kit.times import SECOND_US
from tollway.services.orders.model import (
    OPEN,
    FailureReason,
    Holding,
    Order,
    OrderState,
    Portfolio,
    Quote,
    Side,
    Step,
)
from tollway.services.orders.service import Orders

OrderId = Annotated[str, id_path("ord", "order")]


class QuoteRequest(Body):
    """What to quote. `quantity` is in the asset's units: bytes for bandwidth."""

    asset: AssetCode
    quantity: PositiveUnits
    currency: CurrencyCode
    side: Annotated[Side, Field(strict=False)] = Side.BUY


class QuoteView(BaseModel):
    """A price that is kept until `expires_at`; `total` = `price` + `fee` is what you would pay."""

    id: str
    side: Side
    asset: str
    quantity: UnitsText
    currency: str
    price: MoneyText
    fee: MoneyText
    total: MoneyText
    ask: MoneyText
    lot_units: UnitsText
    validity_s: int
    expires_at: UtcTime


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


class StepView(BaseModel):
    state: OrderState
    at: UtcTime


class OrderView(BaseModel):
    """An order. It is settled when `state` is filled, failed or cancelled; `reason` says why it was not filled."""

    id: str
    state: OrderState
    reason: str | None
    asset: str
    quantity: UnitsText
    currency: str
    price: MoneyText
    fee: MoneyText
    total: MoneyText
    ask: MoneyText
    lot_units: UnitsText
    quote_id: str | None
    transaction_id: str | None
    lot_expires_at: UtcTime | None
    created_at: UtcTime
    updated_at: UtcTime


class OrderDetail(OrderView):
    """An order with the steps it took."""

    steps: list[StepView]


class OrderList(BaseModel):
    items: list[OrderView]
    next_cursor: str


class HoldingLotView(BaseModel):
    """What is left of one purchase, and what that part cost."""

    id: str
    quantity: UnitsText
    remaining: UnitsText
    currency: str | None
    cost: MoneyText
    cost_of_remaining: MoneyText
    expires_at: UtcTime | None
    opened_at: UtcTime
    transaction_id: str


class CostView(BaseModel):
    """What the remaining units that were bought in one currency cost, and the average per `lot_units`."""

    currency: str
    units: UnitsText
    cost_of_remaining: MoneyText
    average_cost: MoneyText


class HoldingView(BaseModel):
    """All of one asset: `remaining` = `acquired` - `consumed`; `reserved` of it is in use right now.

    `market_value` is what the rest would fetch at the bid, in the portfolio's `currency`.
    """

    asset: str
    lot_units: UnitsText
    acquired: UnitsText
    consumed: UnitsText
    remaining: UnitsText
    reserved: UnitsText
    costs: list[CostView]
    market_value: MoneyText | None
    lots: list[HoldingLotView]


class CashView(BaseModel):
    currency: str
    balance: MoneyText
    available: MoneyText


class PortfolioView(BaseModel):
    """Everything you hold at the moment `at`."""

    currency: str
    at: UtcTime
    cash: list[CashView]
    holdings: list[HoldingView]


def router(service: Orders, answers: AnswerStore) -> APIRouter:
    """Make the routes of orders."""
    api = APIRouter(tags=["orders"])
    _placing(api, service, answers)
    _looking(api, service)
    return api


def _placing(api: APIRouter, service: Orders, answers: AnswerStore) -> None:
    @api.post(
        "/api/orders/quote",
        status_code=201,
        **route(
            permission="orders:write",
            time_limit_s=CHECKOUT_TIME_LIMIT_S,
            audit="orders:quote:create",
            problems=(UnknownAsset, SoldOut),
        ),
    )
    async def quote(body: QuoteRequest, who: CurrentUser) -> QuoteView:
        """Ask for a price that is kept for a while. Costs nothing and binds only us."""
        return _quote(await service.quotes.offer(who.user_id, body.asset, body.quantity, body.currency))

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
            return Answer(202 if order.state in OPEN else 201, _order(order))

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
        return _order(await service.market.cancel(who.user_id, order_id))


def _looking(api: APIRouter, service: Orders) -> None:
    @api.get("/api/billing/orders", **route(permission="orders:read", time_limit_s=CHECKOUT_TIME_LIMIT_S))
    @api.get("/api/orders", **route(permission="orders:read", time_limit_s=CHECKOUT_TIME_LIMIT_S))
    async def orders(who: CurrentUser, page: Paging) -> OrderList:
        """List your orders, newest first."""
        found = await service.market.list(who.user_id, page.limit, page.cursor)
        return OrderList(items=[_order(order) for order in found.items], next_cursor=found.next_cursor)

    @api.get(
        "/api/orders/{order_id}",
        response_model=OrderDetail,
        responses=TAGGED,
        **route(permission="orders:read", time_limit_s=CHECKOUT_TIME_LIMIT_S),
    )
    async def order(order_id: OrderId, who: CurrentUser, request: Request) -> Response:
        """Show one of your orders, with the steps it took."""
        found, steps = await service.market.get(who.user_id, order_id)
        return tagged(request, _detail(found, steps))

    @api.get("/api/portfolio", **route(permission="orders:read", time_limit_s=CHECKOUT_TIME_LIMIT_S))
    async def portfolio(who: CurrentUser, currency: CurrencyQuery = "") -> PortfolioView:
        """Show what you hold, by lot, and what it is worth."""
        return _portfolio(await service.portfolio.of(who.user_id, currency))


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


def _quote(quote: Quote) -> QuoteView:
    terms = quote.terms
    return QuoteView(
        id=quote.id,
        side=terms.side,
        asset=terms.asset,
        quantity=terms.quantity,
        currency=terms.currency,
        price=terms.price,
        fee=terms.fee,
        total=terms.total,
        ask=terms.ask_per_lot,
        lot_units=terms.lot_units,
        validity_s=terms.validity_us // SECOND_US,
        expires_at=quote.expires_at_us,
    )


def _order(order: Order) -> OrderView:
    terms = order.terms
    return OrderView(
        id=order.id,
        state=order.state,
        reason=order.reason or None,
        asset=terms.asset,
        quantity=terms.quantity,
        currency=terms.currency,
        price=terms.price,
        fee=terms.fee,
        total=terms.total,
        ask=terms.ask_per_lot,
        lot_units=terms.lot_units,
        quote_id=order.quote_id or None,
        transaction_id=order.transaction_id or None,
        lot_expires_at=order.lot_expires_at_us or None,
        created_at=order.created_at_us,
        updated_at=order.updated_at_us,
    )


def _detail(order: Order, steps: list[Step]) -> OrderDetail:
    shown = [StepView(state=step.state, at=step.at_us) for step in steps]
    return OrderDetail(**dict(_order(order)), steps=shown)


def _holding(holding: Holding) -> HoldingView:
    lots = [
        HoldingLotView(
            id=lot.id,
            quantity=lot.quantity,
            remaining=lot.remaining,
            currency=lot.cost_asset or None,
            cost=lot.cost,
            cost_of_remaining=lot.remaining_cost,
            expires_at=lot.expires_at_us or None,
            opened_at=lot.opened_at_us,
            transaction_id=lot.transaction_id,
        )
        for lot in holding.lots
    ]
    costs = [
        CostView(
            currency=basis.currency,
            units=basis.units,
            cost_of_remaining=basis.cost,
            average_cost=basis.average_per_lot,
        )
        for basis in holding.costs
    ]
    return HoldingView(
        asset=holding.asset,
        lot_units=holding.lot_units,
        acquired=holding.acquired,
        consumed=holding.used,
        remaining=holding.remaining,
        reserved=holding.reserved,
        costs=costs,
        market_value=holding.market_value,
        lots=lots,
    )


def _portfolio(portfolio: Portfolio) -> PortfolioView:
    cash = [
        CashView(currency=one.currency, balance=one.balance, available=one.available)
        for one in portfolio.cash
    ]
    return PortfolioView(
        currency=portfolio.value_currency,
        at=portfolio.at_us,
        cash=cash,
        holdings=[_holding(holding) for holding in portfolio.holdings],
    )
