"""A deposit: which states it goes through, and which amounts it may have."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from tollway.kit.currencies import Minor
from tollway.kit.errors import Invalid
from tollway.kit.money import FIAT_SCALE, parse_units


class DepositState(StrEnum):
    """Where a deposit is. See the service's docstring for the order."""

    CREATED = "created"
    PROCESSING = "processing"
    SUCCEEDED = "succeeded"
    CREDITED = "credited"
    FAILED = "failed"
    NEEDS_REVIEW = "needs_review"


# From which states each can be entered. A failed deposit succeeds after all when the provider says so: the
# customer paid at the second try on the hosted page, or its events arrived in another order.
FROM: dict[DepositState, frozenset[DepositState]] = {
    DepositState.PROCESSING: frozenset({DepositState.CREATED, DepositState.PROCESSING}),
    DepositState.SUCCEEDED: frozenset(
        {DepositState.PROCESSING, DepositState.FAILED, DepositState.NEEDS_REVIEW}
    ),
    DepositState.CREDITED: frozenset({DepositState.SUCCEEDED}),
    DepositState.FAILED: frozenset(
        {DepositState.CREATED, DepositState.PROCESSING, DepositState.NEEDS_REVIEW}
    ),
    DepositState.NEEDS_REVIEW: frozenset(
        {DepositState.PROCESSING, DepositState.SUCCEEDED, DepositState.FAILED}
    ),
}
OPEN = frozenset({DepositState.CREATED, DepositState.PROCESSING, DepositState.SUCCEEDED})


@dataclass(frozen=True, slots=True)
class Deposit:
    """Money on its way into a wallet. `amount` has scale 6; `method` is the provider's token of a payment method.

    `payment_ref` names the provider's payment, once there is one; `checkout_ref` its hosted page. `action_url` is
    where the customer has something to do. `reason` says in a word why it failed or needs a review. `refunded` and
    `disputed` are how much of it was reversed at the provider, and stays reversed. `settles` is how much of it settles
    what its customer owes.
    """

    id: str
    user_id: str
    request_key: str
    currency: str
    amount: int
    method: str
    checkout: bool
    state: DepositState
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
    settles: int = 0

    @property
    def customer_left(self) -> bool:
        """Whether its customer's account was erased: that put the id in the place of the key (`user_data.py`)."""
        return self.request_key == self.id

    def asks_the_same(self, other: "Deposit") -> bool:
        """Return whether another request asks for the same thing."""
        mine = (self.provider, self.currency, self.amount, self.method, self.checkout)
        return mine == (other.provider, other.currency, other.amount, other.method, other.checkout)


@dataclass(frozen=True, slots=True)
class DepositMove:
    """A step of a deposit: the state to go to, and what is learnt on the way, by column."""

    to: DepositState
    values: Mapping[str, Any] = field(default_factory=dict[str, Any])


def minor(amount: int, currency: str) -> Minor:
    """Return an amount of scale 6 in the currency's minor unit. Raises Invalid when it is finer."""
    try:
        return Minor.of(amount, currency)
    except ValueError as error:
        raise Invalid.of("amount", str(error)) from error


def check_range(amount: int, least: str, most: str) -> None:
    """Raise Invalid when an amount is outside what the operator allows."""
    if not parse_units(least, FIAT_SCALE) <= amount <= parse_units(most, FIAT_SCALE):
        raise Invalid.of("amount", f"must be from {least} to {most}")


def deposit_key(provider: str, payment_ref: str) -> str:
    """Return the key under which a payment is posted, whoever posts it and however often."""
    return f"deposit:{provider}:{payment_ref}"
