"""Deposits without progress, reconciled with their provider: for every webhook that is lost and every crash."""

import logging

from tollway.fabric.db import Database
from tollway.kit.errors import Invalid, Problem
from tollway.kit.times import SECOND_US
from tollway.services.payments.model import Deposit, DepositState
from tollway.services.payments.service.charging import Charging
from tollway.services.payments.service.selection import Providers
from tollway.services.payments.service.settlement import Settlement
from tollway.services.payments.settings import PaymentsSettings
from tollway.services.payments.store import deposits as store

_log = logging.getLogger(__name__)

BATCH = 50
MAX_WAIT_US = 3600 * SECOND_US


class Reconciliation:
    """Finds out what became of open deposits, and finishes them."""

    def __init__(
        self,
        db: Database,
        settings: PaymentsSettings,
        providers: Providers,
        charging: Charging,
        settlement: Settlement,
    ) -> None:
        self._db = db
        self._settings = settings
        self._providers = providers
        self._charging = charging
        self._settlement = settlement

    async def reconcile_stale(self) -> None:
        """Reconcile every deposit that had no progress for too long."""
        async with self._db.snapshot() as tx:
            due = await store.list_due(tx, BATCH)
        for deposit in due:
            # Next time later: as long as it has been waiting already, up to an hour.
            waited_us = self._db.clock.now_us() - deposit.created_at_us
            async with self._db.transaction() as tx:
                wait_us = min(max(waited_us, int(self._settings.stuck_after_s * SECOND_US)), MAX_WAIT_US)
                mine = await store.postpone(tx, deposit, tx.now_us + wait_us)
            if not mine:
                continue
            try:
                await self.reconcile(deposit)
            except Problem as problem:
                _log.warning("deposit %s is not reconciled yet: %s", deposit.id, problem.detail)

    async def reconcile(self, deposit: Deposit) -> Deposit:
        """Find out what became of an open deposit, and finish it. Raises what the provider or the ledger raise."""
        if deposit.state == DepositState.CREATED:
            # The provider was never asked: nothing can have been taken.
            await self._settlement.give_up(deposit, "interrupted")
        elif deposit.state == DepositState.PROCESSING:
            await (self._page(deposit) if deposit.checkout else self._charge(deposit))
        return await self._settlement.credit(deposit.id)

    async def _page(self, deposit: Deposit) -> None:
        if not deposit.checkout_ref:
            # Nobody was told where the page is, so nobody can have paid on it.
            await self._settlement.give_up(deposit, "interrupted")
            return
        provider = self._providers.of(deposit.provider)
        page = await provider.find_checkout(deposit.checkout_ref)
        payment = await provider.find_payment(page.payment_ref) if page and page.payment_ref else None
        if payment is not None:
            await self._settlement.settle(deposit, payment)
        elif page is None:
            await self._settlement.review(deposit, "unknown_to_provider")
        elif page.status == "expired":
            await self._settlement.give_up(deposit, "expired")

    async def _charge(self, deposit: Deposit) -> None:
        provider = self._providers.of(deposit.provider)
        waited_s = (self._db.clock.now_us() - deposit.created_at_us) / SECOND_US
        if deposit.payment_ref:
            payment = await provider.find_payment(deposit.payment_ref)
            if payment and payment.status == "requires_action" and waited_s > self._settings.abandon_after_s:
                payment = await provider.cancel(deposit.payment_ref)
        elif waited_s > self._settings.resolve_within_s:
            # The provider forgets keys after a day; long before that, asking again must stop.
            await self._settlement.review(deposit, "unknown_outcome")
            return
        else:
            try:
                payment = await self._charging.charge(deposit, deposit.customer_ref)
            except Invalid:
                await self._settlement.fail(deposit, "refused")
                return
        if payment is None:
            await self._settlement.review(deposit, "unknown_to_provider")
        else:
            await self._settlement.settle(deposit, payment)
