"""`Payments`: the service, made of its parts."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from tollway.fabric.db import Database
from tollway.kit.times import SECOND_US
from tollway.services.payments.providers import PaymentProvider
from tollway.services.payments.service.charging import Charging
from tollway.services.payments.service.corrections import Corrections, Refunds
from tollway.services.payments.service.customers import Customers
from tollway.services.payments.service.debts import Debts
from tollway.services.payments.service.deposits import Deposits
from tollway.services.payments.service.methods import SavedMethods
from tollway.services.payments.service.reconciliation import Reconciliation
from tollway.services.payments.service.reversals import Reversals
from tollway.services.payments.service.reviews import Reviews
from tollway.services.payments.service.selection import Providers
from tollway.services.payments.service.settlement import Settlement
from tollway.services.payments.service.webhooks import Webhooks
from tollway.services.payments.settings import PaymentsSettings

if TYPE_CHECKING:
    from tollway.contracts.identity_pb2_grpc import IdentityAsyncStub
    from tollway.contracts.ledger_pb2_grpc import LedgerAsyncStub


class Payments:
    """Deposits, reversals, saved payment methods and webhooks of the enabled providers.

    `providers` are by name, the default first. `currencies` can be deposited. `public_url` is where the outside reaches
    the platform; `seal_key` (32 bytes) protects webhook secrets at rest.
    """

    def __init__(
        self,
        db: Database,
        settings: PaymentsSettings,
        providers: Mapping[str, PaymentProvider],
        ledger: "LedgerAsyncStub",
        identity: "IdentityAsyncStub",
        *,
        currencies: Sequence[str],
        public_url: str,
        seal_key: bytes,
    ) -> None:
        self.db = db
        self._enabled = enabled = Providers(providers)
        patience_us = int(settings.stuck_after_s * SECOND_US)
        customers = Customers(db, identity)
        charging = Charging(settings, enabled, customers, public_url)
        self.methods = SavedMethods(db, enabled, customers, settings.max_methods)
        self.settlement = Settlement(db, ledger, identity, patience_us)
        self.deposits = Deposits(
            db, settings, enabled, self.methods, charging, self.settlement, patience_us, currencies
        )
        self.reconciliation = Reconciliation(db, settings, enabled, charging, self.settlement)
        self.debts = Debts(db, ledger)
        self.reversals = Reversals(db, enabled, self.settlement, self.debts, ledger)
        self.corrections = Corrections(db, self.debts, ledger, identity, currencies)
        self.refunds = Refunds(db, enabled, self.settlement, self.reversals)
        self.reviews = Reviews(db, enabled, self.settlement)
        self.webhooks = Webhooks(
            db,
            enabled,
            self.settlement,
            self.reversals,
            public_url=public_url,
            seal_key=seal_key,
            kept_days=settings.webhooks_kept_days,
        )

    async def start(self) -> None:
        """Nothing is to be done before the first request."""

    async def stop(self) -> None:
        """Release the providers' connections."""
        for provider in self._enabled:
            await provider.close()
