"""What a deposit is, which states it goes through, and how amounts become the provider's."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Literal

from tollway.kit.errors import Invalid
from tollway.kit.money import FIAT_SCALE, format_units, parse_units

# The provider counts in cents; our money has six decimals.
CENT = 10 ** (FIAT_SCALE - 2)


class State(StrEnum):
    """Where a deposit stands. See the service's docstring for the order."""

    CREATED = "created"
    PROCESSING = "processing"
    SUCCEEDED = "succeeded"
    CREDITED = "credited"
    FAILED = "failed"
    NEEDS_REVIEW = "needs_review"


# From which states each can be entered. A failed deposit succeeds after all when the provider says so: the
# customer paid at the second try on the hosted page, or its events arrived in another order.
FROM: dict[State, frozenset[State]] = {
    State.PROCESSING: frozenset({State.CREATED}),
    State.SUCCEEDED: frozenset({State.PROCESSING, State.FAILED, State.NEEDS_REVIEW}),
    State.CREDITED: frozenset({State.SUCCEEDED}),
    State.FAILED: frozenset({State.CREATED, State.PROCESSING, State.NEEDS_REVIEW}),
    State.NEEDS_REVIEW: frozenset({State.PROCESSING, State.SUCCEEDED, State.FAILED}),
}
OPEN = frozenset({State.CREATED, State.PROCESSING, State.SUCCEEDED})


@dataclass(frozen=True, slots=True)
class Deposit:
    """Money on its way into a wallet. `amount` has scale 6; `method` is the provider's token of the card.

    `payment_ref` names the provider's payment, once there is one; `checkout_ref` its hosted page. `action_url` is
    where the customer has something to do. `reason` says in a word why it failed or needs a look. `refunded` and
    `disputed` are how much of it was taken back at the provider, and stays taken.
    """

    id: str
    user_id: str
    request_key: str
    currency: str
    amount: int
    method: str
    checkout: bool
    state: State
    reason: str
    decline_code: str
    provider: str
    customer_ref: str
    payment_ref: str
    checkout_ref: str
    action_url: str
    transaction_id: str
    check_at_us: int
    created_at_us: int
    updated_at_us: int
    refunded: int = 0
    disputed: int = 0

    def asks_the_same(self, other: "Deposit") -> bool:
        """Tell whether another request asks for the same thing."""
        mine = (self.currency, self.amount, self.method, self.checkout)
        return mine == (other.currency, other.amount, other.method, other.checkout)


class BackState(StrEnum):
    """Where a takeback stands: `known → taking → taken`, a chargeback on to `lost`; or to `undone`."""

    KNOWN = "known"
    TAKING = "taking"
    TAKEN = "taken"
    LOST = "lost"
    UNDONE = "undone"


# What of a takeback counts as gone from the deposit.
GONE = frozenset({BackState.TAKEN, BackState.LOST})
BackKind = Literal["refund", "chargeback"]


@dataclass(frozen=True, slots=True)
class Takeback:
    """Money of a deposit that went back at the provider: a refund, or a dispute's chargeback.

    `ref` is the provider's name of it. The customer's wallet gives `covered` of the `amount` (scale 6); the rest was
    spent, and the house bears it. `attempt` counts the postings that were tried, as a refused one stays refused.
    """

    id: str
    deposit_id: str
    user_id: str
    provider: str
    ref: str
    kind: BackKind
    currency: str
    amount: int
    state: BackState
    attempt: int
    covered: int
    transaction_id: str
    created_at_us: int
    updated_at_us: int

    @property
    def key(self) -> str:
        """The ledger's key of the business event; of a later attempt, with its number."""
        return f"{self.kind}:{self.ref}" + (f":{self.attempt}" if self.attempt > 1 else "")


@dataclass(frozen=True, slots=True)
class SavedMethod:
    """A card that a customer keeps for later. `ref` is the provider's token; the number stays there."""

    id: str
    user_id: str
    ref: str
    brand: str
    last4: str
    exp_month: int
    exp_year: int
    created_at_us: int


def to_cents(amount: int) -> int:
    """Return an amount of scale 6 in cents. Raises Invalid when it is finer than a cent."""
    cents, rest = divmod(amount, CENT)
    if rest:
        shown = format_units(amount, FIAT_SCALE)
        raise Invalid.of("amount", f"{shown} is finer than a cent; cards are charged in whole cents")
    return cents


def check_range(amount: int, least: str, most: str) -> None:
    """Raise Invalid when an amount is outside what the operator allows."""
    if not parse_units(least, FIAT_SCALE) <= amount <= parse_units(most, FIAT_SCALE):
        raise Invalid.of("amount", f"must be from {least} to {most}")


def ledger_key(payment_ref: str) -> str:
    """Return the key under which a payment is posted, whoever posts it and however often."""
    return f"deposit:{payment_ref}"
