"""A reversal: money of a deposit that went back to the payer."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Literal


class ReversalState(StrEnum):
    """Where a reversal is in the books: `known → posting → posted`, a chargeback on to `lost`; or to `undone`."""

    KNOWN = "known"
    POSTING = "posting"
    POSTED = "posted"
    LOST = "lost"
    UNDONE = "undone"


# In these states a reversal's amount is gone from the deposit.
REVERSED = frozenset({ReversalState.POSTED, ReversalState.LOST})
ReversalKind = Literal["refund", "chargeback"]
ReversalStatus = Literal["standing", "lost", "undone"]


@dataclass(frozen=True, slots=True)
class ReversalMove:
    """A step of a reversal: the state to go to, and what is learnt on the way."""

    to: ReversalState
    recovered: int = 0
    transaction_id: str = ""


@dataclass(frozen=True, slots=True)
class Reversal:
    """A refund, or a dispute's chargeback. `ref` is the provider's reference of it.

    `status` is where it is at the provider. Of the `amount` (scale 6) `recovered` came from the customer's wallet when
    it was posted, and `owed` is what the customer owed of it then. `attempt` numbers its postings.
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
    status: ReversalStatus = "standing"
    owed: int = 0

    @property
    def step(self) -> str:
        """What is to be done to bring the books to where the provider is; empty when they are there."""
        match self.state, self.status:
            case ReversalState.KNOWN, "undone":
                return "cancel"
            case ReversalState.KNOWN, _:
                return "begin"
            case ReversalState.POSTING, _:
                return "post"
            case ReversalState.POSTED, "undone":
                return "reinstate"
            case ReversalState.POSTED, "lost":
                return "lose"
            case _:
                return ""

    @property
    def is_reversed(self) -> bool:
        """Whether its amount is gone from the deposit."""
        return self.state in REVERSED

    @property
    def business_key(self) -> str:
        """The ledger's key of the business event."""
        return f"{self.kind}:{self.provider}:{self.ref}"

    @property
    def attempt_key(self) -> str:
        """The ledger's key of the current attempt: the business event's, of a later attempt with its number."""
        return self.business_key + (f":{self.attempt}" if self.attempt > 1 else "")

    @property
    def lost_key(self) -> str:
        """The ledger's key of what follows when a dispute is lost."""
        return f"{self.business_key}:lost"

    @property
    def undone_key(self) -> str:
        """The ledger's key of what follows when it came back."""
        return f"{self.business_key}:undone"
