"""What people look at: accounts, statements, lots, assets."""

from collections.abc import Collection

from sqlalchemy import JSON, ColumnElement, Subquery, Text, cast, column, func, literal, select, union_all

from tollway.fabric.db import Tx
from tollway.services.ledger.model.records import StatementFilter, StatementLine
from tollway.services.ledger.model.values import Account, AccountRef, Asset, LegKind, Lot
from tollway.services.ledger.store import tables as t
from tollway.services.ledger.store.rows import among, to_account


async def assets(tx: Tx) -> list[Asset]:
    """Return every asset."""
    return [Asset._make(row) for row in await tx.all(select(t.asset).order_by(t.asset.c.code))]


async def accounts_of(tx: Tx, owner_kind: str, owner_id: str) -> list[Account]:
    """Return an owner's accounts, in the order of their names."""
    owned = (t.account.c.owner_kind == owner_kind) & (t.account.c.owner_id == owner_id)
    query = select(t.account).where(owned).order_by(t.account.c.asset, t.account.c.purpose)
    return [to_account(row) for row in await tx.all(query)]


async def accounts_for(tx: Tx, owner_kind: str, purpose: str) -> list[Account]:
    """Return the accounts for a purpose, whosever and of whatever asset they are."""
    wanted = (t.account.c.owner_kind == owner_kind) & (t.account.c.purpose == purpose)
    return [to_account(row) for row in await tx.all(select(t.account).where(wanted))]


async def account(tx: Tx, id_: str) -> Account | None:
    """Return an account, if it was opened."""
    row = await tx.first(select(t.account).where(t.account.c.id == id_))
    return to_account(row) if row else None


async def names(tx: Tx, ids: Collection[str]) -> dict[str, AccountRef]:
    """Return the names of accounts by id."""
    columns = (
        t.account.c.id,
        t.account.c.owner_kind,
        t.account.c.owner_id,
        t.account.c.asset,
        t.account.c.purpose,
    )
    rows = await tx.all(select(*columns).where(among(tx, t.account.c.id, ids)))
    return {cells[0]: AccountRef._make(cells[1:]) for cells in rows}


async def statement(
    tx: Tx, id_: str, before_version: int, limit: int, only: StatementFilter
) -> list[StatementLine]:
    """Return an account's lines below a version, newest first.

    Each side has its own index by version, so a page costs the same however old it is.
    """
    newest = union_all(
        select(_side(tx, id_, before_version, limit, only, debit=True)),
        select(_side(tx, id_, before_version, limit, only, debit=False)),
    ).subquery()
    query = (
        select(
            newest.c.txn_id,
            newest.c.line,
            newest.c.kind,
            t.txn.c.code,
            newest.c.debit,
            newest.c.credit,
            newest.c.version,
            newest.c.balance,
            t.txn.c.created_at_us,
            t.txn.c.meta,
            newest.c.hold_id,
            t.account.c.owner_kind,
            t.account.c.owner_id,
            t.account.c.asset,
            t.account.c.purpose,
        )
        .join(t.txn, t.txn.c.id == newest.c.txn_id)
        .join(t.account, t.account.c.id == newest.c.other)
        .order_by(newest.c.version.desc())
        .limit(limit)
    )
    rows = await tx.all(query)
    return [
        StatementLine._make((*cells[:11], AccountRef._make(cells[11:]), 1, cells.version)) for cells in rows
    ]


async def lots(tx: Tx, owner_kind: str, owner_id: str, asset: str, *, with_empty: bool) -> list[Lot]:
    """Return the lots on an owner's accounts in the order in which they are used."""
    owned = [one for one in await accounts_of(tx, owner_kind, owner_id) if asset in {"", one.ref.asset}]
    if not owned:
        return []
    query = select(t.lot).where(among(tx, t.lot.c.account_id, {one.id for one in owned}))
    if not with_empty:
        query = query.where(t.lot.c.remaining > 0)
    found = [Lot._make(row) for row in await tx.all(query)]
    return sorted(found, key=lambda lot: (lot.asset, lot.fifo_key))


async def lots_by_id(tx: Tx, ids: Collection[str]) -> dict[str, Lot]:
    """Return lots by id."""
    if not ids:
        return {}
    rows = await tx.all(select(t.lot).where(among(tx, t.lot.c.id, ids)))
    return {lot.id: lot for lot in map(Lot._make, rows)}


async def due_holds(tx: Tx, now_us: int, limit: int) -> list[str]:
    """Return open holds whose time is over, the oldest first."""
    over = (t.hold.c.state == "open") & (t.hold.c.expires_at_us > 0) & (t.hold.c.expires_at_us <= now_us)
    rows = await tx.all(select(t.hold.c.id).where(over).order_by(t.hold.c.expires_at_us).limit(limit))
    return [row.id for row in rows]


async def next_due_us(tx: Tx) -> int:
    """Return when the next hold or lot is over, which may be past; 0: never."""
    holds = select(func.min(t.hold.c.expires_at_us)).where(
        (t.hold.c.state == "open") & (t.hold.c.expires_at_us > 0)
    )
    lots = select(func.min(t.lot.c.expires_at_us)).where(
        (t.lot.c.remaining > 0) & (t.lot.c.expires_at_us > 0)
    )
    found = [at_us for query in (holds, lots) if (at_us := await tx.scalar(query))]
    return min(found, default=0)


async def due_lots(tx: Tx, now_us: int, limit: int) -> list[str]:
    """Return lots whose time is over and whose owner has something that is not held, the oldest first."""
    over = (t.lot.c.remaining > 0) & (t.lot.c.expires_at_us > 0) & (t.lot.c.expires_at_us <= now_us)
    free = t.account.c.credits_posted - t.account.c.debits_posted - t.account.c.debits_pending > 0
    query = select(t.lot.c.id).join(t.account, t.account.c.id == t.lot.c.account_id).where(over & free)
    return [row.id for row in await tx.all(query.order_by(t.lot.c.expires_at_us, t.lot.c.id).limit(limit))]


def _side(
    tx: Tx, id_: str, before_version: int, limit: int, only: StatementFilter, *, debit: bool
) -> Subquery:
    leg, nothing = t.leg.c, literal(0)
    mine, other = (leg.debit_id, leg.credit_id) if debit else (leg.credit_id, leg.debit_id)
    version = leg.debit_version if debit else leg.credit_version
    query = (
        select(
            leg.txn_id,
            leg.line,
            leg.kind,
            leg.hold_id,
            (leg.amount if debit else nothing).label("debit"),
            (nothing if debit else leg.amount).label("credit"),
            version.label("version"),
            (leg.debit_balance if debit else leg.credit_balance).label("balance"),
            other.label("other"),
        )
        .where(mine == id_, version < before_version)
        .order_by(version.desc())
        .limit(limit)
    )
    if not only.details:
        query = query.where(leg.kind.in_([LegKind.POST, LegKind.CAPTURE]))
    if only.code or only.since_us or only.until_us or only.text:
        query = query.join(t.txn, t.txn.c.id == leg.txn_id)
    if only.code:
        query = query.where(t.txn.c.code == only.code)
    if only.since_us:
        query = query.where(t.txn.c.created_at_us >= only.since_us)
    if only.until_us:
        query = query.where(t.txn.c.created_at_us < only.until_us)
    if only.text:
        query = query.where((t.txn.c.id == only.text) | _noted(tx, only.text))
    return query.subquery()


def _noted(tx: Tx, text: str) -> ColumnElement[bool]:
    """Match a text in one of a transaction's notes; their names are not searched."""
    if tx.dialect == "postgresql":
        notes = func.json_each_text(cast(t.txn.c.meta, JSON))
    else:
        notes = func.json_each(t.txn.c.meta)
    note = notes.table_valued(column("value", Text)).c.value
    return select(literal(1)).where(note.icontains(text, autoescape=True)).exists()
