"""What the orders service shows of quotes, orders and portfolios."""

from collections.abc import Sequence
from typing import Annotated

from pydantic import BaseModel

from tollway.fabric.rest import MoneyText, UnitsText, UtcTime, id_path
from tollway.kit.times import SECOND_US
from tollway.services.orders.model import Holding, Order, OrderState, Portfolio, Quote, Side, Step

OrderId = Annotated[str, id_path("ord", "order")]


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


def quote_view(quote: Quote) -> QuoteView:
    """Show a quote."""
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


def order_view(order: Order) -> OrderView:
    """Show an order."""
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


def detail_view(order: Order, steps: Sequence[Step]) -> OrderDetail:
    """Show an order with the steps it took."""
    shown = [StepView(state=step.state, at=step.at_us) for step in steps]
    return OrderDetail(**dict(order_view(order)), steps=shown)


def holding_view(holding: Holding) -> HoldingView:
    """Show what is held of one asset."""
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


def portfolio_view(portfolio: Portfolio) -> PortfolioView:
    """Show all that somebody holds."""
    cash = [
        CashView(currency=one.currency, balance=one.balance, available=one.available)
        for one in portfolio.cash
    ]
    return PortfolioView(
        currency=portfolio.value_currency,
        at=portfolio.at_us,
        cash=cash,
        holdings=[holding_view(holding) for holding in portfolio.holdings],
    )
