"""What quotes, orders and holdings are. Pure: no clock, no database, no service API."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from tollway.kit.money import mul_div


class OrderState(StrEnum):
    """Where an order is; the service's docstring draws how they follow each other."""

    PLACED = "placed"
    FUNDS_HELD = "funds_held"
    ALLOCATED = "allocated"
    FILLED = "filled"
    RELEASING = "releasing"
    FAILED = "failed"
    CANCELLED = "cancelled"


OPEN = frozenset({OrderState.PLACED, OrderState.FUNDS_HELD, OrderState.ALLOCATED, OrderState.RELEASING})
# Before the pivot: still the customer's and the clock's to stop.
STOPPABLE = frozenset({OrderState.PLACED, OrderState.FUNDS_HELD})


class FailureReason(StrEnum):
    """Why an order ended without being filled; the ledger's own codes besides."""

    INSUFFICIENT_FUNDS = "insufficient_funds"
    SOLD_OUT = "sold_out"
    TIMED_OUT = "timed_out"
    CANCELLED = "cancelled"


@dataclass(frozen=True, slots=True)
class Terms:
    """What is bought and for how much: `price` + `fee` units of `currency` for `quantity` units of `asset`."""

    asset: str
    quantity: int
    currency: str
    price: int
    fee: int
    ask_per_lot: int
    lot_units: int
    validity_us: int

    @property
    def total(self) -> int:
        """What leaves the customer's wallet."""
        return self.price + self.fee


@dataclass(frozen=True, slots=True)
class Quote:
    """Terms that are kept until `expires_at_us`, for one user and one order."""

    id: str
    user_id: str
    terms: Terms
    created_at_us: int
    expires_at_us: int
    order_id: str = ""


@dataclass(frozen=True, slots=True)
class Order:
    """An order as it stands. All that the ledger is told of it was fixed when it was placed."""

    id: str
    user_id: str
    terms: Terms
    quote_id: str
    state: OrderState
    turned_from: str
    reason: str
    transaction_id: str
    funds_hold_id: str
    fee_hold_id: str
    capacity_hold_id: str
    lot_expires_at_us: int
    settle_by_us: int
    holds_expire_at_us: int
    created_at_us: int
    updated_at_us: int


@dataclass(frozen=True, slots=True)
class Step:
    """A state that an order reached, and when."""

    state: OrderState
    at_us: int


@dataclass(frozen=True, slots=True)
class Move:
    """A step forward: the state to go to, and what is learnt on the way."""

    to: OrderState
    reason: str = ""
    transaction_id: str = ""


# ── portfolio ───────────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True)
class HeldLot:
    """What is left of one purchase. Costs are in units of `cost_asset`, which is empty for a gift."""

    id: str
    quantity: int
    remaining: int
    cost_asset: str
    cost: int
    remaining_cost: int
    expires_at_us: int
    opened_at_us: int
    transaction_id: str


@dataclass(frozen=True, slots=True)
class CostBasis:
    """What the remaining units cost in one currency, and that per priced lot, rounded half-even."""

    currency: str
    units: int
    cost: int
    average_per_lot: int


@dataclass(frozen=True, slots=True)
class Holding:
    """All of one access asset that a customer holds.

    `market_value` is what the remaining units would fetch at the bid, in `value_currency`, rounded down;
    None while there is no price.
    """

    asset: str
    lot_units: int
    acquired: int
    used: int
    remaining: int
    reserved: int
    lots: Sequence[HeldLot]
    costs: Sequence[CostBasis]
    market_value: int | None


@dataclass(frozen=True, slots=True)
class Cash:
    """A money balance, and how much of it is not held for an order in progress."""

    currency: str
    scale: int
    balance: int
    available: int


@dataclass(frozen=True, slots=True)
class Portfolio:
    """Everything a customer holds, at one moment."""

    value_currency: str
    at_us: int
    cash: Sequence[Cash] = field(default_factory=tuple[Cash, ...])
    holdings: Sequence[Holding] = field(default_factory=tuple[Holding, ...])


def cost_bases(lots: Iterable[HeldLot], lot_units: int) -> list[CostBasis]:
    """Add up what the remaining units cost, by currency."""
    sums: dict[str, tuple[int, int]] = {}
    for lot in lots:
        if lot.cost_asset and lot.remaining:
            units, cost = sums.get(lot.cost_asset, (0, 0))
            sums[lot.cost_asset] = (units + lot.remaining, cost + lot.remaining_cost)
    return [
        CostBasis(currency, units, cost, mul_div(cost, lot_units, units))
        for currency, (units, cost) in sorted(sums.items())
    ]


def market_value(remaining: int, bid_per_lot: int, lot_units: int) -> int:
    """Return what the units would fetch, rounded down."""
    return remaining * bid_per_lot // lot_units
