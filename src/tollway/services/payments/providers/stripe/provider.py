"""The provider on Stripe's API: Stripe itself, or what speaks its API (the development mock).

The SDK's calls block, so they run in threads of their own; it is imported by the first of them, as that takes
0.3 s and 34 MB. The API key and the webhook secrets are never logged.
"""

import asyncio
import contextlib
import json
import logging
import threading
from collections.abc import Callable, Collection, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any, TypeVar, cast

from tollway.contracts.errors import BadSignature, ProviderUnavailable
from tollway.kit.currencies import Minor
from tollway.kit.errors import Invalid, Malformed
from tollway.kit.times import SECOND_US
from tollway.services.payments.providers.port import (
    Capabilities,
    Card,
    Checkout,
    CustomerGone,
    Payment,
    PaymentProvider,
    PaymentRequest,
    ReversedPart,
    WebhookEndpoint,
    WebhookEvent,
    WebhookKind,
)
from tollway.services.payments.providers.stripe import reading

if TYPE_CHECKING:
    from stripe import StripeClient

_log = logging.getLogger(__name__)
Answer = TypeVar("Answer")
Json = dict[str, Any]

CAPABILITIES = Capabilities(
    charges_methods=True,
    saves_methods=True,
    hosted_page=True,
    confirmations=True,
    reversals=True,
    refunds=True,
    registers_webhooks=True,
    # Stripe does not count these in their ISO 4217 minor unit.
    refused_currencies=frozenset({"ISK", "MGA", "UGX"}),
)
THREADS = 8
SIGNATURE_HEADER = "stripe-signature"
# The events that the webhook endpoint is registered for, and what they are to the service.
_KINDS = {
    "payment_intent.succeeded": WebhookKind.PAYMENT,
    "payment_intent.payment_failed": WebhookKind.PAYMENT,
    "payment_intent.canceled": WebhookKind.PAYMENT,
    "checkout.session.expired": WebhookKind.CHECKOUT_EXPIRED,
    "charge.refunded": WebhookKind.REVERSAL,
    "refund.created": WebhookKind.REVERSAL,
    "refund.updated": WebhookKind.REVERSAL,
    "refund.failed": WebhookKind.REVERSAL,
    "charge.dispute.created": WebhookKind.REVERSAL,
    "charge.dispute.updated": WebhookKind.REVERSAL,
    "charge.dispute.funds_withdrawn": WebhookKind.REVERSAL,
    "charge.dispute.funds_reinstated": WebhookKind.REVERSAL,
    "charge.dispute.closed": WebhookKind.REVERSAL,
}
# The SDK types each name as a literal.
EVENTS: list[Any] = list(_KINDS)


class StripeProvider(PaymentProvider):
    """A Stripe account. `url` is another address of the API, empty for Stripe's own.

    `registers`: the webhook endpoint is made by `register_webhook`. `webhook_secret` is the secret of one that was
    made by hand, and `webhook_tolerance_s` how old a signed webhook may be.
    """

    capabilities = CAPABILITIES

    def __init__(
        self,
        api_key: str,
        url: str = "",
        *,
        name: str = "stripe",
        timeout_s: float = 8,
        retries: int = 1,
        registers: bool = False,
        webhook_secret: str = "",
        webhook_tolerance_s: int = 300,
    ) -> None:
        self.name = name
        self._api_key = api_key
        self._url = url
        self._timeout_s = timeout_s
        self._retries = retries
        self._registers = registers
        self._webhook_secret = webhook_secret
        self._webhook_tolerance_s = webhook_tolerance_s
        self._connected: StripeClient | None = None
        self._connecting = threading.Lock()
        # Threads of its own: a provider that hangs must not hold up what else runs in threads.
        self._threads = ThreadPoolExecutor(THREADS, thread_name_prefix=name)

    async def close(self) -> None:
        """Release the threads; calls in progress end with their time-out."""
        self._threads.shutdown(wait=False, cancel_futures=True)

    # ── money ───────────────────────────────────────────────────────────────────────────────────────

    async def make_customer(self, user_id: str, email: str) -> str:
        """Return the reference of a customer, made under a key of the user and the address."""

        def ask(client: "StripeClient") -> str:
            made = client.v1.customers.create(
                {"email": email, "metadata": {"user_id": user_id}}
                if email
                else {"metadata": {"user_id": user_id}},
                {"idempotency_key": f"customer:{user_id}:{email}"[:255]},
            )
            return made.id

        return await self._ask(ask)

    async def charge(self, request: PaymentRequest, method: str, return_url: str) -> Payment:
        """Take the money from a card; a decline is a Payment with status `failed`. Raises CustomerGone."""

        def ask(client: "StripeClient") -> Payment:
            try:
                made = client.v1.payment_intents.create(
                    {
                        "amount": request.amount.count,
                        "currency": request.amount.currency.lower(),
                        "customer": request.customer,
                        "payment_method": method,
                        "allowed_payment_method_types": ["card"],
                        "confirm": True,
                        "return_url": return_url,
                        "description": "Wallet deposit",
                        "metadata": {"deposit_id": request.deposit_id, "user_id": request.user_id},
                    },
                    {"idempotency_key": f"charge:{request.deposit_id}"},
                )
            except _sdk().CardError as error:
                return reading.declined(error, request)
            return reading.payment(made.to_dict())

        return await self._ask(ask)

    async def open_checkout(self, request: PaymentRequest, success_url: str, cancel_url: str) -> Checkout:
        """Make a hosted page on which the request can be paid. Raises CustomerGone."""

        def ask(client: "StripeClient") -> Checkout:
            metadata = {"deposit_id": request.deposit_id, "user_id": request.user_id}
            made = client.v1.checkout.sessions.create(
                {
                    "mode": "payment",
                    "customer": request.customer,
                    "client_reference_id": request.deposit_id,
                    "line_items": [
                        {
                            "price_data": {
                                "currency": request.amount.currency.lower(),
                                "unit_amount": request.amount.count,
                                "product_data": {"name": "Wallet deposit"},
                            },
                            "quantity": 1,
                        }
                    ],
                    "payment_intent_data": {"description": "Wallet deposit", "metadata": metadata},
                    "metadata": metadata,
                    "success_url": success_url,
                    "cancel_url": cancel_url,
                },
                {"idempotency_key": f"checkout:{request.deposit_id}"},
            )
            return reading.checkout(made.to_dict())

        return await self._ask(ask)

    async def find_payment(self, ref: str) -> Payment | None:
        """Return what became of a payment; None when it is unknown."""
        return await self._find(
            lambda client: reading.payment(client.v1.payment_intents.retrieve(ref).to_dict())
        )

    async def list_reversals(self, payment_ref: str) -> Sequence[ReversedPart]:
        """Return a payment's refunds and disputes, as they stand now."""

        def ask(client: "StripeClient") -> Sequence[ReversedPart]:
            about: Any = {"payment_intent": payment_ref, "limit": 100}
            refunds = client.v1.refunds.list(about).auto_paging_iter()
            disputes = client.v1.disputes.list(about).auto_paging_iter()
            found = [reading.reversed_part("refund", one.to_dict(), reading.REFUND) for one in refunds]
            found += [reading.reversed_part("chargeback", one.to_dict(), reading.DISPUTE) for one in disputes]
            return [one for one in found if one is not None]

        return await self._find(ask) or ()

    async def payments_reversed_since(self, at_us: int) -> Collection[str]:
        """Return the payments that were refunded or disputed since a time."""

        def ask(client: "StripeClient") -> Collection[str]:
            since: Any = {"created": {"gte": at_us // SECOND_US}, "limit": 100}
            lists = (client.v1.refunds.list(since), client.v1.disputes.list(since))
            found = (one.to_dict() for some in lists for one in some.auto_paging_iter())
            return {one["payment_intent"] for one in found if one.get("payment_intent")}

        return await self._ask(ask)

    async def find_checkout(self, ref: str) -> Checkout | None:
        """Return what became of a hosted page; None when it is unknown."""
        return await self._find(
            lambda client: reading.checkout(client.v1.checkout.sessions.retrieve(ref).to_dict())
        )

    async def cancel(self, ref: str) -> Payment | None:
        """End a payment that was not completed; one that was completed meanwhile is returned as it is."""

        def ask(client: "StripeClient") -> Payment:
            with contextlib.suppress(_sdk().InvalidRequestError):
                client.v1.payment_intents.cancel(ref, {"cancellation_reason": "abandoned"})
            return reading.payment(client.v1.payment_intents.retrieve(ref).to_dict())

        return await self._find(ask)

    async def refund_payment(self, payment_ref: str, amount: Minor, key: str) -> None:
        """Refund a part of a payment; the same key again refunds nothing more. Raises Invalid."""

        def ask(client: "StripeClient") -> None:
            client.v1.refunds.create(
                {"payment_intent": payment_ref, "amount": amount.count}, {"idempotency_key": key}
            )

        await self._ask(ask)

    # ── payment methods ───────────────────────────────────────────────────────────────────────────────────────

    async def save_method(self, customer: str, token: str) -> Card:
        """Keep a payment method with a customer. Raises CardDeclined, CustomerGone."""

        def ask(client: "StripeClient") -> Card:
            try:
                kept = client.v1.payment_methods.attach(token, {"customer": customer}).to_dict()
            except _sdk().CardError as error:
                raise reading.refusal(error) from None
            card = kept["card"]
            return Card(kept["id"], card["brand"], card["last4"], card["exp_month"], card["exp_year"])

        return await self._ask(ask)

    async def delete_method(self, ref: str) -> None:
        """Delete a payment method; harmless when it is gone already."""

        def ask(client: "StripeClient") -> None:
            with contextlib.suppress(_sdk().InvalidRequestError):
                client.v1.payment_methods.detach(ref)

        await self._ask(ask)

    # ── webhooks ────────────────────────────────────────────────────────────────────────────────────

    async def verify_webhook(
        self, headers: Mapping[str, str], body: bytes, secrets: Sequence[str], now_us: int
    ) -> WebhookEvent:
        """Check a webhook's signature and age, and read it. Raises BadSignature, Malformed."""
        known = [*secrets, self._webhook_secret] if self._webhook_secret else secrets
        if not known:
            raise BadSignature("no signing secret is known yet: the webhook endpoint is not registered")
        signature = headers.get(SIGNATURE_HEADER, "")

        def genuine(_client: "StripeClient") -> bool:
            for secret in known:
                # UnicodeDecodeError: a body that is not text was not signed by the provider.
                with contextlib.suppress(_sdk().SignatureVerificationError, UnicodeDecodeError):
                    # The age is checked with the platform's clock, below.
                    _sdk().WebhookSignature.verify_header(body, signature, secret, None)
                    return True
            return False

        if abs(now_us / SECOND_US - reading.sent_at(signature)) > self._webhook_tolerance_s:
            raise BadSignature("the webhook is too old; it may be a replay")
        if not await self._ask(genuine):
            raise BadSignature
        return await self.parse_webhook(body)

    async def parse_webhook(self, body: bytes) -> WebhookEvent:
        """Read a webhook. Raises Malformed when it is not an event."""
        try:
            event: Json = json.loads(body)
            event_id, about = str(event["id"]), cast("Json", event["data"]["object"])
            match kind := _KINDS.get(str(event["type"]), WebhookKind.OTHER):
                case WebhookKind.PAYMENT:
                    return WebhookEvent(event_id, kind, payment=reading.payment(about))
                case WebhookKind.CHECKOUT_EXPIRED:
                    return WebhookEvent(event_id, kind, deposit_id=reading.deposit_id(about))
                case WebhookKind.REVERSAL:
                    return WebhookEvent(event_id, kind, payment_ref=str(about.get("payment_intent") or ""))
                case WebhookKind.OTHER:
                    # Read as far as the others are, so that what is no event is noticed.
                    about.get("id")
                    return WebhookEvent(event_id, kind)
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise Malformed("the webhook is not an event of this provider") from error

    async def register_webhook(self, url: str, known_ref: str) -> WebhookEndpoint | None:
        """Make the endpoint that calls `url`; None when `known_ref` still does, or it is made by hand."""

        def ask(client: "StripeClient") -> WebhookEndpoint | None:
            same = [one for one in client.v1.webhook_endpoints.list({"limit": 100}).data if one.url == url]
            known = next((one for one in same if one.id == known_ref and one.status == "enabled"), None)
            if known is not None:
                if not set(EVENTS) <= set(known.enabled_events):
                    # It was made by an earlier version, which did not ask for as much.
                    client.v1.webhook_endpoints.update(known.id, {"enabled_events": EVENTS})
                return None
            # Whatever else calls this address signs with a secret that is not known here.
            for one in same:
                client.v1.webhook_endpoints.delete(one.id)
            made = client.v1.webhook_endpoints.create({"url": url, "enabled_events": EVENTS})
            return WebhookEndpoint(made.id, cast("str", made.to_dict()["secret"]))

        return await self._ask(ask) if self._registers else None

    # ── asking ──────────────────────────────────────────────────────────────────────────────────────

    async def _find(self, work: "Callable[[StripeClient], Answer]") -> Answer | None:
        """Ask about something that may be gone."""

        def ask(client: "StripeClient") -> Answer | None:
            try:
                return work(client)
            except _sdk().InvalidRequestError as error:
                if error.code == "resource_missing":
                    return None
                raise

        return await self._ask(ask)

    async def _ask(self, work: "Callable[[StripeClient], Answer]") -> Answer:
        """Run a call in a thread; translate what went wrong into the platform's errors."""
        return await asyncio.get_running_loop().run_in_executor(self._threads, self._guarded, work)

    def _guarded(self, work: "Callable[[StripeClient], Answer]") -> Answer:
        client = self._client()
        sdk = _sdk()
        try:
            return work(client)
        except (sdk.AuthenticationError, sdk.PermissionError):
            _log.error(
                "the payment provider refuses the API key; check payments.providers.%s.api_key", self.name
            )
            raise ProviderUnavailable from None
        except sdk.IdempotencyError as error:
            _log.error("the payment provider knows this key with other contents: %s", error.user_message)
            raise ProviderUnavailable from None
        except sdk.InvalidRequestError as error:
            if error.code == "resource_missing" and error.param == "customer":
                raise CustomerGone from None
            field = "payment_method" if error.param == "payment_method" else "body"
            raise Invalid.of(field, f"the payment provider refuses this: {error.user_message}") from None
        except sdk.StripeError as error:
            _log.warning("the payment provider does not answer: %s", type(error).__name__)
            raise ProviderUnavailable from None

    def _client(self) -> "StripeClient":
        with self._connecting:
            self._connected = self._connected or self._connect()
            return self._connected

    def _connect(self) -> "StripeClient":
        sdk = _sdk()
        sdk.enable_telemetry = False
        addresses: Any = {"base_addresses": {"api": self._url}} if self._url else {}
        http = sdk.RequestsClient(timeout=self._timeout_s)
        return sdk.StripeClient(
            self._api_key, max_network_retries=self._retries, http_client=http, **addresses
        )


def _sdk() -> Any:
    import stripe  # noqa: PLC0415  on first use; see above

    return stripe
