"""The port to payment providers: what the service asks of one, in words that fit them all.

`Payment` is the provider's statement about money: only `succeeded` means that it was taken. A method that raises
`ProviderUnavailable` may or may not have been carried out; asking again with the same request never does it twice.
Amounts are in the currency's minor unit (`kit.currencies.Minor`).
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Literal, Protocol

from pydantic import BaseModel

from tollway.contracts.errors import ProviderUnavailable
from tollway.kit.currencies import Minor


@dataclass(frozen=True, slots=True)
class Capabilities:
    """What a provider can do; the service asks for nothing else, and refuses a customer who wants more.

    charges_methods     takes money from a payment method by the provider's token of it
    saves_methods       keeps payment methods with a customer
    hosted_page         has a page on which the customer pays
    confirmations       may ask the customer to confirm a charge (3-D Secure); such a payment can be cancelled
    reversals           payments can be refunded or disputed, and the provider reports it
    refunds             refunds a payment when it is asked to
    registers_webhooks  makes the webhook endpoint by itself
    refused_currencies  ISO 4217 codes that the provider does not take, or not in their minor unit
    """

    charges_methods: bool = False
    saves_methods: bool = False
    hosted_page: bool = False
    confirmations: bool = False
    reversals: bool = False
    refunds: bool = False
    registers_webhooks: bool = False
    refused_currencies: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Payment:
    """What the provider says about one payment. `amount` is what was taken, when it has succeeded."""

    ref: str
    status: Literal["succeeded", "processing", "requires_action", "failed", "canceled"]
    amount: Minor
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
    """A payment method kept at the provider."""

    ref: str
    brand: str
    last4: str
    exp_month: int
    exp_year: int


@dataclass(frozen=True, slots=True)
class ReversedPart:
    """A part of a payment that went back to the payer: a refund, or a dispute's chargeback.

    `standing`: it is gone for now. `lost`: the dispute was decided, it is gone for good. `undone`: it came back.
    """

    ref: str
    kind: Literal["refund", "chargeback"]
    status: Literal["standing", "lost", "undone"]
    amount: Minor


class WebhookKind(StrEnum):
    """What a webhook is about. What the service has no use for is `OTHER`."""

    PAYMENT = "payment"
    CHECKOUT_EXPIRED = "checkout_expired"
    REVERSAL = "reversal"
    OTHER = "other"


@dataclass(frozen=True, slots=True)
class WebhookEvent:
    """A webhook's contents. `event_id` is the provider's, and the same however often it is delivered.

    `payment` belongs to PAYMENT, `deposit_id` to CHECKOUT_EXPIRED, and `payment_ref` to REVERSAL: the payment of which
    a part was reversed, or reinstated.
    """

    event_id: str
    kind: WebhookKind
    payment: Payment | None = None
    deposit_id: str = ""
    payment_ref: str = ""


@dataclass(frozen=True, slots=True)
class WebhookEndpoint:
    """A registered webhook endpoint: the provider's reference of it, and the secret that it signs with."""

    ref: str
    secret: str


@dataclass(frozen=True, slots=True)
class PaymentRequest:
    """What is to be paid: `amount` by `customer`, for the deposit `deposit_id`."""

    deposit_id: str
    user_id: str
    customer: str
    amount: Minor


class CustomerGone(ProviderUnavailable):
    """The provider does not know the customer any more; make another one."""


class PaymentProvider(Protocol):
    """A payment provider. Every method may raise ProviderUnavailable; Invalid is a definite refusal.

    A provider implements what its capabilities promise; the rest is never asked.
    """

    name: str
    capabilities: Capabilities

    async def make_customer(self, user_id: str, email: str) -> str:
        """Return the provider's reference of a customer; the same user and address give the same one."""
        ...

    async def find_payment(self, ref: str) -> Payment | None:
        """Return what became of a payment; None when the provider does not know it."""
        ...

    async def verify_webhook(
        self, headers: Mapping[str, str], body: bytes, secrets: Sequence[str], now_us: int
    ) -> WebhookEvent:
        """Check that a webhook comes from the provider and is recent, and read it.

        `headers` have lower-case names. `secrets` are those of registered endpoints; a provider may know others from
        its settings. Raises BadSignature, Malformed.
        """
        ...

    async def parse_webhook(self, body: bytes) -> WebhookEvent:
        """Read a webhook that was checked before. Raises Malformed."""
        ...

    async def close(self) -> None:
        """Release connections and threads."""
        ...

    # ── charges_methods ─────────────────────────────────────────────────────────────────────────────

    async def charge(self, request: PaymentRequest, method: str, return_url: str) -> Payment:
        """Take the money from a payment method. A decline is a Payment with status `failed`. Raises CustomerGone."""
        raise NotImplementedError

    # ── hosted_page ─────────────────────────────────────────────────────────────────────────────────

    async def open_checkout(self, request: PaymentRequest, success_url: str, cancel_url: str) -> Checkout:
        """Make a hosted page on which the request can be paid. Raises CustomerGone."""
        raise NotImplementedError

    async def find_checkout(self, ref: str) -> Checkout | None:
        """Return what became of a hosted page; None when the provider does not know it."""
        raise NotImplementedError

    # ── confirmations ───────────────────────────────────────────────────────────────────────────────

    async def cancel(self, ref: str) -> Payment | None:
        """End a payment that was not confirmed, and return what became of it."""
        raise NotImplementedError

    # ── saves_methods ───────────────────────────────────────────────────────────────────────────────

    async def save_method(self, customer: str, token: str) -> Card:
        """Keep a payment method with a customer. Raises CardDeclined, CustomerGone."""
        raise NotImplementedError

    async def delete_method(self, ref: str) -> None:
        """Delete a payment method; harmless when it is gone already."""
        raise NotImplementedError

    # ── reversals ───────────────────────────────────────────────────────────────────────────────────

    async def list_reversals(self, payment_ref: str) -> Sequence[ReversedPart]:
        """Return all that was reversed of a payment, as it stands now."""
        raise NotImplementedError

    async def payments_reversed_since(self, at_us: int) -> Collection[str]:
        """Return the payments of which a part was reversed since a time, or asked to be."""
        raise NotImplementedError

    # ── refunds ─────────────────────────────────────────────────────────────────────────────────────

    async def refund_payment(self, payment_ref: str, amount: Minor, key: str) -> None:
        """Refund a part of a payment; the same key again refunds nothing more. Raises Invalid."""
        raise NotImplementedError

    # ── registers_webhooks ──────────────────────────────────────────────────────────────────────────

    async def register_webhook(self, url: str, known_ref: str) -> WebhookEndpoint | None:
        """Make the endpoint that calls `url`, and remove other endpoints for the same address.

        None when nothing is to be done: `known_ref` is one that still does, or the settings say that it is made by
        hand.
        """
        raise NotImplementedError


@dataclass(frozen=True, slots=True)
class ProviderContext:
    """What a provider is built with beside its own settings. `mock_url` is where the development mock listens."""

    mock_url: str = ""


@dataclass(frozen=True, slots=True)
class ProviderSpec:
    """A provider that can be enabled: declared beside its implementation, listed in PROVIDERS.

    `settings` is the section `payments.providers.<name>`; `required` names those of its settings without which the
    provider cannot be enabled. `refusal` says why these settings move no real money, for which production refuses
    them; empty when they do.
    """

    name: str
    settings: type[BaseModel]
    capabilities: Capabilities
    build: Callable[[Any, ProviderContext], PaymentProvider]
    refusal: Callable[[Any], str]
    required: tuple[str, ...] = ()
