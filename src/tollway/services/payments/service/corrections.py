"""What operators correct: a wallet, by a posting of its own, and a deposit, by a refund at the provider.

Both leave two entries in the audit trail: who wanted it and why, before anything is done, and what became of it.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from tollway.contracts import identity_pb2
from tollway.contracts.errors import IdempotencyKeyReused
from tollway.contracts.events import (
    CorrectionPosted,
    CorrectionRefused,
    CorrectionRequested,
    RefundRequested,
)
from tollway.fabric.db import Database, Tx
from tollway.fabric.jobs import DurableProcess
from tollway.kit.errors import Conflict, InsufficientFunds, Invalid, Problem
from tollway.kit.ids import new_id
from tollway.kit.money import money_text
from tollway.kit.paging import Page, decode_cursor, make_page
from tollway.services.payments.model import (
    Correction,
    CorrectionMove,
    CorrectionState,
    Deposit,
    DepositState,
    minor,
)
from tollway.services.payments.service.debts import Debts
from tollway.services.payments.service.postings import correction_posting
from tollway.services.payments.service.reversals import Reversals
from tollway.services.payments.service.selection import Providers
from tollway.services.payments.service.settlement import Settlement
from tollway.services.payments.store import corrections as store

if TYPE_CHECKING:
    from tollway.contracts.identity_pb2_grpc import IdentityAsyncStub
    from tollway.contracts.ledger_pb2_grpc import LedgerAsyncStub

POST_CORRECTION = "post_correction"


class Corrections:
    """The operator's corrections of wallets, in `currencies`. `process` drives each until the ledger has decided."""

    def __init__(
        self,
        db: Database,
        debts: Debts,
        ledger: "LedgerAsyncStub",
        identity: "IdentityAsyncStub",
        currencies: Sequence[str],
    ) -> None:
        self._db = db
        self._debts = debts
        self._ledger = ledger
        self._identity = identity
        self._currencies = currencies
        self.process = DurableProcess[Correction, CorrectionMove](
            name="correction",
            db=db,
            job=POST_CORRECTION,
            find=store.find_correction,
            state=lambda correction: correction.state,
            steps={CorrectionState.REQUESTED: self._post},
            move=_end,
        )

    async def correct(
        self, user_id: str, currency: str, amount: int, reason: str, operator: str, key: str
    ) -> Correction:
        """Give a customer money, or take it when `amount` is below zero. An operator's `key` names one correction.

        Raises NotFound for a customer that there is not, Conflict for money to one who has left, Invalid,
        IdempotencyKeyReused, InsufficientFunds.
        """
        if currency not in self._currencies:
            raise Invalid.of("currency", f"must be one of {', '.join(self._currencies)}")
        user = await self._identity.GetUser(identity_pb2.GetUserRequest(user_id=user_id))
        async with self._db.transaction() as tx:
            one = await self._written(tx, user_id, currency, amount, reason, operator, key)
            if user.state == "deleted" and amount > 0 and one.state is CorrectionState.REQUESTED:
                raise Conflict("this account is deleted; nobody could use the money")
        one = await self.process.advance(one.id)
        if one.state is CorrectionState.REFUSED:
            if one.refusal == InsufficientFunds.code:
                wanted = f"{money_text(-amount)} {currency}"
                raise InsufficientFunds(f"the wallet does not hold {wanted}", correction_id=one.id)
            raise Conflict(f"the ledger refused the correction: {one.refusal}", correction_id=one.id)
        await self._debts.collect(user_id, currency)
        return one

    async def list(self, user_id: str, limit: int, cursor: str) -> Page[Correction]:
        """Return corrections, newest first, of one customer or of all. Raises Invalid for a cursor that is not ours."""
        (before_id,) = decode_cursor(cursor, str) or ("",)
        async with self._db.snapshot() as tx:
            rows = await store.list_corrections(tx, user_id, before_id, limit + 1)
        return make_page(rows, limit, lambda one: [one.id])

    async def _written(
        self, tx: Tx, user_id: str, currency: str, amount: int, reason: str, operator: str, key: str
    ) -> Correction:
        fresh = Correction(
            id=new_id("cor"),
            user_id=user_id,
            currency=currency,
            amount=amount,
            reason=reason,
            requested_by=operator,
            request_key=key,
            state=CorrectionState.REQUESTED,
            refusal="",
            transaction_id="",
            created_at_us=tx.now_us,
            updated_at_us=tx.now_us,
        )
        one = await store.add_correction(tx, fresh)
        if not one.is_same_request(fresh):
            raise IdempotencyKeyReused
        if one.id == fresh.id:
            self.process.enqueue(tx, one.id)
            tx.publish(
                CorrectionRequested(
                    correction_id=one.id,
                    user_id=user_id,
                    currency=currency,
                    amount=amount,
                    reason=reason,
                )
            )
        return one

    async def _post(self, correction: Correction) -> CorrectionMove:
        try:
            posted = await self._ledger.Post(correction_posting(correction))
        except Problem as problem:
            if problem.status >= 500:
                raise
            return CorrectionMove(CorrectionState.REFUSED, refusal=problem.code)
        return CorrectionMove(CorrectionState.POSTED, transaction_id=posted.transaction_id)


class Refunds:
    """Refunds that an operator wants: made by the provider, and then followed in the books like any other."""

    def __init__(
        self, db: Database, providers: Providers, settlement: Settlement, reversals: Reversals
    ) -> None:
        self._db = db
        self._providers = providers
        self._settlement = settlement
        self._reversals = reversals

    async def refund(
        self, deposit_id: str, amount: int | None, reason: str, operator: str, key: str
    ) -> Deposit:
        """Have the provider refund a deposit, or a part of it. An operator's `key` names one refund.

        Raises NotFound, Conflict when it was not credited or there is not so much of it left, Invalid,
        ProviderUnavailable.
        """
        deposit = await self._settlement.load(deposit_id)
        provider = self._providers.of(deposit.provider)
        if not provider.capabilities.refunds:
            raise Conflict(f"{provider.name} cannot refund from here; do it at the provider")
        if deposit.state != DepositState.CREDITED:
            raise Conflict(f"this deposit is {deposit.state}; only one that was credited can be refunded")
        left = max(deposit.amount - deposit.refunded - deposit.disputed, 0)
        wanted = left if amount is None else amount
        if not 0 < wanted <= left:
            raise Conflict(f"{money_text(left)} {deposit.currency} of this deposit can be refunded")
        part = minor(wanted, deposit.currency)
        async with self._db.transaction() as tx:
            tx.publish(
                RefundRequested(
                    deposit_id=deposit.id,
                    user_id=deposit.user_id,
                    currency=deposit.currency,
                    amount=wanted,
                    reason=reason,
                )
            )
        await provider.refund_payment(deposit.payment_ref, part, f"refund:{deposit.id}:{operator}:{key}")
        await self._reversals.follow(provider.name, deposit.payment_ref)
        return await self._settlement.load(deposit.id)


async def _end(tx: Tx, correction: Correction, move: CorrectionMove) -> bool:
    if not await store.end_correction(tx, correction, move):
        return False
    about = {"correction_id": correction.id, "user_id": correction.user_id}
    if move.to is CorrectionState.REFUSED:
        tx.publish(CorrectionRefused(**about, refusal=move.refusal))
        return True
    tx.publish(
        CorrectionPosted(
            **about,
            currency=correction.currency,
            amount=correction.amount,
            reason=correction.reason,
            transaction_id=move.transaction_id,
        )
    )
    return True
