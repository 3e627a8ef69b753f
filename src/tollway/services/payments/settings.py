"""What an operator may change about payments."""

from typing import TYPE_CHECKING, Self

from pydantic import BaseModel, ConfigDict, Field, create_model, model_validator

from tollway.kit.currencies import MINOR_DECIMALS
from tollway.kit.money import FIAT_SCALE, parse_units
from tollway.services.payments.providers import PROVIDERS

if TYPE_CHECKING:
    ProviderSections = BaseModel
else:
    # A section for each provider that there is, with the settings that its spec names.
    ProviderSections = create_model(
        "ProviderSections",
        __config__=ConfigDict(frozen=True, extra="forbid"),
        **{spec.name: (spec.settings, Field(default_factory=spec.settings)) for spec in PROVIDERS},
    )


class DepositLimits(BaseModel):
    """The least and the most of one currency that can be deposited at once, in whole units."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    min: str
    max: str


class PaymentsSettings(BaseModel):
    """Section `payments`; each provider has a section of its own in `payments.providers`."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    enabled: tuple[str, ...] = Field(
        ("mock",), min_length=1, description="Payment providers in use, by name; the first is the default"
    )
    providers: ProviderSections = Field(default_factory=ProviderSections)
    deposit_min: str = Field("1.00", description="The least that can be deposited, in whole units")
    deposit_max: str = Field("10000.00", description="The most that can be deposited at once, in whole units")
    deposit_limits: dict[str, DepositLimits] = Field(
        default_factory=dict,
        description="The least and the most by currency, `{min, max}`; the two above are for currencies without",
    )
    max_methods: int = Field(20, ge=1, description="Saved payment methods a customer may have at once")
    success_url: str = Field(
        "",
        description="Where a hosted checkout sends the customer; empty: a page that leads to the wallet",
    )
    cancel_url: str = Field(
        "", description="Where a customer who leaves a hosted checkout goes; empty: as success_url"
    )
    stuck_after_s: float = Field(
        30, gt=0, description="A deposit without progress for so long is reconciled with its provider"
    )
    resolve_within_s: float = Field(
        3600,
        gt=0,
        lt=80_000,
        description="A deposit whose outcome is still unknown after this waits for an operator's review",
    )
    abandon_after_s: float = Field(
        90_000, gt=0, description="A deposit that its customer never completed is cancelled after this"
    )
    webhooks_kept_days: int = Field(
        90, ge=7, description="How long the ids of webhooks that were acted on are kept"
    )

    @model_validator(mode="after")
    def _can_be_enabled(self) -> Self:
        specs = {spec.name: spec for spec in PROVIDERS}
        if unknown := [name for name in self.enabled if name not in specs]:
            raise ValueError(f"enabled names {unknown[0]!r}; the payment providers are {', '.join(specs)}")
        if len(set(self.enabled)) != len(self.enabled):
            raise ValueError("enabled names a payment provider twice")
        for name in self.enabled:
            section = getattr(self.providers, name)
            for setting in specs[name].required:
                if not getattr(section, setting):
                    raise ValueError(f"providers.{name}.{setting} is empty, and {name} is enabled; set it")
        return self

    @model_validator(mode="after")
    def _limits_hold(self) -> Self:
        for currency, limits in {"": self.limits_of(""), **self.deposit_limits}.items():
            if currency and currency not in MINOR_DECIMALS:
                raise ValueError(f"deposit_limits: {currency} is no currency of ISO 4217")
            name = f"deposit_limits.{currency}" if currency else "deposit_min, deposit_max"
            try:
                least, most = (parse_units(text, FIAT_SCALE) for text in (limits.min, limits.max))
            except ValueError as error:
                raise ValueError(f"{name}: {error}") from error
            if not 0 < least <= most:
                raise ValueError(f"{name}: the least must be above 0 and at most the most")
        return self

    def limits_of(self, currency: str) -> DepositLimits:
        """Return the limits of deposits in a currency."""
        common = DepositLimits(min=self.deposit_min, max=self.deposit_max)
        return self.deposit_limits.get(currency, common)

    @property
    def development_only(self) -> str:
        """Why these settings are refused in production; empty when they are not."""
        refusals = (
            spec.refusal(getattr(self.providers, spec.name))
            for spec in PROVIDERS
            if spec.name in self.enabled
        )
        return next((reason for reason in refusals if reason), "")
