"""What a deposit is, which states it goes through, and how amounts become the provider's."""

from dataclasses import dataclass
from enum import StrEnum

from tollway.kit.errors import Invalid
from tollway.kit.money import FIAT_SCALE, format_units, parse_units

# The provider counts in cents; our money has six decimals.
CENT = 10 ** (FIAT_SCALE - 2)


class State(StrEnum):
    """Where a deposit stands. See the room's docstring for the order."""

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
    where the customer has something to do. `reason` says in a word why it failed or needs a look.
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

    def asks_the_same(self, other: "Deposit") -> bool:
        """Tell whether another request asks for the same thing."""
        mine = (self.currency, self.amount, self.method, self.checkout)
        return mine == (other.currency, other.amount, other.method, other.checkout)


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
