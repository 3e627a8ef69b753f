"""Stripe through its official SDK: what is asked of it, and in which words it answers.

provider.py   the provider
reading.py    Stripe's objects, read into the values of the port
"""

import re
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field

from tollway.services.payments.providers.port import ProviderContext, ProviderSpec
from tollway.services.payments.providers.stripe.provider import CAPABILITIES, StripeProvider

__all__ = ["SPEC", "StripeProvider"]

# A key names its mode: sk_test_…, rk_live_…, sk_org_live_…. Test cards pay with a key of the test mode, and an old key
# names none.
_LIVE_KEY = re.compile(r"[sr]k_(org_)?live_[!-~]+$")
# Nothing else than a plain name: what one library takes for the host's end, another may not.
_STRIPES_HOST = re.compile(r"([a-z0-9-]+\.)+stripe\.com\.?")


class StripeSettings(BaseModel):
    """Section `payments.providers.stripe`. Keys and secrets are never logged, nor shown by `tollway config`."""

    model_config = ConfigDict(frozen=True, extra="forbid", str_strip_whitespace=True)

    api_key: str = Field("", description="The secret key of the Stripe account")
    url: str = Field("", description="Another address of Stripe's API; empty: Stripe's own")
    webhook_secret: str = Field(
        "", description="The webhook endpoint's signing secret (whsec_…), when it was made by hand"
    )
    register_webhook: bool = Field(False, description="Make the webhook endpoint at start")
    webhook_tolerance_s: int = Field(
        300, gt=0, description="How old a signed webhook may be before it is refused"
    )
    timeout_s: float = Field(8, gt=0, le=15, description="How long an answer of Stripe is waited for")
    retries: int = Field(1, ge=0, le=5, description="How often a request without an answer is repeated")


def _build(settings: StripeSettings, _context: ProviderContext) -> StripeProvider:
    return StripeProvider(
        settings.api_key,
        settings.url,
        timeout_s=settings.timeout_s,
        retries=settings.retries,
        registers=settings.register_webhook and not settings.webhook_secret,
        webhook_secret=settings.webhook_secret,
        webhook_tolerance_s=settings.webhook_tolerance_s,
    )


def _refusal(settings: StripeSettings) -> str:
    """Say why these settings take no real money; empty when they do."""
    if not _LIVE_KEY.match(settings.api_key):
        return (
            "providers.stripe.api_key is no secret key of Stripe's live mode, and another takes no real money; set "
            "one that begins with sk_live_ or rk_live_"
        )
    if settings.url and not _is_stripe(settings.url):
        return (
            "providers.stripe.url is not an address of Stripe over https, and money would be credited on the word "
            "of whoever answers there; leave it empty"
        )
    return ""


def _is_stripe(url: str) -> bool:
    """Return whether an address is Stripe's own, over https."""
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname or "", parts.port
    except ValueError:
        return False
    return parts.scheme == "https" and "@" not in parts.netloc and _STRIPES_HOST.fullmatch(host) is not None


SPEC = ProviderSpec("stripe", StripeSettings, CAPABILITIES, _build, _refusal, required=("api_key",))
