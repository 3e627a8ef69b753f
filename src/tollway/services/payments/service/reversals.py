"""Refunds and disputes: what goes back to the payer at the provider, followed in the books.

A webhook only says of which payment something was reversed; what counts is what the provider answers when it is
asked, so it does not matter in which order, how often and how late the webhooks come. All of it becomes the customer's
debt, and what is in the wallet settles it in the same posting; the rest stands open (`debts.py`).
"""

import logging
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from tollway.contracts.errors import ProviderUnavailable
from tollway.contracts.events import DebtOpened, DepositReinstated, DepositReversed
from tollway.fabric.db import Database, Tx
from tollway.fabric.jobs import DurableProcess
from tollway.kit.errors import NotFound, Problem
from tollway.kit.ids import new_id
from tollway.kit.times import DAY_US, SECOND_US
from tollway.services.payments.model import Deposit, DepositState, Reversal, ReversalMove, ReversalState
from tollway.services.payments.providers import PaymentProvider, ReversedPart
from tollway.services.payments.service import postings
from tollway.services.payments.service.debts import Debts
from tollway.services.payments.service.selection import Providers
from tollway.services.payments.service.settlement import Settlement
from tollway.services.payments.store import debts, deposits
from tollway.services.payments.store import reversals as store

if TYPE_CHECKING:
    from tollway.contracts.ledger_pb2_grpc import LedgerAsyncStub

_log = logging.getLogger(__name__)

# The provider repeats its webhooks for three days; a dispute decided later than this is known by its webhook only.
RECENT_US = 30 * DAY_US
ADVANCE_REVERSAL = "advance_reversal"
# A reversal that did not move for so long is resumed by timed work.
STUCK_US = 30 * SECOND_US


class Reversals:
    """Follows refunds and disputes. `process` drives each until the books are where the provider is."""

    def __init__(
        self,
        db: Database,
        providers: Providers,
        settlement: Settlement,
        owed: Debts,
        ledger: "LedgerAsyncStub",
    ) -> None:
        self._db = db
        self._providers = providers
        self._settlement = settlement
        self._owed = owed
        self._ledger = ledger
        self.process = DurableProcess[Reversal, ReversalMove](
            name="reversal",
            db=db,
            job=ADVANCE_REVERSAL,
            find=store.find_reversal,
            state=lambda reversal: reversal.step,
            steps={
                "cancel": self._cancel,
                "begin": self._begin,
                "post": self._post,
                "reinstate": self._reinstate,
                "lose": self._lose,
            },
            move=_move,
        )

    async def follow(self, provider_name: str, payment_ref: str) -> str:
        """Bring the books in line with what was reversed of a payment; return in a word what became of it.

        Safe to repeat. Raises Unavailable or DeadlineExceeded when the provider or the ledger do not answer.
        """
        provider = self._providers.of(provider_name)
        deposit = await self._deposit_of(provider, payment_ref)
        if deposit is None:
            return "ignored"
        parts = await provider.list_reversals(payment_ref)
        rows = [await self._stored(deposit, part) for part in parts if self._fits(deposit, part)]
        # Read after they were stored: whoever credits it later sees them, and has them followed again.
        if (await self._settlement.load(deposit.id)).state != DepositState.CREDITED:
            return "waits"
        for row in rows:
            await self.process.advance(row.id)
        await self._owed.collect(deposit.user_id, deposit.currency)
        return "done"

    async def resume_stuck(self) -> None:
        """Take up every reversal that stood still; what a lost job or a crash left behind."""
        idle_since_us = self._db.clock.now_us() - STUCK_US
        await self.process.resume(
            lambda tx, after_id, limit: store.open_reversals(tx, idle_since_us, after_id, limit)
        )

    async def reconcile_recent(self) -> None:
        """Follow everything that was reversed lately, for the webhooks that were lost."""
        for provider in self._providers:
            if not provider.capabilities.reversals:
                continue
            async with self._db.snapshot() as tx:
                if not await deposits.has_credited(tx, provider.name):
                    continue  # nothing was ever paid, and the provider need not be asked
            try:
                refs = await provider.payments_reversed_since(self._db.clock.now_us() - RECENT_US)
            except ProviderUnavailable:
                _log.warning("recent reversals are not reconciled yet: %s does not answer", provider.name)
                continue
            for payment_ref in sorted(refs):
                try:
                    await self.follow(provider.name, payment_ref)
                except Problem as problem:
                    _log.warning("reversals of %s are not followed yet: %s", payment_ref, problem.detail)

    async def _deposit_of(self, provider: PaymentProvider, payment_ref: str) -> Deposit | None:
        """Find a payment's deposit, and first settle what is open of it: to be reversed it was paid."""
        async with self._db.snapshot() as tx:
            deposit = await deposits.find_by_payment(tx, provider.name, payment_ref)
        if deposit is not None and deposit.state in (DepositState.CREDITED, DepositState.NEEDS_REVIEW):
            return deposit
        payment = await provider.find_payment(payment_ref) if payment_ref else None
        if payment is None:
            return None
        if deposit is None:
            try:
                deposit = await self._settlement.load(payment.deposit_id)
            except NotFound:
                return None
            if deposit.provider != provider.name or deposit.payment_ref:
                return None
        await self._settlement.settle(deposit, payment)
        return await self._settlement.credit(deposit.id)

    def _fits(self, deposit: Deposit, part: ReversedPart) -> bool:
        if part.amount.currency == deposit.currency and part.amount.count > 0:
            return True
        found = (part.ref, part.amount.count, part.amount.currency)
        _log.error("%s reverses %s %s of deposit %s, which has another currency", *found, deposit.id)
        return False

    async def _stored(self, deposit: Deposit, part: ReversedPart) -> Reversal:
        async with self._db.transaction() as tx:
            fresh = Reversal(
                id=new_id("rev"),
                deposit_id=deposit.id,
                user_id=deposit.user_id,
                provider=deposit.provider,
                ref=part.ref,
                kind=part.kind,
                currency=deposit.currency,
                amount=part.amount.units,
                state=ReversalState.KNOWN,
                attempt=0,
                recovered=0,
                transaction_id="",
                created_at_us=tx.now_us,
                updated_at_us=tx.now_us,
                status=part.status,
            )
            row, new = await store.add_reversal(tx, fresh)
            if new:
                self.process.enqueue(tx, row.id)
            return row

    # ── the steps ───────────────────────────────────────────────────────────────────────────────────

    async def _cancel(self, _row: Reversal) -> ReversalMove:
        return ReversalMove(ReversalState.UNDONE)

    async def _begin(self, row: Reversal) -> ReversalMove | None:
        """Note that the ledger is going to be asked: from then on it is posted, whatever becomes of it afterwards."""
        if (await self._settlement.load(row.deposit_id)).state != DepositState.CREDITED:
            return None
        return ReversalMove(ReversalState.POSTING)

    async def _post(self, row: Reversal) -> ReversalMove:
        posted = await self._ledger.Post(postings.reversal_posting(row))
        _, recovered = posted.moved
        return ReversalMove(ReversalState.POSTED, recovered, posted.transaction_id)

    async def _reinstate(self, row: Reversal) -> ReversalMove:
        await self._ledger.Reverse(postings.reinstatement(row))
        return ReversalMove(ReversalState.UNDONE)

    async def _lose(self, row: Reversal) -> ReversalMove:
        await self._ledger.Post(postings.lost_posting(row))
        return ReversalMove(ReversalState.LOST)


async def _move(tx: Tx, row: Reversal, move: ReversalMove) -> bool:
    values: dict[str, Any] = {}
    if move.to is ReversalState.POSTING:
        values = {"attempt": row.attempt + 1}
    elif move.to is ReversalState.POSTED:
        owed = row.amount - move.recovered
        values = {"recovered": move.recovered, "owed": owed, "transaction_id": move.transaction_id}
    if not await store.move_reversal(tx, row, move.to, **values):
        return False
    if move.to is ReversalState.POSTED:
        tx.publish(DepositReversed(**_published(replace(row, recovered=move.recovered))))
        if row.amount > move.recovered:
            await _open_debt(tx, row, row.amount - move.recovered)
    elif move.to is ReversalState.UNDONE and row.state is ReversalState.POSTED:
        if row.owed:
            await debts.add_owed(tx, row.user_id, row.currency, -row.owed)
        tx.publish(DepositReinstated(**_published(row)))
    return True


async def _open_debt(tx: Tx, row: Reversal, amount: int) -> None:
    debt = await debts.add_owed(tx, row.user_id, row.currency, amount)
    _log.warning("%s owes %s more, which was spent before it was reversed", row.user_id, amount)
    tx.publish(
        DebtOpened(
            debt_id=debt.id,
            user_id=debt.user_id,
            currency=debt.currency,
            amount=amount,
            owed=debt.outstanding,
            ref=row.ref,
        )
    )


def _published(row: Reversal) -> dict[str, Any]:
    names = ("deposit_id", "user_id", "kind", "ref", "currency", "amount", "recovered")
    return {name: getattr(row, name) for name in names}
