"""Queries of deposits."""

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from sqlalchemy import Row, func, select, update

from tollway.fabric.db import Tx
from tollway.services.payments.model import FROM, OPEN, Deposit, DepositState
from tollway.services.payments.store.tables import deposit


async def add_deposit(tx: Tx, one: Deposit) -> bool:
    """Insert a new deposit; False when this user asked for one under the same key before."""
    added = await tx.run(tx.insert(deposit).values(asdict(one)).on_conflict_do_nothing())
    return added.rowcount == 1


async def find_by_request(tx: Tx, user_id: str, request_key: str) -> Deposit | None:
    """Return the deposit that a user asked for under this key."""
    mine = (deposit.c.user_id == user_id) & (deposit.c.request_key == request_key)
    return _deposit(await tx.first(select(deposit).where(mine)))


async def find_deposit(tx: Tx, deposit_id: str) -> Deposit | None:
    """Return a deposit, whoever's it is."""
    return _deposit(await tx.first(select(deposit).where(deposit.c.id == deposit_id)))


async def find_by_payment(tx: Tx, provider: str, payment_ref: str) -> Deposit | None:
    """Return the deposit that a provider's payment is for."""
    paid = (deposit.c.provider == provider) & (deposit.c.payment_ref == payment_ref)
    # Spelled as the index spells it, which only has deposits with a payment.
    return _deposit(await tx.first(select(deposit).where(paid, deposit.c.payment_ref != "")))


async def list_deposits(
    tx: Tx,
    user_id: str,
    after_id: str,
    limit: int,
    *,
    state: DepositState | None = None,
    newest_first: bool = True,
) -> Sequence[Deposit]:
    """Return the deposits of a user, or of all when empty, in one state or any, from after an id on."""
    query = select(deposit).order_by(deposit.c.id.desc() if newest_first else deposit.c.id).limit(limit)
    if user_id:
        query = query.where(deposit.c.user_id == user_id)
    if state is not None:
        query = query.where(deposit.c.state == state.value)
    if after_id:
        query = query.where(deposit.c.id < after_id if newest_first else deposit.c.id > after_id)
    return [one for row in await tx.all(query) if (one := _deposit(row))]


async def pending_of(tx: Tx, user_id: str) -> Sequence[Deposit]:
    """Return a user's deposits that are neither credited nor failed, oldest first."""
    states = [state.value for state in (*OPEN, DepositState.NEEDS_REVIEW)]
    theirs = (deposit.c.user_id == user_id) & deposit.c.state.in_(states)
    rows = await tx.all(select(deposit).where(theirs).order_by(deposit.c.id))
    return [one for row in rows if (one := _deposit(row))]


async def count_in_review(tx: Tx) -> tuple[int, int]:
    """Return how many deposits need a review, and when the oldest was made; 0 when there is none."""
    waits = deposit.c.state == DepositState.NEEDS_REVIEW.value
    oldest = func.min(deposit.c.created_at_us).label("oldest")
    row = await tx.first(select(func.count().label("total"), oldest).where(waits))
    return (int(row.total), int(row.oldest or 0)) if row else (0, 0)


async def has_credited(tx: Tx, provider: str) -> bool:
    """Return whether any deposit was ever credited through a provider."""
    paid = (deposit.c.provider == provider) & (deposit.c.state == DepositState.CREDITED.value)
    return await tx.first(select(deposit.c.id).where(paid).limit(1)) is not None


async def due_deposits(tx: Tx, after_id: str, limit: int) -> Sequence[str]:
    """Name open deposits that are due to be reconciled, from after an id on."""
    due = deposit.c.state.in_([state.value for state in OPEN]) & (deposit.c.check_at_us <= tx.now_us)
    wanted = select(deposit.c.id).where(due, deposit.c.id > after_id).order_by(deposit.c.id).limit(limit)
    return [row.id for row in await tx.all(wanted)]


async def next_due_us(tx: Tx) -> int | None:
    """Return when the next open deposit is due to be reconciled, which may be past; None when none is open."""
    is_open = deposit.c.state.in_([state.value for state in OPEN])
    return await tx.scalar(select(func.min(deposit.c.check_at_us)).where(is_open))


async def move_deposit(tx: Tx, seen: Deposit, to: DepositState, **values: Any) -> bool:
    """Move a deposit on if it is still as it was seen; False when it has gone further meanwhile."""
    assert seen.state in FROM[to], f"a deposit that is {seen.state} cannot become {to}"
    here = (deposit.c.id == seen.id) & (deposit.c.state == seen.state.value)
    here &= (deposit.c.payment_ref == seen.payment_ref) & (deposit.c.checkout_ref == seen.checkout_ref)
    moved = {**values, "state": to.value, "updated_at_us": tx.now_us}
    return (await tx.run(update(deposit).where(here).values(moved))).rowcount == 1


async def update_deposit(tx: Tx, deposit_id: str, state: DepositState, **values: Any) -> None:
    """Update a deposit that is still in this state."""
    here = (deposit.c.id == deposit_id) & (deposit.c.state == state.value)
    await tx.run(update(deposit).where(here).values(**values, updated_at_us=tx.now_us))


async def postpone(tx: Tx, seen: Deposit, check_at_us: int) -> bool:
    """Set when a deposit is reconciled next; False when another process did so already, or it has gone further."""
    here = (deposit.c.id == seen.id) & (deposit.c.state == seen.state.value)
    here &= deposit.c.check_at_us == seen.check_at_us
    return (await tx.run(update(deposit).where(here).values(check_at_us=check_at_us))).rowcount == 1


async def deposits_in(tx: Tx, state: DepositState) -> Sequence[Deposit]:
    """Return all deposits in a state, oldest first."""
    rows = await tx.all(select(deposit).where(deposit.c.state == state.value).order_by(deposit.c.id))
    return [one for row in rows if (one := _deposit(row))]


def _deposit(row: Row[Any] | None) -> Deposit | None:
    if row is None:
        return None
    values: dict[str, Any] = {column.name: getattr(row, column.name) for column in deposit.columns}
    values["state"] = DepositState(row.state)
    return Deposit(**values)
