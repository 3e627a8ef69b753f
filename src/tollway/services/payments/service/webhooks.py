"""The provider's webhooks: checked, stored once, and acted on by a durable job.

The answer to the provider depends on the storing alone. So a slow ledger makes no provider repeat itself, and a crash
after the answer loses nothing.
"""

import logging
import os

from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from tollway.contracts.errors import BadSignature
from tollway.fabric.db import Database
from tollway.fabric.retention import delete_in_batches
from tollway.kit.errors import NotFound
from tollway.kit.times import DAY_US
from tollway.services.payments import store
from tollway.services.payments.model import Deposit
from tollway.services.payments.providers import Payment, PaymentProvider, Told
from tollway.services.payments.service.deposits import Deposits
from tollway.services.payments.service.takebacks import Takebacks
from tollway.services.payments.settings import PaymentsSettings

_log = logging.getLogger(__name__)

HANDLE = "handle_webhook"
NONCE_BYTES = 12


class Webhooks:
    """Takes the provider's word, if it is the provider's."""

    def __init__(
        self,
        db: Database,
        settings: PaymentsSettings,
        provider: PaymentProvider,
        deposits: Deposits,
        takebacks: Takebacks,
        *,
        public_url: str,
        seal_key: bytes,
    ) -> None:
        self._db = db
        self._settings = settings
        self._provider = provider
        self._deposits = deposits
        self._takebacks = takebacks
        self._url = f"{public_url.rstrip('/')}/api/billing/webhooks/{provider.name}"
        self._seal = AESGCM(seal_key)

    async def take(self, provider: str, body: bytes, signature: str) -> bool:
        """Check and store a webhook; False when it was stored before.

        Raises BadSignature for one that the provider did not sign, or signed too long ago; NotFound for a provider
        that is not in use.
        """
        if provider != self._provider.name:
            raise NotFound("there is no such payment provider here")
        told = await self._provider.read_webhook(
            body,
            signature,
            await self._secrets(),
            now_us=self._db.clock.now_us(),
            tolerance_s=self._settings.webhook_tolerance_s,
        )
        async with self._db.transaction() as tx:
            new = await store.add_event(tx, provider, told.event_id, told.kind, body.decode())
            if new:
                tx.enqueue(HANDLE, {"provider": provider, "event_id": told.event_id})
        return new

    async def handle(self, provider: str, event_id: str) -> None:
        """Act on a stored webhook. Safe to repeat; raises when the ledger does not answer, to be tried again."""
        async with self._db.snapshot() as tx:
            row = await store.find_event(tx, provider, event_id)
        if row is None or row.outcome:
            return
        outcome = await self._act(await self._provider.parse_event(row.body.encode()))
        async with self._db.transaction() as tx:
            await store.close_event(tx, provider, event_id, outcome)

    async def forget_old(self) -> None:
        """Forget webhooks that were acted on long ago: one that came again would be old news, and change nothing."""
        kept_us = self._settings.webhooks_kept_days * DAY_US
        old = store.old_events(self._db.clock.now_us() - kept_us)
        await delete_in_batches(self._db, store.webhook_event, old)

    async def register(self) -> None:
        """Make the endpoint at the provider that calls this platform, unless it is there already."""
        if not self._settings.registers_webhook:
            return
        async with self._db.snapshot() as tx:
            known = await store.find_endpoint(tx, self._provider.name)
        made = await self._provider.register_webhook(self._url, known.ref if known else "")
        if made is None:
            return
        ref, secret = made
        nonce = os.urandom(NONCE_BYTES)
        sealed = nonce + self._seal.encrypt(nonce, secret.encode(), self._provider.name.encode())
        async with self._db.transaction() as tx:
            await store.keep_endpoint(tx, self._provider.name, self._url, ref, sealed)
        _log.info("the payment provider calls %s", self._url)

    async def _act(self, told: Told) -> str:
        """Do what a webhook asks for; return in a word what became of it."""
        if told.payment is not None:
            return await self._payment_news(told.payment)
        if told.back_from:
            return await self._takebacks.follow(told.back_from)
        if told.kind == "checkout.session.expired" and told.checkout is not None:
            deposit = await self._deposit(told.checkout.deposit_id)
            if deposit is not None:
                await self._deposits.fail(deposit, "expired")
                return "done"
        return "ignored"

    async def _payment_news(self, payment: Payment) -> str:
        deposit = await self._deposit(payment.deposit_id)
        if deposit is None:
            return "ignored"
        if deposit.payment_ref not in ("", payment.ref):
            _log.error("payment %s names deposit %s, which has another payment", payment.ref, deposit.id)
            return "unmatched"
        await self._deposits.settle(deposit, payment)
        await self._deposits.credit(deposit.id)
        return "done"

    async def _deposit(self, deposit_id: str) -> Deposit | None:
        """Return the deposit that a webhook names, if it is one of ours with this provider."""
        try:
            deposit = await self._deposits.any_deposit(deposit_id)
        except NotFound:
            return None
        return deposit if deposit.provider == self._provider.name else None

    async def _secrets(self) -> list[str]:
        """Return the secrets that a signature may be made with."""
        secrets = [self._settings.stripe_webhook_secret] if self._settings.stripe_webhook_secret else []
        async with self._db.snapshot() as tx:
            endpoint = await store.find_endpoint(tx, self._provider.name)
        if endpoint is not None:
            nonce, sealed = endpoint.sealed_secret[:NONCE_BYTES], endpoint.sealed_secret[NONCE_BYTES:]
            secrets.append(self._seal.decrypt(nonce, sealed, self._provider.name.encode()).decode())
        if not secrets:
            raise BadSignature("no signing secret is known yet; the endpoint was not registered")
        return secrets
