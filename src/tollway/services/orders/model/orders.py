"""What an order is and which states it goes through; the service's docstring draws them."""

from dataclasses import dataclass
from enum import StrEnum

from tollway.services.orders.model.quotes import Terms


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
class Order:
    """An order as it stands. All that the ledger gets of it was fixed when it was placed."""

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
