"""The port to payment providers: what the service asks of one, in words that fit them all.

`Payment` is the provider's word about money: only `succeeded` means that it was taken. A method that raises
`ProviderUnavailable` may or may not have been carried out; asking again with the same `key` never does it twice.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

from tollway.contracts.errors import ProviderUnavailable


@dataclass(frozen=True, slots=True)
class Payment:
    """What the provider says about one payment. `cents` is what was taken, when it has succeeded."""

    ref: str
    status: Literal["succeeded", "processing", "requires_action", "failed", "canceled"]
    cents: int
    currency: str
    deposit_id: str
    action_url: str = ""
    reason: str = ""
    decline_code: str = ""
    message: str = ""


@dataclass(frozen=True, slots=True)
class Checkout:
    """A page hosted by the provider. `payment_ref` is empty until the customer has paid."""

    ref: str
    status: Literal["open", "complete", "expired"]
    url: str
    payment_ref: str
    deposit_id: str


@dataclass(frozen=True, slots=True)
class Card:
    """A card kept at the provider."""

    ref: str
    brand: str
    last4: str
    exp_month: int
    exp_year: int


@dataclass(frozen=True, slots=True)
class TakenBack:
    """Money of a payment that the provider has taken back: a refund, or a dispute that took the money.

    `standing`: it is gone for now. `lost`: the dispute was decided, it is gone for good. `undone`: it came back.
    """

    ref: str
    kind: Literal["refund", "chargeback"]
    status: Literal["standing", "lost", "undone"]
    cents: int
    currency: str


@dataclass(frozen=True, slots=True)
class Told:
    """A webhook's contents: what happened, and to which payment or checkout (None: neither).

    `back_from` is the reference of a payment of which money was taken back, or came back again.
    """

    event_id: str
    kind: str
    payment: Payment | None = None
    checkout: Checkout | None = None
    back_from: str = ""


@dataclass(frozen=True, slots=True)
class Order:
    """What is to be paid: `cents` of `currency` by `customer`, for the deposit `deposit_id`."""

    deposit_id: str
    user_id: str
    customer: str
    cents: int
    currency: str


class CustomerGone(ProviderUnavailable):
    """The provider does not know the customer any more; make another one."""


class PaymentProvider(Protocol):
    """A payment provider. Every method may raise ProviderUnavailable; Invalid is a definite no."""

    name: str

    async def make_customer(self, user_id: str, email: str) -> str:
        """Return the provider's reference of a customer, made under a key of the user."""
        ...

    async def charge(self, order: Order, method: str, return_url: str) -> Payment:
        """Take the money from a card. A decline is a Payment with status `failed`. Raises CustomerGone."""
        ...

    async def open_checkout(self, order: Order, success_url: str, cancel_url: str) -> Checkout:
        """Make a hosted page on which the order can be paid. Raises CustomerGone."""
        ...

    async def find_payment(self, ref: str) -> Payment | None:
        """Return what became of a payment; None when the provider does not know it."""
        ...

    async def taken_back(self, ref: str) -> Sequence[TakenBack]:
        """Return all that was taken back of a payment, as it stands now."""
        ...

    async def paid_back_since(self, at_us: int) -> Collection[str]:
        """Return the payments of which something was taken back since a time, or asked to be."""
        ...

    async def find_checkout(self, ref: str) -> Checkout | None:
        """Return what became of a hosted page; None when the provider does not know it."""
        ...

    async def cancel(self, ref: str) -> Payment | None:
        """End a payment that was not completed, and return what became of it."""
        ...

    async def save_card(self, customer: str, token: str) -> Card:
        """Keep a card with a customer. Raises CardDeclined, CustomerGone."""
        ...

    async def forget_card(self, ref: str) -> None:
        """Let go of a card; harmless when it is gone already."""
        ...

    async def read_webhook(
        self, body: bytes, signature: str, secrets: Sequence[str], *, now_us: int, tolerance_s: int
    ) -> Told:
        """Check a webhook's signature and age, and read it. Raises BadSignature, Malformed."""
        ...

    async def parse_event(self, body: bytes) -> Told:
        """Read a webhook that was checked before."""
        ...

    async def register_webhook(self, url: str, known_ref: str) -> tuple[str, str] | None:
        """Make the endpoint that calls `url`; return its reference and secret.

        None when `known_ref` is one that still does. Other endpoints for the same address are removed.
        """
        ...

    async def close(self) -> None:
        """Let go of connections and threads."""
        ...
