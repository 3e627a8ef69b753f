"""A reversal: money of a deposit that went back to the payer."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Literal


class ReversalState(StrEnum):
    """Where a reversal is: `known → posting → posted`, a chargeback on to `lost`; or to `undone`."""

    KNOWN = "known"
    POSTING = "posting"
    POSTED = "posted"
    LOST = "lost"
    UNDONE = "undone"


# In these states a reversal's amount is gone from the deposit.
REVERSED = frozenset({ReversalState.POSTED, ReversalState.LOST})
ReversalKind = Literal["refund", "chargeback"]


@dataclass(frozen=True, slots=True)
class Reversal:
    """A refund, or a dispute's chargeback. `ref` is the provider's reference of it.

    Of the `amount` (scale 6) `recovered` comes from the customer's wallet; the rest was spent, and is the platform's
    loss. `attempt` counts the postings that were tried, as the ledger remembers a refused one.
    """

    id: str
    deposit_id: str
    user_id: str
    provider: str
    ref: str
    kind: ReversalKind
    currency: str
    amount: int
    state: ReversalState
    attempt: int
    recovered: int
    transaction_id: str
    created_at_us: int
    updated_at_us: int

    @property
    def business_key(self) -> str:
        """The ledger's key of the business event."""
        return f"{self.kind}:{self.provider}:{self.ref}"

    @property
    def attempt_key(self) -> str:
        """The ledger's key of the current attempt: the business event's, of a later attempt with its number."""
        return self.business_key + (f":{self.attempt}" if self.attempt > 1 else "")
