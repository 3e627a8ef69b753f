"""Payment providers, a folder each. To add one, write its folder and list its spec here.

port.py     what the service asks of a provider
stripe/     Stripe, through its official SDK
mock/       the development mock, which speaks Stripe's API
"""

from collections.abc import Iterable

from pydantic import BaseModel

from tollway.services.payments.providers import mock, stripe
from tollway.services.payments.providers.port import (
    Capabilities,
    Card,
    Checkout,
    CustomerGone,
    Payment,
    PaymentProvider,
    PaymentRequest,
    ProviderContext,
    ProviderSpec,
    ReversedPart,
    WebhookEndpoint,
    WebhookEvent,
    WebhookKind,
)

__all__ = [
    "PROVIDERS",
    "Capabilities",
    "Card",
    "Checkout",
    "CustomerGone",
    "Payment",
    "PaymentProvider",
    "PaymentRequest",
    "ProviderContext",
    "ProviderSpec",
    "ReversedPart",
    "WebhookEndpoint",
    "WebhookEvent",
    "WebhookKind",
    "open_providers",
]

PROVIDERS: tuple[ProviderSpec, ...] = (
    mock.SPEC,
    stripe.SPEC,
)


def open_providers(
    enabled: Iterable[str], sections: BaseModel, context: ProviderContext
) -> dict[str, PaymentProvider]:
    """Build the enabled providers, in that order. `sections` holds the settings of each by its name."""
    specs = {spec.name: spec for spec in PROVIDERS}
    return {name: specs[name].build(getattr(sections, name), context) for name in enabled}
