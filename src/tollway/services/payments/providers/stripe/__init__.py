"""Stripe, or whatever speaks its API (the development mock), through the official SDK.

The SDK's calls block, so they run in threads of their own; it is imported by the first of them, as that takes
0.3 s and 34 MB. The API key and the webhook secrets are never logged.
"""

import asyncio
import contextlib
import json
import logging
import threading
from collections.abc import Callable, Collection, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any, TypeVar, cast

from tollway.contracts.errors import BadSignature, ProviderUnavailable
from tollway.kit.errors import Invalid, Malformed
from tollway.kit.times import SECOND_US
from tollway.services.payments.providers import (
    Card,
    Checkout,
    CustomerGone,
    Order,
    Payment,
    TakenBack,
    Told,
)
from tollway.services.payments.providers.stripe import reading

if TYPE_CHECKING:
    from stripe import StripeClient

_log = logging.getLogger(__name__)
Answer = TypeVar("Answer")
Json = dict[str, Any]

THREADS = 8
EVENTS = (
    "payment_intent.succeeded",
    "payment_intent.payment_failed",
    "payment_intent.canceled",
    "checkout.session.expired",
    "charge.refunded",
    "refund.created",
    "refund.updated",
    "refund.failed",
    "charge.dispute.created",
    "charge.dispute.updated",
    "charge.dispute.funds_withdrawn",
    "charge.dispute.funds_reinstated",
    "charge.dispute.closed",
)
_TAKES_BACK = ("charge", "refund", "dispute")


class StripeProvider:
    """A Stripe account. `url` is another address of the API, empty for Stripe's own."""

    name = "stripe"

    def __init__(self, api_key: str, url: str = "", *, timeout_s: float = 8, retries: int = 1) -> None:
        self._api_key = api_key
        self._url = url
        self._timeout_s = timeout_s
        self._retries = retries
        self._made: StripeClient | None = None
        self._making = threading.Lock()
        # Threads of its own: a provider that hangs must not hold up what else runs in threads.
        self._threads = ThreadPoolExecutor(THREADS, thread_name_prefix="stripe")

    async def close(self) -> None:
        """Let go of the threads; calls in hand end with their time-out."""
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

    async def charge(self, order: Order, method: str, return_url: str) -> Payment:
        """Take the money from a card; a decline is a Payment with status `failed`. Raises CustomerGone."""

        def ask(client: "StripeClient") -> Payment:
            try:
                made = client.v1.payment_intents.create(
                    {
                        "amount": order.cents,
                        "currency": order.currency.lower(),
                        "customer": order.customer,
                        "payment_method": method,
                        "allowed_payment_method_types": ["card"],
                        "confirm": True,
                        "return_url": return_url,
                        "description": "Wallet deposit",
                        "metadata": {"deposit_id": order.deposit_id, "user_id": order.user_id},
                    },
                    {"idempotency_key": f"charge:{order.deposit_id}"},
                )
            except _sdk().CardError as error:
                return reading.declined(error, order)
            return reading.payment(made.to_dict())

        return await self._ask(ask)

    async def open_checkout(self, order: Order, success_url: str, cancel_url: str) -> Checkout:
        """Make a hosted page on which the order can be paid. Raises CustomerGone."""

        def ask(client: "StripeClient") -> Checkout:
            metadata = {"deposit_id": order.deposit_id, "user_id": order.user_id}
            made = client.v1.checkout.sessions.create(
                {
                    "mode": "payment",
                    "customer": order.customer,
                    "client_reference_id": order.deposit_id,
                    "line_items": [
                        {
                            "price_data": {
                                "currency": order.currency.lower(),
                                "unit_amount": order.cents,
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
                {"idempotency_key": f"checkout:{order.deposit_id}"},
            )
            return reading.checkout(made.to_dict())

        return await self._ask(ask)

    async def find_payment(self, ref: str) -> Payment | None:
        """Return what became of a payment; None when it is unknown."""
        return await self._find(
            lambda client: reading.payment(client.v1.payment_intents.retrieve(ref).to_dict())
        )

    async def taken_back(self, ref: str) -> Sequence[TakenBack]:
        """Return a payment's refunds and disputes, as they stand now."""

        def ask(client: "StripeClient") -> Sequence[TakenBack]:
            refunds = client.v1.refunds.list({"payment_intent": ref, "limit": 100}).auto_paging_iter()
            disputes = client.v1.disputes.list({"payment_intent": ref, "limit": 100}).auto_paging_iter()
            found = [reading.taken_back("refund", one.to_dict(), reading.REFUND) for one in refunds]
            found += [reading.taken_back("chargeback", one.to_dict(), reading.DISPUTE) for one in disputes]
            return [one for one in found if one is not None]

        return await self._find(ask) or ()

    async def paid_back_since(self, at_us: int) -> Collection[str]:
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

    # ── cards ───────────────────────────────────────────────────────────────────────────────────────

    async def save_card(self, customer: str, token: str) -> Card:
        """Keep a card with a customer. Raises CardDeclined, CustomerGone."""

        def ask(client: "StripeClient") -> Card:
            try:
                kept = client.v1.payment_methods.attach(token, {"customer": customer}).to_dict()
            except _sdk().CardError as error:
                raise reading.refusal(error) from None
            card = kept["card"]
            return Card(kept["id"], card["brand"], card["last4"], card["exp_month"], card["exp_year"])

        return await self._ask(ask)

    async def forget_card(self, ref: str) -> None:
        """Let go of a card."""

        def ask(client: "StripeClient") -> None:
            with contextlib.suppress(_sdk().InvalidRequestError):
                client.v1.payment_methods.detach(ref)

        await self._ask(ask)

    # ── webhooks ────────────────────────────────────────────────────────────────────────────────────

    async def read_webhook(
        self, body: bytes, signature: str, secrets: Sequence[str], *, now_us: int, tolerance_s: int
    ) -> Told:
        """Check a webhook's signature and age, and read it. Raises BadSignature, Malformed."""

        def genuine(_client: "StripeClient") -> bool:
            for secret in secrets:
                # UnicodeDecodeError: a body that isn't text was not signed by the provider.
                with contextlib.suppress(_sdk().SignatureVerificationError, UnicodeDecodeError):
                    # The age is judged by the platform's clock, below.
                    _sdk().WebhookSignature.verify_header(body, signature, secret, None)
                    return True
            return False

        if abs(now_us / SECOND_US - reading.sent_at(signature)) > tolerance_s:
            raise BadSignature("the webhook is too old; it may be a recording")
        if not await self._ask(genuine):
            raise BadSignature
        return await self.parse_event(body)

    async def parse_event(self, body: bytes) -> Told:
        """Read a webhook. Raises Malformed when it is not an event."""
        try:
            event: Json = json.loads(body)
            event_id, kind, about = (
                str(event["id"]),
                str(event["type"]),
                cast("Json", event["data"]["object"]),
            )
            if about.get("object") == "payment_intent":
                return Told(event_id, kind, payment=reading.payment(about))
            if about.get("object") == "checkout.session":
                return Told(event_id, kind, checkout=reading.checkout(about))
            if kind in EVENTS and about.get("object") in _TAKES_BACK:
                return Told(event_id, kind, back_from=str(about.get("payment_intent") or ""))
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise Malformed("the webhook is not an event of this provider") from error
        return Told(event_id, kind)

    async def register_webhook(self, url: str, known_ref: str) -> tuple[str, str] | None:
        """Make the endpoint that calls `url`; None when `known_ref` still does."""

        def ask(client: "StripeClient") -> tuple[str, str] | None:
            same = [one for one in client.v1.webhook_endpoints.list({"limit": 100}).data if one.url == url]
            known = next((one for one in same if one.id == known_ref and one.status == "enabled"), None)
            if known is not None:
                if not set(EVENTS) <= set(known.enabled_events):
                    # It was made by an earlier version, which did not ask for as much.
                    client.v1.webhook_endpoints.update(known.id, {"enabled_events": list(EVENTS)})
                return None
            # Whatever else calls this address signs with a secret that is not known here.
            for one in same:
                client.v1.webhook_endpoints.delete(one.id)
            made = client.v1.webhook_endpoints.create({"url": url, "enabled_events": list(EVENTS)})
            return made.id, cast("str", made.to_dict()["secret"])

        return await self._ask(ask)

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
        """Run a call in a thread; say what went wrong in the platform's words."""
        return await asyncio.get_running_loop().run_in_executor(self._threads, self._guarded, work)

    def _guarded(self, work: "Callable[[StripeClient], Answer]") -> Answer:
        client = self._client()
        sdk = _sdk()
        try:
            return work(client)
        except (sdk.AuthenticationError, sdk.PermissionError):
            _log.error("the payment provider refuses the API key; check payments.stripe_api_key")
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
        with self._making:
            self._made = self._made or self._make()
            return self._made

    def _make(self) -> "StripeClient":
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
