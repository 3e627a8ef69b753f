"""What a provider says about a deposit's payment, from wherever it comes, and the credit.

    settle   records what the provider says: its answer, its webhook, or what reconciliation was told
    credit   posts to the ledger under the payment's key, then publishes it; safe to repeat at any point

No transaction is open while the ledger is asked.
"""

import logging
from typing import TYPE_CHECKING, Any

from tollway.contracts.events import DepositCredited, DepositFailed
from tollway.fabric.db import Database
from tollway.kit.errors import NotFound, Problem
from tollway.services.payments.model import Deposit, DepositState, minor
from tollway.services.payments.providers import Payment
from tollway.services.payments.service.postings import deposit_posting
from tollway.services.payments.store import deposits as store
from tollway.services.payments.store import reversals

if TYPE_CHECKING:
    from tollway.contracts.ledger_pb2_grpc import LedgerAsyncStub

_log = logging.getLogger(__name__)

FOLLOW_REVERSALS = "follow_reversals"


class Settlement:
    """Moves deposits to where the provider says that their payments are. A step's time limit is `patience_us`."""

    def __init__(self, db: Database, ledger: "LedgerAsyncStub", patience_us: int) -> None:
        self._db = db
        self._ledger = ledger
        self._patience_us = patience_us

    async def load(self, deposit_id: str) -> Deposit:
        """Return a deposit, whoever's it is. Raises NotFound."""
        async with self._db.snapshot() as tx:
            deposit = await store.find_deposit(tx, deposit_id)
        if deposit is None:
            raise NotFound("there is no such deposit")
        return deposit

    async def settle(self, deposit: Deposit, payment: Payment) -> Deposit:
        """Record what the provider says about a deposit's payment; old news changes nothing."""
        if payment.status == "succeeded":
            await self._succeed(deposit, payment)
        elif payment.status == "canceled" or (payment.status == "failed" and not deposit.checkout):
            await self.fail(deposit, payment.reason or payment.status, payment)
        elif payment.status != "failed":
            # On a hosted page a declined card is not the end: the customer may try another one.
            async with self._db.transaction() as tx:
                waiting = {"payment_ref": payment.ref, "action_url": payment.action_url}
                await store.update_deposit(tx, deposit.id, DepositState.PROCESSING, **waiting)
        return await self.load(deposit.id)

    async def fail(self, deposit: Deposit, reason: str, payment: Payment | None = None) -> None:
        """Close a deposit that brought nothing, as the provider says; what has succeeded stays as it is."""
        values: dict[str, Any] = {"reason": reason, "action_url": ""}
        if payment is not None:
            values |= {"payment_ref": payment.ref, "decline_code": payment.decline_code}
        async with self._db.transaction() as tx:
            if await store.move_deposit(tx, deposit.id, DepositState.FAILED, **values):
                tx.publish(DepositFailed(deposit_id=deposit.id, user_id=deposit.user_id, reason=reason))

    async def give_up(self, seen: Deposit, reason: str) -> None:
        """Close a deposit that cannot have been paid, if it is still as it was seen."""
        async with self._db.transaction() as tx:
            if await store.move_unchanged(tx, seen, DepositState.FAILED, reason=reason, action_url=""):
                tx.publish(DepositFailed(deposit_id=seen.id, user_id=seen.user_id, reason=reason))

    async def review(self, seen: Deposit, reason: str, **values: Any) -> None:
        """Hand a deposit to an operator, if it is still as it was seen."""
        async with self._db.transaction() as tx:
            if await store.move_unchanged(tx, seen, DepositState.NEEDS_REVIEW, reason=reason, **values):
                _log.error("deposit %s needs a review: %s", seen.id, reason)

    async def credit(self, deposit_id: str) -> Deposit:
        """Credit a deposit that has succeeded, once, however often this is called.

        Raises Unavailable or DeadlineExceeded when the ledger does not answer: call again.
        """
        deposit = await self.load(deposit_id)
        if deposit.state != DepositState.SUCCEEDED:
            return deposit
        try:
            posted = await self._ledger.Post(deposit_posting(deposit))
        except Problem as problem:
            if problem.status >= 500:
                raise
            await self.review(deposit, problem.code)
            return await self.load(deposit_id)
        async with self._db.transaction() as tx:
            if await store.move_deposit(
                tx, deposit.id, DepositState.CREDITED, transaction_id=posted.transaction_id
            ):
                if await reversals.list_reversals(tx, deposit.id):
                    # A part was reversed before it was credited.
                    follow = {"provider": deposit.provider, "payment_ref": deposit.payment_ref}
                    tx.enqueue(FOLLOW_REVERSALS, follow)
                tx.publish(
                    DepositCredited(
                        deposit_id=deposit.id,
                        user_id=deposit.user_id,
                        currency=deposit.currency,
                        amount=deposit.amount,
                    )
                )
        return await self.load(deposit_id)

    async def _succeed(self, deposit: Deposit, payment: Payment) -> None:
        values = {"payment_ref": payment.ref, "action_url": ""}
        async with self._db.transaction() as tx:
            if payment.amount != minor(deposit.amount, deposit.currency):
                reason = "amount_differs"
                if await store.move_deposit(
                    tx, deposit.id, DepositState.NEEDS_REVIEW, **values, reason=reason
                ):
                    taken = (payment.amount.count, payment.amount.currency)
                    _log.error("deposit %s needs a review: the provider took %s %s", deposit.id, *taken)
                return
            values |= {"reason": "", "decline_code": ""}
            check_at_us = tx.now_us + self._patience_us
            await store.move_deposit(
                tx, deposit.id, DepositState.SUCCEEDED, **values, check_at_us=check_at_us
            )
