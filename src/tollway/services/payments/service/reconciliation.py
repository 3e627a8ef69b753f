"""Deposits without progress, reconciled with their provider: for every webhook that is lost and every crash."""

from tollway.fabric.db import Database
from tollway.fabric.jobs import DurableProcess
from tollway.kit.errors import Invalid
from tollway.kit.times import SECOND_US, seconds_until
from tollway.services.payments.model import Deposit, DepositMove, DepositState
from tollway.services.payments.service.charging import Charging
from tollway.services.payments.service.selection import Providers
from tollway.services.payments.service.settlement import Settlement, failed, review
from tollway.services.payments.settings import PaymentsSettings
from tollway.services.payments.store import deposits as store

MAX_WAIT_US = 3600 * SECOND_US


class Reconciliation:
    """Finds out what became of open deposits, and finishes them.

    `process` drives a deposit that stood still. The request that began it, the provider's webhooks and this work on it
    at the same time; each move is made on the state that it was decided on, or not at all.
    """

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
        self.process = DurableProcess[Deposit, DepositMove](
            name="deposit",
            db=db,
            job="reconcile_deposit",
            find=store.find_deposit,
            state=lambda deposit: deposit.state,
            steps={
                DepositState.CREATED: self._interrupted,
                DepositState.PROCESSING: self._processing,
                DepositState.SUCCEEDED: settlement.post_credit,
            },
            move=settlement.apply,
        )

    async def reconcile_stale(self) -> float:
        """Reconcile every deposit that had no progress for too long; return for how many seconds no other is due."""
        await self.process.resume(store.due_deposits)
        async with self._db.snapshot() as tx:
            return seconds_until(await store.next_due_us(tx), tx.now_us)

    async def _interrupted(self, _deposit: Deposit) -> DepositMove:
        # The provider was never asked: nothing can have been taken.
        return failed("interrupted")

    async def _processing(self, deposit: Deposit) -> DepositMove | None:
        """Ask the provider what became of a deposit; None when nothing has, or somebody else is asking."""
        now_us = self._db.clock.now_us()
        if deposit.check_at_us > now_us:
            return None
        waited_us = now_us - deposit.created_at_us
        async with self._db.transaction() as tx:
            # Next time later: as long as it has been waiting already, up to an hour.
            wait_us = min(max(waited_us, int(self._settings.stuck_after_s * SECOND_US)), MAX_WAIT_US)
            if not await store.postpone(tx, deposit, tx.now_us + wait_us):
                return None
        return await (self._page(deposit) if deposit.checkout else self._charge(deposit, waited_us))

    async def _page(self, deposit: Deposit) -> DepositMove | None:
        if not deposit.checkout_ref:
            # Nobody knows where the page is, so nobody can have paid on it.
            return failed("interrupted")
        provider = self._providers.of(deposit.provider)
        page = await provider.find_checkout(deposit.checkout_ref)
        payment = await provider.find_payment(page.payment_ref) if page and page.payment_ref else None
        if payment is not None:
            return self._settlement.outcome(deposit, payment)
        if page is None:
            return review("unknown_to_provider")
        return failed("expired") if page.status == "expired" else None

    async def _charge(self, deposit: Deposit, waited_us: int) -> DepositMove | None:
        provider = self._providers.of(deposit.provider)
        if deposit.payment_ref:
            payment = await provider.find_payment(deposit.payment_ref)
            late = waited_us > self._settings.abandon_after_s * SECOND_US
            if payment and payment.status == "requires_action" and late:
                payment = await provider.cancel(deposit.payment_ref)
        elif waited_us > self._settings.resolve_within_s * SECOND_US:
            # The provider forgets keys after a day; long before that, asking again must stop.
            return review("unknown_outcome")
        else:
            try:
                payment = await self._charging.charge(deposit, deposit.customer_ref)
            except Invalid:
                return failed("refused")
        return (
            review("unknown_to_provider") if payment is None else self._settlement.outcome(deposit, payment)
        )
