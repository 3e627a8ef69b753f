"""Asking a provider for the money of a deposit. Asking again with the same deposit never charges twice."""

from tollway.services.payments.model import Deposit, minor
from tollway.services.payments.providers import Checkout, CustomerGone, Payment, PaymentRequest
from tollway.services.payments.service.customers import Customers
from tollway.services.payments.service.selection import Providers
from tollway.services.payments.settings import PaymentsSettings

# Where a browser lands that comes back from a provider's page.
RETURN_PATH = "/payments/return"


class Charging:
    """Charges payment methods and opens hosted pages."""

    def __init__(
        self, settings: PaymentsSettings, providers: Providers, customers: Customers, public_url: str
    ) -> None:
        self._settings = settings
        self._providers = providers
        self._customers = customers
        self._public_url = public_url.rstrip("/")

    async def customer(self, deposit: Deposit) -> str:
        """Return the provider's reference of the customer who pays."""
        return await self._customers.ref_of(deposit.user_id, self._providers.of(deposit.provider))

    async def charge(self, deposit: Deposit, customer: str) -> Payment:
        """Charge the deposit's payment method. Raises ProviderUnavailable, Invalid."""
        provider = self._providers.of(deposit.provider)
        return_url = self._return_url(deposit, self._settings.success_url)
        try:
            return await provider.charge(_request(deposit, customer), deposit.method, return_url)
        except CustomerGone:
            customer = await self._customers.replace(deposit.user_id, provider)
            return await provider.charge(_request(deposit, customer), deposit.method, return_url)

    async def open_page(self, deposit: Deposit, customer: str) -> Checkout:
        """Open the hosted page on which the deposit is paid. Raises ProviderUnavailable, Invalid."""
        provider = self._providers.of(deposit.provider)
        success = self._return_url(deposit, self._settings.success_url)
        cancel = self._return_url(deposit, self._settings.cancel_url or self._settings.success_url, "left")
        try:
            return await provider.open_checkout(_request(deposit, customer), success, cancel)
        except CustomerGone:
            customer = await self._customers.replace(deposit.user_id, provider)
            return await provider.open_checkout(_request(deposit, customer), success, cancel)

    def _return_url(self, deposit: Deposit, configured: str, outcome: str = "paid") -> str:
        return configured or f"{self._public_url}{RETURN_PATH}?deposit={deposit.id}&outcome={outcome}"


def _request(deposit: Deposit, customer: str) -> PaymentRequest:
    return PaymentRequest(deposit.id, deposit.user_id, customer, minor(deposit.amount, deposit.currency))
