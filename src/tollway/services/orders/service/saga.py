"""The steps of an order: what is asked of the ledger in each state, and what follows from the answer.

`fabric/jobs/process` drives them, and says why a process may be killed anywhere.

A refusal of the ledger is final, because it remembers refusals under their keys. No answer is not a
refusal: the order stays where it is until the ledger can be asked again.
"""

from typing import TYPE_CHECKING

from tollway.contracts.errors import KeyReused
from tollway.contracts.events import OrderFailed, OrderFilled
from tollway.fabric.db import Database, Tx
from tollway.fabric.jobs import DurableProcess
from tollway.kit.errors import Conflict, InsufficientFunds, Invalid, NotFound, Problem
from tollway.services.orders import store
from tollway.services.orders.model import STOPPABLE, FailureReason, Move, Order, OrderState
from tollway.services.orders.service import postings

if TYPE_CHECKING:
    from tollway.contracts.ledger_pb2 import PostRequest
    from tollway.contracts.ledger_pb2_grpc import LedgerAsyncStub


class Saga:
    """The steps of an order. `process` drives them until the order is filled, failed or cancelled."""

    def __init__(self, db: Database, ledger: "LedgerAsyncStub") -> None:
        self._ledger = ledger
        self.process = DurableProcess[Order, Move](
            name="order",
            db=db,
            job="advance_order",
            find=store.find_order,
            state=lambda order: order.state,
            steps={
                OrderState.PLACED: self._hold_funds,
                OrderState.FUNDS_HELD: self._allocate,
                OrderState.ALLOCATED: self._capture,
                OrderState.RELEASING: self._release,
            },
            move=_move,
            overdue=_overdue,
        )

    # ── the steps, forward ──────────────────────────────────────────────────────────────────────────

    async def _hold_funds(self, order: Order) -> Move:
        refusal = await self._refused(postings.hold_funds(order))
        if refusal is None:
            return Move(OrderState.FUNDS_HELD)
        # Nothing is held and, as the refusal is remembered, nothing ever will be: nothing to give back.
        return Move(OrderState.FAILED, refusal.code)

    async def _allocate(self, order: Order) -> Move:
        refusal = await self._refused(postings.allocate(order))
        if refusal is None:
            # The pivot: the commit of this move decides between the capture and a cancellation.
            return Move(OrderState.ALLOCATED)
        out_of_stock = isinstance(refusal, InsufficientFunds)
        return Move(OrderState.RELEASING, FailureReason.SOLD_OUT if out_of_stock else refusal.code)

    async def _capture(self, order: Order) -> Move:
        try:
            answer = await self._ledger.Post(postings.fill(order))
        except Problem as problem:
            if not _is_refusal(problem):
                raise
            # All or nothing: neither hold was captured, so both can still be given back.
            return Move(OrderState.RELEASING, problem.code)
        return Move(OrderState.FILLED, transaction_id=answer.transaction_id)

    # ── and back ────────────────────────────────────────────────────────────────────────────────────

    async def _release(self, order: Order) -> Move:
        """Give back what is held.

        The step that was due when the order turned may have reached the ledger, or be on its way there
        from another driver. So it is carried out first: under its key it then has one outcome for ever,
        and what it holds, it holds before the release.
        """
        turned_from = OrderState(order.turned_from)
        if turned_from is not OrderState.PLACED or await self._refused(postings.hold_funds(order)) is None:
            allocated = turned_from is OrderState.ALLOCATED
            if turned_from is OrderState.FUNDS_HELD:
                allocated = await self._refused(postings.allocate(order)) is None
            if allocated:
                await self._refused(postings.release_capacity(order))
            # A refused release means that the hold has lapsed by itself, which is just as well.
            await self._refused(postings.release_funds(order))
        return Move(OrderState.CANCELLED if order.reason == FailureReason.CANCELLED else OrderState.FAILED)

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


def _overdue(order: Order, now_us: int) -> Move | None:
    late = order.state in STOPPABLE and now_us >= order.settle_by_us
    return Move(OrderState.RELEASING, FailureReason.TIMED_OUT) if late else None


async def _move(tx: Tx, order: Order, move: Move) -> bool:
    moved = await store.move_order(tx, order.id, order.state, move)
    if moved:
        _publish(tx, order, move)
    return moved


def _is_refusal(problem: Problem) -> bool:
    """Distinguish a decision of the ledger's, which stands, from a call that may or may not have been carried out.

    A reused key is neither: it would mean that our own request changed between two attempts.
    """
    decided = isinstance(problem, InsufficientFunds | NotFound | Conflict | Invalid)
    return decided and not isinstance(problem, KeyReused)


def _publish(tx: Tx, order: Order, move: Move) -> None:
    if move.to is OrderState.FILLED:
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
    elif move.to in {OrderState.FAILED, OrderState.CANCELLED}:
        tx.publish(OrderFailed(order_id=order.id, user_id=order.user_id, reason=move.reason or order.reason))
