"""A payment provider with other capabilities than Stripe's: a page, no cards, webhooks with a shared token.

It is a whole provider folder in one file, so that a test can put it beside the others in a copy of the sources.
"""

import hmac
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, cast

from pydantic import BaseModel

from tollway.contracts.errors import BadSignature
from tollway.kit.currencies import Minor
from tollway.kit.errors import Malformed
from tollway.services.payments.providers.port import (
    Capabilities,
    Checkout,
    Payment,
    PaymentProvider,
    PaymentRequest,
    ProviderContext,
    ProviderSpec,
    ReversedPart,
    WebhookEvent,
    WebhookKind,
)

CAPABILITIES = Capabilities(hosted_page=True, reversals=True, refused_currencies=frozenset({"EUR"}))


class ToySettings(BaseModel):
    """Section `payments.providers.toy`."""

    token: str = ""


@dataclass
class ToyProvider(PaymentProvider):
    """Keeps its pages and payments in memory; `pay` and `refund` are what its customers and operators do."""

    token: str
    name = "toy"
    capabilities = CAPABILITIES
    pages: dict[str, tuple[PaymentRequest, Checkout]] = field(default_factory=dict)
    payments: dict[str, Payment] = field(default_factory=dict)
    reversed: dict[str, list[ReversedPart]] = field(default_factory=dict)

    async def make_customer(self, user_id: str, email: str) -> str:
        return f"toy_{user_id}"

    async def open_checkout(self, request: PaymentRequest, success_url: str, cancel_url: str) -> Checkout:
        ref = f"page_{request.deposit_id}"
        page = Checkout(ref, "open", f"http://toy.example/{ref}", "", request.deposit_id)
        return self.pages.setdefault(ref, (request, page))[1]

    async def find_checkout(self, ref: str) -> Checkout | None:
        return self.pages[ref][1] if ref in self.pages else None

    async def find_payment(self, ref: str) -> Payment | None:
        return self.payments.get(ref)

    async def list_reversals(self, payment_ref: str) -> Sequence[ReversedPart]:
        return self.reversed.get(payment_ref, [])

    async def payments_reversed_since(self, at_us: int) -> Sequence[str]:
        return list(self.reversed)

    async def verify_webhook(
        self, headers: Mapping[str, str], body: bytes, secrets: Sequence[str], now_us: int
    ) -> WebhookEvent:
        if not hmac.compare_digest(headers.get("x-toy-token", ""), self.token):
            raise BadSignature
        return await self.parse_webhook(body)

    async def parse_webhook(self, body: bytes) -> WebhookEvent:
        try:
            told = json.loads(body)
            number, about, ref = told["number"], told["about"], told["payment"]
        except (ValueError, KeyError, TypeError) as error:
            raise Malformed from error
        if about == "refund":
            return WebhookEvent(number, WebhookKind.REVERSAL, payment_ref=ref)
        return WebhookEvent(number, WebhookKind.PAYMENT, payment=self.payments[ref])

    async def close(self) -> None:
        """Nothing is held."""

    # ── what happens at the provider ────────────────────────────────────────────────────────────────

    def pay(self, checkout_ref: str) -> Any:
        """Pay a page; return the webhook's body."""
        request, page = self.pages[checkout_ref]
        ref = f"pay_{request.deposit_id}"
        self.payments[ref] = Payment(ref, "succeeded", request.amount, request.deposit_id)
        self.pages[checkout_ref] = (request, replace(page, status="complete", payment_ref=ref))
        return {"number": f"paid-{ref}", "about": "payment", "payment": ref}

    def refund(self, payment_ref: str, count: int) -> Any:
        """Refund a part of a payment; return the webhook's body."""
        part = Minor(self.payments[payment_ref].amount.currency, count)
        parts = self.reversed.setdefault(payment_ref, [])
        parts.append(ReversedPart(f"back_{len(parts)}_{payment_ref}", "refund", "standing", part))
        return {"number": f"{len(parts)}-{payment_ref}", "about": "refund", "payment": payment_ref}


def _build(settings: ToySettings, _context: ProviderContext) -> ToyProvider:
    return cast("Any", ToyProvider)(settings.token)


SPEC = ProviderSpec("toy", ToySettings, CAPABILITIES, _build, lambda _settings: "", required=("token",))
