"""Which provider does it, and whether it can."""

from collections.abc import Iterator, Mapping

from tollway.contracts.errors import ProviderUnavailable
from tollway.kit.errors import Invalid
from tollway.services.payments.providers import PaymentProvider


class Providers:
    """The enabled providers by name; the first is the default."""

    def __init__(self, enabled: Mapping[str, PaymentProvider]) -> None:
        assert enabled, "the settings demand at least one provider"
        self._enabled = enabled

    def __iter__(self) -> Iterator[PaymentProvider]:
        return iter(self._enabled.values())

    def __contains__(self, name: str) -> bool:
        return name in self._enabled

    def of(self, name: str) -> PaymentProvider:
        """Return the provider through which something was begun. Raises ProviderUnavailable."""
        if name not in self._enabled:
            raise ProviderUnavailable(f"the payment provider {name} is not enabled any more")
        return self._enabled[name]

    def choose(self, name: str) -> PaymentProvider:
        """Return the provider that a customer asks for, the default for an empty name. Raises Invalid."""
        if not name:
            return next(iter(self._enabled.values()))
        if name not in self._enabled:
            raise Invalid.of("provider", f"must be one of {', '.join(self._enabled)}")
        return self._enabled[name]

    def to_charge(self, name: str) -> PaymentProvider:
        """Choose a provider to charge a payment method with. Raises Invalid when it cannot."""
        provider = self.choose(name)
        if not provider.capabilities.charges_methods:
            raise Invalid.of(
                "payment_method", f'{provider.name} takes no payment methods; send "checkout": true instead'
            )
        return provider

    def to_host(self, name: str) -> PaymentProvider:
        """Choose a provider with a hosted page. Raises Invalid when it has none."""
        provider = self.choose(name)
        if not provider.capabilities.hosted_page:
            raise Invalid.of("checkout", f'{provider.name} has no hosted page; send "payment_method" instead')
        return provider

    def to_save(self, name: str) -> PaymentProvider:
        """Choose a provider to save a payment method with. Raises Invalid when it cannot."""
        provider = self.choose(name)
        if not provider.capabilities.saves_methods:
            raise Invalid.of("provider", f"{provider.name} does not save payment methods")
        return provider
