"""The development mock as a provider: the service `payments_mock`, which speaks Stripe's API. No real money moves."""

from pydantic import BaseModel, ConfigDict, Field

from tollway.services.payments.providers.port import ProviderContext, ProviderSpec
from tollway.services.payments.providers.stripe import StripeProvider

# The mock takes any test key; this one says whose it is.
API_KEY = "sk_test_tollway_mock"
CAPABILITIES = StripeProvider.capabilities


class MockSettings(BaseModel):
    """Section `payments.providers.mock`."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    url: str = Field("", description="The mock's address; empty: network.payments_mock")
    timeout_s: float = Field(8, gt=0, le=15, description="How long an answer of the mock is waited for")
    retries: int = Field(1, ge=0, le=5, description="How often a request without an answer is repeated")


def _build(settings: MockSettings, context: ProviderContext) -> StripeProvider:
    return StripeProvider(
        API_KEY,
        settings.url or context.mock_url,
        name="mock",
        timeout_s=settings.timeout_s,
        retries=settings.retries,
        registers=True,
    )


def _refusal(_settings: MockSettings) -> str:
    return (
        "enabled names mock, which is for development and takes no real money; "
        'enable another provider, such as payments.enabled = ["stripe"]'
    )


SPEC = ProviderSpec("mock", MockSettings, CAPABILITIES, _build, _refusal)
