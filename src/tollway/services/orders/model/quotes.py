"""The terms of a trade, and a quote that keeps them for a while."""

from dataclasses import dataclass
from enum import StrEnum


class Side(StrEnum):
    """What the customer does. Selling back is not offered yet."""

    BUY = "buy"


@dataclass(frozen=True, slots=True)
class Terms:
    """What is traded and for how much: `price` + `fee` units of `currency` for `quantity` units of `asset`."""

    side: Side
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
