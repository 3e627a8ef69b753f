"""What a provider says about a deposit's payment, from wherever it comes, and the credit.

    settle   records what the provider says: its answer, its webhook, or what reconciliation was answered
    credit   posts to the ledger under the payment's key, then publishes it; safe to repeat at any point

No transaction is open while the ledger is asked. Every move is a compare-and-set on the state that it was decided on.
"""

import logging
from typing import TYPE_CHECKING, Any

from tollway.contracts import identity_pb2
from tollway.contracts.events import DepositCredited, DepositFailed
from tollway.fabric.db import Database, Tx
from tollway.kit.errors import NotFound, Problem
from tollway.services.payments.model import (
    FROM,
    Deposit,
    DepositMove,
    DepositState,
    deposit_key,
    minor,
)
from tollway.services.payments.providers import Payment
from tollway.services.payments.service.debts import settled
from tollway.services.payments.service.postings import deposit_posting
from tollway.services.payments.store import debts, reversals
from tollway.services.payments.store import deposits as store

if TYPE_CHECKING:
    from tollway.contracts.identity_pb2_grpc import IdentityAsyncStub
    from tollway.contracts.ledger_pb2_grpc import LedgerAsyncStub

_log = logging.getLogger(__name__)

FOLLOW_REVERSALS = "follow_reversals"
_CLOSED = {
    DepositState.FAILED,
    DepositState.NEEDS_REVIEW,
}  # only an operator goes on from here once the customer left


class Settlement:
    """Moves deposits to where the provider says that their payments are. A step's time limit is `patience_us`."""

    def __init__(
        self, db: Database, ledger: "LedgerAsyncStub", identity: "IdentityAsyncStub", patience_us: int
    ) -> None:
        self._db = db
        self._ledger = ledger
        self._identity = identity
        self._patience_us = patience_us

    async def load(self, deposit_id: str) -> Deposit:
        """Return a deposit, whoever's it is. Raises NotFound."""
        async with self._db.snapshot() as tx:
            deposit = await store.find_deposit(tx, deposit_id)
        if deposit is None:
            raise NotFound("there is no such deposit")
        return deposit

    async def settle(self, deposit: Deposit, payment: Payment) -> Deposit:
        """Record what the provider says about a deposit's payment; what is known already changes nothing."""
        # When it has gone further meanwhile, what the provider says is held against what it is now.
        while (move := self.outcome(deposit, payment)) is not None and deposit.state in FROM[move.to]:
            # Paid on a page that had been given up: nobody waited with leaving for that.
            late = move.to == DepositState.SUCCEEDED and deposit.state in _CLOSED
            if late and await self._has_left(deposit.user_id):
                move = _customer_left(payment)
            async with self._db.transaction() as tx:
                await self.apply(tx, deposit, move)
            deposit = await self.load(deposit.id)
        return deposit

    async def _has_left(self, user_id: str) -> bool:
        """Return whether a customer's account is deleted: what is kept of them here may not be erased yet."""
        try:
            user = await self._identity.GetUser(identity_pb2.GetUserRequest(user_id=user_id))
        except NotFound:
            return True
        return user.state == "deleted"

    async def fail(self, deposit: Deposit, reason: str) -> Deposit:
        """Close a deposit that brought nothing, if it is still as it was seen; return it as it is then."""
        if deposit.state in FROM[DepositState.FAILED]:
            async with self._db.transaction() as tx:
                await self.apply(tx, deposit, failed(reason))
        return await self.load(deposit.id)

    async def credit(self, deposit_id: str) -> Deposit:
        """Credit a deposit that has succeeded, once, however often this is called.

        Raises Unavailable or DeadlineExceeded when the ledger does not answer: call again.
        """
        deposit = await self.load(deposit_id)
        if deposit.state != DepositState.SUCCEEDED:
            return deposit
        move = await self.post_credit(deposit)
        async with self._db.transaction() as tx:
            await self.apply(tx, deposit, move)
        return await self.load(deposit_id)

    async def post_credit(self, deposit: Deposit) -> DepositMove:
        """Have the ledger credit a deposit, and return the move that follows. Raises as `credit` does."""
        try:
            posted = await self._ledger.Post(deposit_posting(deposit))
        except Problem as problem:
            if problem.status >= 500:
                raise
            return review(problem.code)
        return DepositMove(DepositState.CREDITED, {"transaction_id": posted.transaction_id})

    async def apply(self, tx: Tx, seen: Deposit, move: DepositMove) -> bool:
        """Make a move if the deposit is still as it was seen, with all that follows from it; return whether it was."""
        values = dict(move.values)
        if move.to == DepositState.SUCCEEDED:
            values["check_at_us"] = tx.now_us + self._patience_us
        elif move.to == DepositState.NEEDS_REVIEW:
            values["settles"] = 0
        if not await store.move_deposit(tx, seen, move.to, **values):
            return False
        match move.to:
            case DepositState.SUCCEEDED:
                await self._take_debt(tx, seen.id)
            case DepositState.CREDITED:
                await self._publish_credited(tx, seen)
            case DepositState.FAILED:
                reason = str(values["reason"])
                tx.publish(DepositFailed(deposit_id=seen.id, user_id=seen.user_id, reason=reason))
            case DepositState.NEEDS_REVIEW:
                if seen.settles:
                    await debts.add_owed(tx, seen.user_id, seen.currency, seen.settles)
                _log.error("deposit %s needs a review: %s", seen.id, values["reason"])
            case _:
                pass
        return True

    def outcome(self, deposit: Deposit, payment: Payment) -> DepositMove | None:
        """Return where a deposit goes by what the provider says about its payment; None: nowhere."""
        match payment.status:
            case "succeeded" if payment.amount != minor(deposit.amount, deposit.currency):
                taken = (payment.amount.count, payment.amount.currency)
                _log.error("for deposit %s the provider took %s %s", deposit.id, *taken)
                return review("amount_differs", payment_ref=payment.ref, action_url="")
            case "succeeded" if deposit.customer_left and deposit.state in _CLOSED:
                return _customer_left(payment)
            case "succeeded":
                values = {"payment_ref": payment.ref, "action_url": "", "reason": "", "decline_code": ""}
                return DepositMove(DepositState.SUCCEEDED, values)
            case "canceled" | "failed" if payment.status == "canceled" or not deposit.checkout:
                return failed(
                    payment.reason or payment.status,
                    payment_ref=payment.ref,
                    decline_code=payment.decline_code,
                )
            case "failed":
                # On a hosted page a declined card is not the end: the customer may try another one.
                return None
            case _:
                waiting = {"payment_ref": payment.ref, "action_url": payment.action_url}
                known = {name: getattr(deposit, name) for name in waiting}
                return None if waiting == known else DepositMove(DepositState.PROCESSING, waiting)

    async def _take_debt(self, tx: Tx, deposit_id: str) -> None:
        """Let new money settle first what its customer owes."""
        deposit = await store.find_deposit(tx, deposit_id)
        assert deposit is not None, "it was moved a moment ago"
        taken = await debts.take_owed(tx, deposit.user_id, deposit.currency, deposit.amount)
        if taken:
            await store.update_deposit(tx, deposit.id, DepositState.SUCCEEDED, settles=taken)

    async def _publish_credited(self, tx: Tx, deposit: Deposit) -> None:
        debt = await debts.find_debt_of(tx, deposit.user_id, deposit.currency) if deposit.settles else None
        if debt is not None:
            tx.publish(settled(debt, deposit.settles, deposit_key(deposit.provider, deposit.payment_ref)))
        if await reversals.list_reversals(tx, deposit.id):
            # A part was reversed before it was credited.
            tx.enqueue(FOLLOW_REVERSALS, {"provider": deposit.provider, "payment_ref": deposit.payment_ref})
        tx.publish(
            DepositCredited(
                deposit_id=deposit.id,
                user_id=deposit.user_id,
                currency=deposit.currency,
                amount=deposit.amount,
            )
        )


def _customer_left(payment: Payment) -> DepositMove:
    # In the wallet nobody could use it.
    return review("customer_left", payment_ref=payment.ref, action_url="")


def failed(reason: str, **values: Any) -> DepositMove:
    """Return the move of a deposit that brought nothing."""
    return DepositMove(DepositState.FAILED, {"reason": reason, "action_url": "", **values})


def review(reason: str, **values: Any) -> DepositMove:
    """Return the move of a deposit that an operator decides on."""
    return DepositMove(DepositState.NEEDS_REVIEW, {"reason": reason, **values})
