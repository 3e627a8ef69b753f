"""What a customer holds, and what it is worth."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from tollway.kit.money import mul_div


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
