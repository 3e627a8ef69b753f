"""What customers owe: collected from the wallet as soon as there is something in it.

A new deposit settles a debt in its own posting (`settlement.py`). Other money, such as a gift or what an order gave
back, is collected here, a gift as soon as the ledger says that it was made: all that is owed is claimed, and posted "up
to" what the wallet has. What was not there is owed again. What a customer paid for a reversal that came back is
returned to the wallet.
"""

from typing import TYPE_CHECKING

from tollway.contracts import books, ledger_pb2
from tollway.contracts.events import DebtSettled
from tollway.fabric.db import Database, Tx
from tollway.fabric.jobs import DurableProcess
from tollway.kit.errors import NotFound
from tollway.kit.paging import Page, decode_cursor, make_page
from tollway.kit.times import SECOND_US, seconds_until
from tollway.services.payments.model import Debt, DebtMove
from tollway.services.payments.service.postings import debt_posting
from tollway.services.payments.store import debts as store

if TYPE_CHECKING:
    from tollway.contracts.ledger_pb2_grpc import LedgerAsyncStub

COLLECT_DEBT = "collect_debt"
# An empty wallet is looked at after this, then after as long as the debt did not move, at most after an hour.
RETRY_US = 5 * SECOND_US
MAX_RETRY_US = 3600 * SECOND_US


class Debts:
    """Collects what customers owe. `process` drives each debt until it is settled or the wallet is empty."""

    def __init__(self, db: Database, ledger: "LedgerAsyncStub") -> None:
        self._db = db
        self._ledger = ledger
        self.process = DurableProcess[Debt, DebtMove](
            name="debt",
            db=db,
            job=COLLECT_DEBT,
            find=store.find_debt,
            state=lambda debt: debt.state,
            steps={"owing": self._claim, "returning": self._return, "posting": self._post},
            move=_move,
        )

    async def collect(self, user_id: str, currency: str) -> None:
        """Collect what a customer owes, as far as the wallet goes. What cannot be done now is done later."""
        async with self._db.snapshot() as tx:
            debt = await store.find_debt_of(tx, user_id, currency)
        if debt is not None:
            await self.process.drive(debt.id)

    async def money_came(self, tx: Tx, user_id: str, currency: str) -> None:
        """Have what a customer owes collected at once, as there is something in a wallet that may have been empty."""
        debt = await store.find_debt_of(tx, user_id, currency)
        if debt is not None and debt.owed > 0:
            tx.enqueue(COLLECT_DEBT, {"id": debt.id})

    async def collect_due(self) -> float:
        """Collect every debt that is due to be looked at; return for how many seconds no other is."""
        await self.process.resume(store.due_debts)
        async with self._db.snapshot() as tx:
            return seconds_until(await store.next_due_us(tx), tx.now_us)

    async def list(self, limit: int, cursor: str, *, user_id: str = "") -> Page[Debt]:
        """Return the debts that stand open, of one customer or all, newest first.

        Raises Invalid for a cursor that is not ours.
        """
        (before_id,) = decode_cursor(cursor, str) or ("",)
        async with self._db.snapshot() as tx:
            rows = await store.list_unsettled(tx, before_id, limit + 1, user_id=user_id)
        return make_page(rows, limit, lambda debt: [debt.id])

    async def _claim(self, debt: Debt) -> DebtMove | None:
        wallet = books.customer(debt.user_id, debt.currency)
        try:
            account = await self._ledger.GetAccount(ledger_pb2.GetAccountRequest(ref=wallet))
        except NotFound:
            account = ledger_pb2.Account()
        if account.available > 0:
            return DebtMove(claim=True)
        async with self._db.transaction() as tx:
            # What is held, for an order or a session, may come back any moment.
            idle_us = 0 if account.balance > 0 else tx.now_us - debt.updated_at_us
            wait_us = min(max(idle_us, RETRY_US), MAX_RETRY_US)
            await store.postpone_debt(tx, debt, tx.now_us + wait_us)
        return None

    async def _return(self, _debt: Debt) -> DebtMove:
        return DebtMove(claim=True)

    async def _post(self, debt: Debt) -> DebtMove:
        posted = await self._ledger.Post(debt_posting(debt))
        return DebtMove(moved=posted.moved[0] if debt.claimed > 0 else debt.claimed)


async def _move(tx: Tx, debt: Debt, move: DebtMove) -> bool:
    if move.claim:
        return await store.claim(tx, debt)
    if not await store.finish(tx, debt, move.moved):
        return False
    if move.moved > 0:
        after = await store.find_debt(tx, debt.id)
        assert after is not None, "debts are never removed"
        tx.publish(settled(after, move.moved, debt.attempt_key))
    return True


def settled(debt: Debt, amount: int, ref: str) -> DebtSettled:
    """Make the event of a debt of which so much was settled under the ledger's key `ref`; `debt` is as it is then."""
    return DebtSettled(
        debt_id=debt.id,
        user_id=debt.user_id,
        currency=debt.currency,
        amount=amount,
        owed=debt.outstanding,
        ref=ref,
    )
