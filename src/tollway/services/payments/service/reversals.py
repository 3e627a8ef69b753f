"""Refunds and disputes: what goes back to the payer at the provider, followed in the books.

A webhook only says of which payment something was reversed; what counts is what the provider answers when it is
asked, so it does not matter in which order, how often and how late the webhooks come. The customer's wallet gives what
is left of the money and never more; the rest is the platform's loss (`postings.py`).
"""

import logging
from typing import TYPE_CHECKING, Any

from tollway.contracts import books, ledger_pb2
from tollway.contracts.errors import ProviderUnavailable
from tollway.contracts.events import DepositReinstated, DepositReversed
from tollway.fabric.db import Database
from tollway.kit.errors import InsufficientFunds, NotFound, Problem
from tollway.kit.ids import new_id
from tollway.kit.times import DAY_US
from tollway.services.payments.model import Deposit, DepositState, Reversal, ReversalState
from tollway.services.payments.providers import PaymentProvider, ReversedPart
from tollway.services.payments.service import postings
from tollway.services.payments.service.selection import Providers
from tollway.services.payments.service.settlement import Settlement
from tollway.services.payments.store import deposits
from tollway.services.payments.store import reversals as store

if TYPE_CHECKING:
    from tollway.contracts.ledger_pb2_grpc import LedgerAsyncStub

_log = logging.getLogger(__name__)

# The provider repeats its webhooks for three days; a dispute that is decided later than this is told by webhook only.
RECENT_US = 30 * DAY_US


class Reversals:
    """Follows refunds and disputes."""

    def __init__(
        self, db: Database, providers: Providers, settlement: Settlement, ledger: "LedgerAsyncStub"
    ) -> None:
        self._db = db
        self._providers = providers
        self._settlement = settlement
        self._ledger = ledger

    async def follow(self, provider_name: str, payment_ref: str) -> str:
        """Bring the books in line with what was reversed of a payment; return in a word what became of it.

        Safe to repeat. Raises Unavailable or DeadlineExceeded when the provider or the ledger do not answer.
        """
        provider = self._providers.of(provider_name)
        deposit = await self._deposit_of(provider, payment_ref)
        if deposit is None:
            return "ignored"
        parts = await provider.list_reversals(payment_ref)
        rows = [(await self._stored(deposit, part), part) for part in parts if self._fits(deposit, part)]
        # Read after they were stored: whoever credits it later sees them, and has them followed again.
        if (await self._settlement.load(deposit.id)).state != DepositState.CREDITED:
            return "waits"
        for row, part in rows:
            await self._advance(row, part)
        return "done"

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
            )
            return await store.add_reversal(tx, fresh)

    # ── one step after another ──────────────────────────────────────────────────────────────────────

    async def _advance(self, row: Reversal, part: ReversedPart) -> None:
        """Move a reversal to where the provider says that it is.

        Each step is stored before its posting (`posting`) or after one that can be repeated, so that of several who
        follow at once, or one after another's crash, none posts anything twice.
        """
        while True:
            match row.state, part.status:
                case ReversalState.KNOWN, "undone":
                    await self._move(row, ReversalState.UNDONE)
                case ReversalState.KNOWN, _:
                    await self._begin(row)
                case ReversalState.POSTING, _:
                    await self._post(row)
                case ReversalState.POSTED, "undone":
                    await self._reinstate(row)
                case ReversalState.POSTED, "lost":
                    await self._lose(row)
                case _:
                    return
            async with self._db.snapshot() as tx:
                row = await store.find_reversal(tx, row.id)

    async def _move(self, row: Reversal, to: ReversalState) -> None:
        async with self._db.transaction() as tx:
            await store.move_reversal(tx, row, to)

    async def _begin(self, row: Reversal) -> None:
        """Begin an attempt to recover all that is in the wallet now."""
        wallet = books.customer(row.user_id, row.currency)
        try:
            left = (await self._ledger.GetAccount(ledger_pb2.GetAccountRequest(ref=wallet))).available
        except NotFound:
            left = 0
        recovered = min(row.amount, max(left, 0))
        async with self._db.transaction() as tx:
            values = {"attempt": row.attempt + 1, "recovered": recovered}
            await store.move_reversal(tx, row, ReversalState.POSTING, **values)

    async def _post(self, row: Reversal) -> None:
        """Post the attempt."""
        try:
            posted = await self._ledger.Post(postings.reversal_posting(row))
        except InsufficientFunds:
            # The wallet has less by now. The ledger remembers the refusal, so nobody can post this attempt any more:
            # the next one begins, until one is not overtaken. Nothing that stays in the wallet is let go.
            await self._move(row, ReversalState.KNOWN)
            return
        async with self._db.transaction() as tx:
            values = {"transaction_id": posted.transaction_id}
            if await store.move_reversal(tx, row, ReversalState.POSTED, **values):
                tx.publish(DepositReversed(**_published(row)))

    async def _reinstate(self, row: Reversal) -> None:
        await self._ledger.Reverse(postings.reinstatement(row))
        async with self._db.transaction() as tx:
            if await store.move_reversal(tx, row, ReversalState.UNDONE):
                tx.publish(DepositReinstated(**_published(row)))

    async def _lose(self, row: Reversal) -> None:
        await self._ledger.Post(postings.lost_posting(row))
        await self._move(row, ReversalState.LOST)


def _published(row: Reversal) -> dict[str, Any]:
    names = ("deposit_id", "user_id", "kind", "ref", "currency", "amount", "recovered")
    return {name: getattr(row, name) for name in names}
