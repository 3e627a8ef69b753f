"""What access that was used up had cost, by customer and day: sums over the journal, added a batch at a time."""

from dataclasses import dataclass

from sqlalchemy import func, select

from tollway.contracts.books import USER
from tollway.fabric.db import Tx
from tollway.kit.times import to_rfc3339
from tollway.services.ledger.store import tables as t

# The transactions that end access: by being used, or by running out.
ENDS = ("use", "expire")


@dataclass(frozen=True, slots=True)
class DayCost:
    """Units of an asset that ended on a day (UTC), used or expired, and what they had cost."""

    day: str
    asset: str
    code: str
    cost_asset: str
    units: int
    cost: int


async def add_next(tx: Tx, batch: int) -> int:
    """Add what the next transactions ended to the sums; return how many transactions that were."""
    # First of all: who writes this row has it locked, so that no two processes add the same.
    await tx.run(t.cost_position.update().values(last_txn=t.cost_position.c.last_txn))
    after = await tx.scalar(select(t.cost_position.c.last_txn))
    next_ids = select(t.txn.c.id).where(t.txn.c.id > after).order_by(t.txn.c.id).limit(batch).subquery()
    row = await tx.first(select(func.count().label("n"), func.max(next_ids.c.id).label("last")))
    assert row is not None, "a count is one row"
    if not row.n:
        return 0
    rows = await tx.all(
        select(
            *(t.account.c.owner_id, t.txn.c.created_at_us, t.txn.c.code, t.lot.c.asset, t.lot.c.cost_asset),
            *(t.lot_move.c.quantity, t.lot_move.c.cost),
        )
        .join_from(t.lot_move, t.txn, t.txn.c.id == t.lot_move.c.txn_id)
        .join(t.lot, t.lot.c.id == t.lot_move.c.lot_id)
        .join(t.account, t.account.c.id == t.lot.c.account_id)
        .where(t.lot_move.c.txn_id > after, t.lot_move.c.txn_id <= row.last)
        .where(t.txn.c.code.in_(ENDS), t.account.c.owner_kind == USER)
    )
    sums: dict[tuple[str, ...], list[int]] = {}
    for one in rows:
        day = to_rfc3339(one.created_at_us)[:10]
        into = sums.setdefault((one.owner_id, day, one.asset, one.code, one.cost_asset), [0, 0])
        into[0] += one.quantity
        into[1] += one.cost
    keys = ("owner_id", "day", "asset", "code", "cost_asset")
    added = [
        dict(zip(keys, key, strict=True)) | {"units": units, "cost": cost}
        for key, (units, cost) in sorted(sums.items())
    ]
    if added:
        insert = tx.insert(t.cost_day)
        grown = {name: t.cost_day.c[name] + insert.excluded[name] for name in ("units", "cost")}
        await tx.run(insert.on_conflict_do_update(index_elements=list(keys), set_=grown), added)
    await tx.run(t.cost_position.update().values(last_txn=row.last))
    return int(row.n)


async def is_behind(tx: Tx) -> bool:
    """Return whether there are transactions that the sums do not know."""
    newer = t.txn.c.id > select(t.cost_position.c.last_txn).scalar_subquery()
    return await tx.first(select(t.txn.c.id).where(newer).limit(1)) is not None


async def between(tx: Tx, user_id: str, first_day: str, last_day: str) -> list[DayCost]:
    """Return a customer's sums of these days, both included, by day, asset, kind of end and currency."""
    day = t.cost_day.c
    rows = await tx.all(
        select(day.day, day.asset, day.code, day.cost_asset, day.units, day.cost)
        .where(day.owner_id == user_id, day.day >= first_day, day.day <= last_day)
        .order_by(day.day, day.asset, day.code, day.cost_asset)
    )
    return [DayCost(*row) for row in rows]
