"""`Payments`: the service, made of its parts."""

from typing import TYPE_CHECKING

from tollway.fabric.db import Database
from tollway.services.payments.providers import PaymentProvider
from tollway.services.payments.service.cards import Cards
from tollway.services.payments.service.deposits import Deposits
from tollway.services.payments.service.reviews import Reviews
from tollway.services.payments.service.takebacks import Takebacks
from tollway.services.payments.service.webhooks import Webhooks
from tollway.services.payments.settings import PaymentsSettings

if TYPE_CHECKING:
    from tollway.contracts.identity_pb2_grpc import IdentityAsyncStub
    from tollway.contracts.ledger_pb2_grpc import LedgerAsyncStub


class Payments:
    """Deposits, saved cards and webhooks of one provider.

    `public_url` is where the outside reaches the platform; `seal_key` (32 bytes) protects the webhook secret at rest.
    """

    def __init__(
        self,
        db: Database,
        settings: PaymentsSettings,
        provider: PaymentProvider,
        ledger: "LedgerAsyncStub",
        identity: "IdentityAsyncStub",
        *,
        public_url: str,
        seal_key: bytes,
    ) -> None:
        self.db = db
        self.provider = provider
        self.cards = Cards(db, provider, identity, settings.max_cards)
        self.deposits = Deposits(db, settings, provider, self.cards, ledger, public_url)
        self.takebacks = Takebacks(db, provider, self.deposits, ledger)
        self.reviews = Reviews(db, provider, self.deposits)
        self.webhooks = Webhooks(
            db, settings, provider, self.deposits, self.takebacks, public_url=public_url, seal_key=seal_key
        )
