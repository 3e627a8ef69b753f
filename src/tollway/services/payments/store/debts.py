"""Queries of debts."""

from collections.abc import Sequence

from sqlalchemy import func, or_, select, update

from tollway.fabric.db import Tx
from tollway.kit.ids import new_id
from tollway.services.payments.model import Debt
from tollway.services.payments.store.tables import debt


async def add_owed(tx: Tx, user_id: str, currency: str, amount: int) -> Debt:
    """Let a customer owe so much more, or less, and return the debt."""
    fresh = Debt(new_id("dbt"), user_id, currency, amount, 0, 0, tx.now_us, tx.now_us, tx.now_us)
    row = {column.name: getattr(fresh, column.name) for column in debt.columns}
    more = {"owed": debt.c.owed + amount, "updated_at_us": tx.now_us, "check_at_us": tx.now_us}
    insert = tx.insert(debt).values(row)
    await tx.run(insert.on_conflict_do_update(index_elements=["user_id", "currency"], set_=more))
    found = await find_debt_of(tx, user_id, currency)
    assert found is not None, "it was written a moment ago"
    return found


async def take_owed(tx: Tx, user_id: str, currency: str, most: int) -> int:
    """Take as much of what a customer owes as `most` settles; return how much."""
    while (one := await find_debt_of(tx, user_id, currency)) is not None and one.owed > 0:
        taken = min(one.owed, most)
        here = (debt.c.id == one.id) & (debt.c.owed == one.owed)
        less = {"owed": one.owed - taken, "updated_at_us": tx.now_us}
        if (await tx.run(update(debt).where(here).values(less))).rowcount:
            return taken
    return 0


async def find_debt(tx: Tx, debt_id: str) -> Debt | None:
    """Return a debt by its id."""
    row = await tx.first(select(debt).where(debt.c.id == debt_id))
    return None if row is None else Debt(*row)


async def find_debt_of(tx: Tx, user_id: str, currency: str) -> Debt | None:
    """Return what a customer owes in a currency."""
    row = await tx.first(select(debt).where(debt.c.user_id == user_id, debt.c.currency == currency))
    return None if row is None else Debt(*row)


async def unsettled_of(tx: Tx, user_id: str) -> Sequence[Debt]:
    """Return what a customer owes, in each currency."""
    open_ = or_(debt.c.owed != 0, debt.c.claimed != 0)
    rows = await tx.all(select(debt).where(debt.c.user_id == user_id, open_).order_by(debt.c.currency))
    return [Debt(*row) for row in rows]


async def due_debts(tx: Tx, after_id: str, limit: int) -> Sequence[str]:
    """Name the debts that are due to be collected, from after an id on."""
    due = or_(debt.c.owed != 0, debt.c.claimed != 0) & (debt.c.check_at_us <= tx.now_us)
    wanted = select(debt.c.id).where(due, debt.c.id > after_id).order_by(debt.c.id).limit(limit)
    return [row.id for row in await tx.all(wanted)]


async def next_due_us(tx: Tx) -> int | None:
    """Return when the next debt is due to be collected, which may be past; None when nobody owes."""
    owes = or_(debt.c.owed != 0, debt.c.claimed != 0)
    return await tx.scalar(select(func.min(debt.c.check_at_us)).where(owes))


async def count_unsettled(tx: Tx) -> int:
    """Return how many debts stand open."""
    open_ones = or_(debt.c.owed != 0, debt.c.claimed != 0)
    return int(await tx.scalar(select(func.count()).select_from(debt).where(open_ones)))


async def list_unsettled(tx: Tx, before_id: str, limit: int, *, user_id: str = "") -> Sequence[Debt]:
    """Return the debts that stand open, of one customer or all, newest first, from before an id on."""
    wanted = select(debt).where(or_(debt.c.owed != 0, debt.c.claimed != 0)).order_by(debt.c.id.desc())
    if user_id:
        wanted = wanted.where(debt.c.user_id == user_id)
    if before_id:
        wanted = wanted.where(debt.c.id < before_id)
    return [Debt(*row) for row in await tx.all(wanted.limit(limit))]


async def claim(tx: Tx, seen: Debt) -> bool:
    """Claim all that is owed for the next attempt, if the debt is as it was seen."""
    here = (debt.c.id == seen.id) & (debt.c.attempt == seen.attempt)
    here &= (debt.c.claimed == 0) & (debt.c.owed == seen.owed)
    values = {"claimed": seen.owed, "owed": 0, "attempt": seen.attempt + 1, "updated_at_us": tx.now_us}
    return (await tx.run(update(debt).where(here).values(values))).rowcount == 1


async def finish(tx: Tx, seen: Debt, moved: int) -> bool:
    """Note what an attempt moved; what it did not is owed again. False when somebody did so before."""
    here = (debt.c.id == seen.id) & (debt.c.attempt == seen.attempt) & (debt.c.claimed == seen.claimed)
    left = debt.c.owed + (seen.claimed - moved)
    values = {"claimed": 0, "owed": left, "updated_at_us": tx.now_us, "check_at_us": tx.now_us}
    return (await tx.run(update(debt).where(here).values(values))).rowcount == 1


async def postpone_debt(tx: Tx, seen: Debt, check_at_us: int) -> None:
    """Set when a debt is looked at next, unless it changed meanwhile."""
    here = (debt.c.id == seen.id) & (debt.c.updated_at_us == seen.updated_at_us)
    await tx.run(update(debt).where(here).values(check_at_us=check_at_us))


async def all_debts(tx: Tx) -> Sequence[Debt]:
    """Return what customers owe or owed, oldest first."""
    return [Debt(*row) for row in await tx.all(select(debt).order_by(debt.c.id))]
