"""Money that goes back at the provider: refunds and disputes, followed in the books.

A webhook only says of which payment something was taken back; what counts is what the provider answers when it is
asked, so it does not matter in which order, how often and how late the webhooks come.

    refund        wallet → clearing, and what the wallet lacks: shortfall → clearing
    chargeback    wallet → dispute, and what the wallet lacks: shortfall → dispute; when it is lost: dispute → clearing
    undone        the mirror image: a refund that failed, a dispute that was won

So the customer gives what is left of the money and never more, `shortfall` carries what they had spent, `dispute`
holds just what is in dispute now, and clearing follows what the provider has.
"""

import logging
from typing import TYPE_CHECKING, Any

from tollway.contracts import ledger_pb2
from tollway.contracts.books import customer, platform, post_request, transfer
from tollway.contracts.chart.payments import CLEARING, DISPUTE, SHORTFALL
from tollway.contracts.errors import ProviderUnavailable
from tollway.contracts.events import DepositGivenBack, DepositTakenBack
from tollway.fabric.db import Database
from tollway.kit.errors import InsufficientFunds, NotFound, Problem
from tollway.kit.ids import new_id
from tollway.kit.times import DAY_US
from tollway.services.payments import store
from tollway.services.payments.model import CENT, BackKind, BackState, Deposit, State, Takeback
from tollway.services.payments.providers import PaymentProvider, TakenBack
from tollway.services.payments.service.deposits import Deposits

if TYPE_CHECKING:
    from tollway.contracts.ledger_pb2_grpc import LedgerAsyncStub

_log = logging.getLogger(__name__)

# The provider repeats its webhooks for three days; a dispute that is decided later than this is told by webhook only.
LOOK_BACK_US = 30 * DAY_US
_CREDIT: dict[BackKind, str] = {"refund": CLEARING, "chargeback": DISPUTE}


class Takebacks:
    """Follows what the provider has taken back."""

    def __init__(
        self, db: Database, provider: PaymentProvider, deposits: Deposits, ledger: "LedgerAsyncStub"
    ) -> None:
        self._db = db
        self._provider = provider
        self._deposits = deposits
        self._ledger = ledger

    async def follow(self, payment_ref: str) -> str:
        """Bring the books in line with what was taken back of a payment; return in a word what became of it.

        Safe to repeat. Raises Unavailable or DeadlineExceeded when the provider or the ledger do not answer.
        """
        deposit = await self._deposit_of(payment_ref)
        if deposit is None:
            return "ignored"
        found = await self._provider.taken_back(payment_ref)
        rows = [(await self._known(deposit, one), one) for one in found if self._fits(deposit, one)]
        # Looked at after they were written down: whoever credits it later sees them, and has them followed again.
        if (await self._deposits.any_deposit(deposit.id)).state != State.CREDITED:
            return "waits"
        for row, one in rows:
            await self._advance(row, one)
        return "done"

    async def look_back(self) -> None:
        """Follow everything that was taken back lately, for the webhooks that never came."""
        async with self._db.snapshot() as tx:
            if not await store.deposits_in(tx, State.CREDITED, "", 1):
                return  # nothing was ever paid, and the provider need not be asked
        try:
            refs = await self._provider.paid_back_since(self._db.clock.now_us() - LOOK_BACK_US)
        except ProviderUnavailable:
            _log.warning("looking back waits: the payment provider does not answer")
            return
        for payment_ref in sorted(refs):
            try:
                await self.follow(payment_ref)
            except Problem as problem:
                _log.warning("what was taken back of %s waits: %s", payment_ref, problem.detail)

    async def _deposit_of(self, payment_ref: str) -> Deposit | None:
        """Find a payment's deposit, and first settle what is open of it: to be taken back it was paid."""
        async with self._db.snapshot() as tx:
            deposit = await store.find_by_payment(tx, self._provider.name, payment_ref)
        if deposit is not None and deposit.state in (State.CREDITED, State.NEEDS_REVIEW):
            return deposit
        payment = await self._provider.find_payment(payment_ref) if payment_ref else None
        if payment is None:
            return None
        if deposit is None:
            try:
                deposit = await self._deposits.any_deposit(payment.deposit_id)
            except NotFound:
                return None
            if deposit.provider != self._provider.name or deposit.payment_ref:
                return None
        await self._deposits.settle(deposit, payment)
        return await self._deposits.credit(deposit.id)

    def _fits(self, deposit: Deposit, one: TakenBack) -> bool:
        if one.currency == deposit.currency and one.cents > 0:
            return True
        _log.error("%s takes %s %s back of deposit %s", one.ref, one.cents, one.currency, deposit.id)
        return False

    async def _known(self, deposit: Deposit, one: TakenBack) -> Takeback:
        async with self._db.transaction() as tx:
            fresh = Takeback(
                id=new_id("tkb"),
                deposit_id=deposit.id,
                user_id=deposit.user_id,
                provider=deposit.provider,
                ref=one.ref,
                kind=one.kind,
                currency=deposit.currency,
                amount=one.cents * CENT,
                state=BackState.KNOWN,
                attempt=0,
                covered=0,
                transaction_id="",
                created_at_us=tx.now_us,
                updated_at_us=tx.now_us,
            )
            return await store.add_takeback(tx, fresh)

    # ── one step after another ──────────────────────────────────────────────────────────────────────

    async def _advance(self, row: Takeback, one: TakenBack) -> None:
        """Move a takeback to where the provider says that it is.

        Each step is written down before its posting (`taking`) or after one that can be repeated, so that of
        several who follow at once, or one after another's death, none books anything twice.
        """
        while True:
            match row.state, one.status:
                case BackState.KNOWN, "undone":
                    await self._move(row, BackState.UNDONE)
                case BackState.KNOWN, _:
                    await self._begin(row)
                case BackState.TAKING, _:
                    await self._take(row)
                case BackState.TAKEN, "undone":
                    await self._undo(row)
                case BackState.TAKEN, "lost":
                    await self._lose(row)
                case _:
                    return
            async with self._db.snapshot() as tx:
                row = await store.find_takeback(tx, row.id)

    async def _move(self, row: Takeback, to: BackState) -> None:
        async with self._db.transaction() as tx:
            await store.move_takeback(tx, row, to)

    async def _begin(self, row: Takeback) -> None:
        """Decide how much the wallet is to give, at the next attempt."""
        wallet = ledger_pb2.GetAccountRequest(ref=customer(row.user_id, row.currency))
        try:
            left = (await self._ledger.GetAccount(wallet)).available
        except NotFound:
            left = 0
        # Who spends at the same time makes an attempt fail; each asks for half as much, so that there is an end.
        covered = min(row.amount, max(left, 0) >> row.attempt)
        async with self._db.transaction() as tx:
            await store.move_takeback(tx, row, BackState.TAKING, attempt=row.attempt + 1, covered=covered)

    async def _take(self, row: Takeback) -> None:
        """Post what is taken, under the key of the attempt."""
        try:
            posted = await self._ledger.Post(_taking(row))
        except InsufficientFunds:
            # The ledger remembers the refusal, so nobody can post this attempt any more: the next may begin.
            await self._move(row, BackState.KNOWN)
            return
        async with self._db.transaction() as tx:
            if await store.move_takeback(tx, row, BackState.TAKEN, transaction_id=posted.transaction_id):
                tx.publish(DepositTakenBack(**_told(row)))

    async def _undo(self, row: Takeback) -> None:
        await self._ledger.Reverse(
            ledger_pb2.ReverseRequest(
                transaction_id=row.transaction_id,
                scope="payments",
                key=f"{row.kind}:{row.ref}:undone",
                actor="payments",
                reason="the refund failed" if row.kind == "refund" else "the dispute was won",
            )
        )
        async with self._db.transaction() as tx:
            if await store.move_takeback(tx, row, BackState.UNDONE):
                tx.publish(DepositGivenBack(**_told(row)))

    async def _lose(self, row: Takeback) -> None:
        legs = [transfer(_platform(row, DISPUTE), _platform(row, CLEARING), row.amount)]
        await self._ledger.Post(_posting(row, f"{row.kind}:{row.ref}:lost", legs))
        await self._move(row, BackState.LOST)


def _taking(row: Takeback) -> ledger_pb2.PostRequest:
    """Make the transaction of an attempt: the same bytes each time, as the ledger compares them."""
    taker = _platform(row, _CREDIT[row.kind])
    givers = (
        (customer(row.user_id, row.currency), row.covered),
        (_platform(row, SHORTFALL), row.amount - row.covered),
    )
    return _posting(row, row.key, [transfer(giver, taker, amount) for giver, amount in givers if amount])


def _posting(row: Takeback, key: str, legs: list[ledger_pb2.Leg]) -> ledger_pb2.PostRequest:
    meta = {"deposit": row.deposit_id, "provider": row.provider, row.kind: row.ref}
    return post_request("payments", key, row.kind, legs, actor="payments", meta=meta)


def _platform(row: Takeback, purpose: str) -> ledger_pb2.AccountRef:
    return platform("payments", row.currency, purpose)


def _told(row: Takeback) -> dict[str, Any]:
    names = ("deposit_id", "user_id", "kind", "ref", "currency", "amount", "covered")
    return {name: getattr(row, name) for name in names}
