"""Every account and every transaction, page by page, for operators."""

from collections.abc import Collection, Sequence
from typing import Any, NamedTuple

from sqlalchemy import Select, func, literal, select, tuple_

from tollway.fabric.db import Tx
from tollway.kit.ids import lowest_id
from tollway.kit.times import HOUR_US
from tollway.services.ledger.model.records import Txn
from tollway.services.ledger.model.values import Account
from tollway.services.ledger.store import tables as t
from tollway.services.ledger.store.rows import among, to_account

SCANNED = 5_000
"""How many transactions are looked at for one page, when only some kinds are wanted: no index holds the kinds, as it
would be written with each transaction."""
_CLOCK_SLACK_US = HOUR_US

_NAME = (t.account.c.owner_kind, t.account.c.owner_id, t.account.c.asset, t.account.c.purpose)
_ORDERS: dict[str, Sequence[Any]] = {"owner": _NAME, "opened_at": (t.account.c.opened_by, t.account.c.id)}


class AccountFilter(NamedTuple):
    """Which accounts: of this kind of owner, of this owner, of this asset; empty is any."""

    owner_kind: str = ""
    owner_id: str = ""
    asset: str = ""


class TransactionFilter(NamedTuple):
    """Which transactions: of this kind, with this outcome, from `since_us` to before `until_us`; empty or 0 is any."""

    code: str = ""
    status: str = ""
    since_us: int = 0
    until_us: int = 0


async def accounts(
    tx: Tx, only: AccountFilter, after: str, limit: int, *, by: str = "owner", descending: bool = False
) -> list[Account]:
    """Return accounts in an order, from the first one after an account on; empty: from the start."""
    order = _ORDERS[by]
    query = select(t.account).order_by(*(one.desc() if descending else one for one in order)).limit(limit)
    for column, wanted in zip(
        (t.account.c.owner_kind, t.account.c.owner_id, t.account.c.asset), only, strict=True
    ):
        if wanted:
            query = query.where(column == wanted)
    if after:
        last = await tx.first(select(*order).where(t.account.c.id == after))
        if last is None:
            return []
        mine, theirs = tuple_(*order), tuple_(*(literal(cell) for cell in last))
        query = query.where(mine < theirs if descending else mine > theirs)
    return [to_account(row) for row in await tx.all(query)]


async def transactions(
    tx: Tx, only: TransactionFilter, after: str, limit: int, *, descending: bool = True
) -> tuple[list[Txn], str]:
    """Return transactions in their order, from the first one after another on, and the last that was looked at.

    That is empty when there are no more, or more than `limit` were found. Fewer than `limit` may come with more to
    look at: then whoever asks goes on from there.
    """
    id_ = t.txn.c.id
    order = id_.desc() if descending else id_
    bounds = [id_ >= lowest_id("txn", only.since_us)] if only.since_us else []
    if only.until_us:
        # Ids are never behind the clock, and ahead of it only after the clock was put back.
        bounds.append(id_ < lowest_id("txn", only.until_us + _CLOCK_SLACK_US))
    if after:
        bounds.append(id_ < after if descending else id_ > after)
    last = await tx.scalar(select(id_).where(*bounds).order_by(order).offset(SCANNED - 1).limit(1)) or ""
    if last:
        bounds.append(id_ >= last if descending else id_ <= last)
    query = _wanted(select(t.txn).where(*bounds).order_by(order).limit(limit), only)
    found = [Txn._make(row[:-1]) for row in await tx.all(query)]
    return found, "" if len(found) == limit else last


async def moved(tx: Tx, txn_ids: Collection[str]) -> dict[str, dict[str, int]]:
    """Return how much each of some transactions moved, by asset."""
    leg = t.leg.c
    query = (
        select(leg.txn_id, leg.asset, func.sum(leg.amount).label("amount"))
        .where(among(tx, leg.txn_id, txn_ids), leg.kind.in_(["post", "capture"]))
        .group_by(leg.txn_id, leg.asset)
        .order_by(leg.asset)
    )
    found: dict[str, dict[str, int]] = {}
    for row in await tx.all(query):
        found.setdefault(row.txn_id, {})[row.asset] = int(row.amount)
    return found


def _wanted(query: Select[Any], only: TransactionFilter) -> Select[Any]:
    if only.code:
        query = query.where(t.txn.c.code == only.code)
    if only.status:
        query = query.where(t.txn.c.status == only.status)
    if only.since_us:
        query = query.where(t.txn.c.created_at_us >= only.since_us)
    if only.until_us:
        query = query.where(t.txn.c.created_at_us < only.until_us)
    return query
