"""The providers' webhooks: verified, stored once, and acted on by a durable job.

The answer to the provider depends on the storing alone. So a slow ledger makes no provider repeat itself, and a crash
after the answer loses nothing.
"""

import logging
from collections.abc import Mapping

from tollway.fabric.db import Database
from tollway.fabric.retention import delete_in_batches
from tollway.fabric.secrets import SealBroken, Sealer
from tollway.kit.errors import NotFound, Problem
from tollway.kit.times import DAY_US
from tollway.services.payments.model import Deposit
from tollway.services.payments.providers import Payment, PaymentProvider, WebhookEvent, WebhookKind
from tollway.services.payments.service.reversals import Reversals
from tollway.services.payments.service.selection import Providers
from tollway.services.payments.service.settlement import Settlement
from tollway.services.payments.store import tables
from tollway.services.payments.store import webhooks as store

_log = logging.getLogger(__name__)

HANDLE = "handle_webhook"


class Webhooks:
    """Receives webhooks, acts on them, and registers the endpoints that they are sent to."""

    def __init__(
        self,
        db: Database,
        providers: Providers,
        settlement: Settlement,
        reversals: Reversals,
        *,
        public_url: str,
        seal_key: bytes,
        kept_days: int,
    ) -> None:
        self._db = db
        self._providers = providers
        self._settlement = settlement
        self._reversals = reversals
        self._url = f"{public_url.rstrip('/')}/api/billing/webhooks"
        self._sealer = Sealer(seal_key)
        self._kept_us = kept_days * DAY_US

    async def receive(self, provider_name: str, headers: Mapping[str, str], body: bytes) -> bool:
        """Verify and store a webhook; False when it was stored before. `headers` have lower-case names.

        Raises BadSignature for one that the provider did not sign, or signed too long ago; NotFound for a provider
        that is not enabled.
        """
        if provider_name not in self._providers:
            raise NotFound("there is no such payment provider here")
        provider = self._providers.of(provider_name)
        secrets = await self._secrets(provider_name)
        event = await provider.verify_webhook(headers, body, secrets, self._db.clock.now_us())
        async with self._db.transaction() as tx:
            new = await store.add_event(tx, provider_name, event.event_id, event.kind, body.decode())
            if new:
                tx.enqueue(HANDLE, {"provider": provider_name, "event_id": event.event_id})
        return new

    async def handle(self, provider_name: str, event_id: str) -> None:
        """Act on a stored webhook. Safe to repeat; raises when the ledger does not answer, to be tried again."""
        async with self._db.snapshot() as tx:
            row = await store.find_event(tx, provider_name, event_id)
        if row is None or row.outcome:
            return
        provider = self._providers.of(provider_name)
        outcome = await self._act(provider, await provider.parse_webhook(row.body.encode()))
        async with self._db.transaction() as tx:
            await store.close_event(tx, provider_name, event_id, outcome)

    async def delete_old(self) -> None:
        """Delete webhooks that were acted on long ago: one that came again would change nothing."""
        old = store.old_events(self._db.clock.now_us() - self._kept_us)
        await delete_in_batches(self._db, tables.webhook_event, old)

    async def register(self) -> None:
        """Register the endpoint of this platform at each provider, unless it is there already.

        Raises what the last provider raised that did not answer, after the others were asked.
        """
        failed: Problem | None = None
        for provider in self._providers:
            if not provider.capabilities.registers_webhooks:
                continue
            try:
                await self._register(provider)
            except Problem as problem:
                failed = problem
        if failed is not None:
            raise failed

    async def _register(self, provider: PaymentProvider) -> None:
        async with self._db.snapshot() as tx:
            known = await store.find_endpoint(tx, provider.name)
        url = f"{self._url}/{provider.name}"
        # An endpoint whose secret cannot be opened any more is of no use: another one is made in its place.
        usable = known is not None and self._opened(provider.name, known.sealed_secret) is not None
        registered = await provider.register_webhook(url, known.ref if known and usable else "")
        if registered is None:
            return
        sealed = self._sealer.seal(registered.secret.encode(), provider.name)
        async with self._db.transaction() as tx:
            await store.save_endpoint(tx, provider.name, url, registered.ref, sealed)
        _log.info("%s sends its webhooks to %s", provider.name, url)

    async def _act(self, provider: PaymentProvider, event: WebhookEvent) -> str:
        """Do what a webhook asks for; return in a word what became of it."""
        match event.kind:
            case WebhookKind.PAYMENT if event.payment is not None:
                return await self._settle(provider.name, event.payment)
            case WebhookKind.REVERSAL:
                return await self._reversals.follow(provider.name, event.payment_ref)
            case WebhookKind.CHECKOUT_EXPIRED:
                return await self._expire(provider.name, event.deposit_id)
            case _:
                return "ignored"

    async def _settle(self, provider_name: str, payment: Payment) -> str:
        deposit = await self._deposit(provider_name, payment.deposit_id)
        if deposit is None:
            return "ignored"
        if deposit.payment_ref not in ("", payment.ref):
            _log.error("payment %s names deposit %s, which has another payment", payment.ref, deposit.id)
            return "unmatched"
        await self._settlement.settle(deposit, payment)
        await self._settlement.credit(deposit.id)
        return "done"

    async def _expire(self, provider_name: str, deposit_id: str) -> str:
        deposit = await self._deposit(provider_name, deposit_id)
        if deposit is None:
            return "ignored"
        await self._settlement.fail(deposit, "expired")
        return "done"

    async def _deposit(self, provider_name: str, deposit_id: str) -> Deposit | None:
        """Return the deposit that a webhook names, if it is one of ours with this provider."""
        try:
            deposit = await self._settlement.load(deposit_id)
        except NotFound:
            return None
        return deposit if deposit.provider == provider_name else None

    async def _secrets(self, provider_name: str) -> list[str]:
        """Return the secrets that the registered endpoint's signatures are made with."""
        async with self._db.snapshot() as tx:
            endpoint = await store.find_endpoint(tx, provider_name)
        if endpoint is None:
            return []
        secret = self._opened(provider_name, endpoint.sealed_secret)
        return [] if secret is None else [secret]

    def _opened(self, provider_name: str, sealed: bytes) -> str | None:
        try:
            return self._sealer.open(sealed, provider_name).decode()
        except SealBroken as broken:
            _log.warning("the webhook secret of %s cannot be opened: %s", provider_name, broken)
            return None
