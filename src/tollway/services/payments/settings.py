"""What an operator may change about payments."""

from pydantic import BaseModel, ConfigDict, Field


class PaymentsSettings(BaseModel):
    """Section `payments`. Keys and secrets are never logged, nor shown by `tollway config`."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    stripe_api_key: str = Field(
        "", description="The secret key of the Stripe account; empty: the development mock takes its place"
    )
    stripe_url: str = Field(
        "", description="Another address of Stripe's API; empty: Stripe's own, or without a key the mock's"
    )
    stripe_webhook_secret: str = Field(
        "", description="The webhook endpoint's signing secret (whsec_…), when it was made by hand"
    )
    register_webhook: bool | None = Field(
        None, description="Make the webhook endpoint at start; unset: with the mock only"
    )
    timeout_s: float = Field(8, gt=0, le=15, description="How long an answer of the provider is waited for")
    retries: int = Field(
        1, ge=0, le=5, description="How often a request that got no answer is repeated at once"
    )
    currencies: tuple[str, ...] = Field(("USD", "EUR"), description="What can be deposited")
    deposit_min: str = Field("1.00", description="The least that can be deposited, in whole units")
    deposit_max: str = Field("10000.00", description="The most that can be deposited at once, in whole units")
    max_cards: int = Field(20, ge=1, description="Saved cards a customer may have at once")
    success_url: str = Field(
        "",
        description="Where a hosted checkout sends the customer; empty: the deposit's page of the platform",
    )
    cancel_url: str = Field(
        "", description="Where a customer who gives up a hosted checkout goes; empty: as success_url"
    )
    webhook_tolerance_s: int = Field(
        300, gt=0, description="How old a signed webhook may be before it is refused"
    )
    stuck_after_s: float = Field(
        30, gt=0, description="The janitor asks the provider about a deposit that stood still for so long"
    )
    resolve_within_s: float = Field(
        3600,
        gt=0,
        lt=80_000,
        description="A deposit whose outcome is still unknown after this goes to a person for review",
    )
    abandon_after_s: float = Field(
        90_000, gt=0, description="A deposit that its customer never completed is cancelled after this"
    )

    webhooks_kept_days: int = Field(
        90, ge=7, description="How long the ids of webhooks that were acted on are kept"
    )

    @property
    def uses_mock(self) -> bool:
        """Tell whether the development mock stands in for Stripe."""
        return not self.stripe_api_key

    @property
    def registers_webhook(self) -> bool:
        """Tell whether the webhook endpoint is to be made at start."""
        wanted = self.uses_mock if self.register_webhook is None else self.register_webhook
        return wanted and not self.stripe_webhook_secret
