"""The saga: one step is one call at the ledger, then one transaction here.

Why it survives being killed anywhere: before the call nothing happened; after the call and before the
transaction the step is repeated under the same key, and the ledger answers what it answered; after the
transaction the next step is due. Two drivers at once are the same case as a repeat.

A refusal of the ledger is final, because it remembers refusals under their keys. No answer is not a
refusal: the order stays where it is until the ledger can be asked again.
"""

from typing import TYPE_CHECKING

from tollway.contracts.errors import KeyReused
from tollway.contracts.events import OrderFailed, OrderFilled
from tollway.fabric.clock import Clock
from tollway.fabric.db import Database, Tx
from tollway.kit.errors import Conflict, InsufficientFunds, Invalid, NotFound, Problem
from tollway.services.orders import store
from tollway.services.orders.model import OPEN, STOPPABLE, Move, Order, Reason, State
from tollway.services.orders.service import postings

if TYPE_CHECKING:
    from tollway.contracts.ledger_pb2 import PostRequest
    from tollway.contracts.ledger_pb2_grpc import LedgerAsyncStub


class Saga:
    """Moves orders from state to state until they are filled, failed or cancelled."""

    def __init__(self, db: Database, clock: Clock, ledger: "LedgerAsyncStub") -> None:
        self._db = db
        self._clock = clock
        self._ledger = ledger
        self._steps = {
            State.PLACED: self._hold_funds,
            State.FUNDS_HELD: self._allocate,
            State.ALLOCATED: self._capture,
            State.RELEASING: self._release,
        }

    async def advance(self, order_id: str) -> Order:
        """Take steps until the order is at its end. Raises Problem when the ledger gives no answer."""
        order = await self._load(order_id)
        while order.state in OPEN:
            late = order.state in STOPPABLE and self._clock.now_us() >= order.settle_by_us
            step = self._steps[order.state]
            move = Move(State.RELEASING, Reason.TIMED_OUT) if late else await step(order)
            await self._move(order, move)
            order = await self._load(order_id)
        return order

    # ── the steps, forward ──────────────────────────────────────────────────────────────────────────

    async def _hold_funds(self, order: Order) -> Move:
        refusal = await self._refused(postings.hold_funds(order))
        if refusal is None:
            return Move(State.FUNDS_HELD)
        # Nothing is held and, as the refusal is remembered, nothing ever will be: nothing to give back.
        return Move(State.FAILED, refusal.code)

    async def _allocate(self, order: Order) -> Move:
        refusal = await self._refused(postings.allocate(order))
        if refusal is None:
            # The pivot: the commit of this move decides between the capture and a cancellation.
            return Move(State.ALLOCATED)
        out_of_stock = isinstance(refusal, InsufficientFunds)
        return Move(State.RELEASING, Reason.SOLD_OUT if out_of_stock else refusal.code)

    async def _capture(self, order: Order) -> Move:
        try:
            answer = await self._ledger.Post(postings.fill(order))
        except Problem as problem:
            if not _is_refusal(problem):
                raise
            # All or nothing: neither hold was captured, so both can still be given back.
            return Move(State.RELEASING, problem.code)
        return Move(State.FILLED, transaction_id=answer.transaction_id)

    # ── and back ────────────────────────────────────────────────────────────────────────────────────

    async def _release(self, order: Order) -> Move:
        """Give back what is held.

        The step that was due when the order turned may have reached the ledger, or be on its way there
        from another driver. So it is carried out first: under its key it then has one outcome for ever,
        and what it holds, it holds before the release.
        """
        turned_from = State(order.turned_from)
        if turned_from is not State.PLACED or await self._refused(postings.hold_funds(order)) is None:
            allocated = turned_from is State.ALLOCATED
            if turned_from is State.FUNDS_HELD:
                allocated = await self._refused(postings.allocate(order)) is None
            if allocated:
                await self._refused(postings.release_capacity(order))
            # A refused release means that the hold has lapsed by itself, which is just as well.
            await self._refused(postings.release_funds(order))
        return Move(State.CANCELLED if order.reason == Reason.CANCELLED else State.FAILED)

    # ── inside ──────────────────────────────────────────────────────────────────────────────────────

    async def _refused(self, request: "PostRequest") -> Problem | None:
        """Post; return the ledger's refusal, or None when it was applied. Raises when there is no answer."""
        try:
            await self._ledger.Post(request)
        except Problem as problem:
            if not _is_refusal(problem):
                raise
            return problem
        return None

    async def _move(self, order: Order, move: Move) -> None:
        async with self._db.transaction() as tx:
            if await store.move_order(tx, order.id, order.state, move):
                _announce(tx, order, move)

    async def _load(self, order_id: str) -> Order:
        async with self._db.snapshot() as tx:
            order = await store.find_order(tx, order_id)
        assert order is not None, f"order {order_id} was never written down"
        return order


def _is_refusal(problem: Problem) -> bool:
    """Tell a decision of the ledger's, which stands, from a call that may or may not have been carried out.

    A reused key is neither: it would mean that our own request changed between two attempts.
    """
    decided = isinstance(problem, InsufficientFunds | NotFound | Conflict | Invalid)
    return decided and not isinstance(problem, KeyReused)


def _announce(tx: Tx, order: Order, move: Move) -> None:
    if move.to is State.FILLED:
        terms = order.terms
        tx.publish(
            OrderFilled(
                order_id=order.id,
                user_id=order.user_id,
                asset=terms.asset,
                quantity=terms.quantity,
                currency=terms.currency,
                price=terms.price,
            )
        )
    elif move.to in {State.FAILED, State.CANCELLED}:
        tx.publish(OrderFailed(order_id=order.id, user_id=order.user_id, reason=move.reason or order.reason))
