"""A correction of a wallet by an operator."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Literal


class CorrectionState(StrEnum):
    """Where a correction is: `requested`, then `posted` or `refused`."""

    REQUESTED = "requested"
    POSTED = "posted"
    REFUSED = "refused"


@dataclass(frozen=True, slots=True)
class Correction:
    """Money given to a customer, or taken when `amount` (scale 6) is below zero. `refusal` is the ledger's code."""

    id: str
    user_id: str
    currency: str
    amount: int
    reason: str
    requested_by: str
    request_key: str
    state: CorrectionState
    refusal: str
    transaction_id: str
    created_at_us: int
    updated_at_us: int

    @property
    def direction(self) -> Literal["credit", "debit"]:
        """Whether the customer is given money, or it is taken."""
        return "credit" if self.amount > 0 else "debit"

    @property
    def unsigned(self) -> int:
        """The amount without its sign."""
        return abs(self.amount)

    def is_same_request(self, other: "Correction") -> bool:
        """Return whether another request is for the same thing."""
        mine = (self.user_id, self.currency, self.amount, self.reason)
        return mine == (other.user_id, other.currency, other.amount, other.reason)


@dataclass(frozen=True, slots=True)
class CorrectionMove:
    """How a correction ends."""

    to: CorrectionState
    refusal: str = ""
    transaction_id: str = ""
