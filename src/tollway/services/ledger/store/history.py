"""The journal in its one order, and the seals on it: for the sealer, the proof, the export and the curious."""

from collections import defaultdict
from collections.abc import AsyncIterator, Iterable
from typing import Any, TypeVar

from sqlalchemy import Column, Row, Select, Table, bindparam, func, select, update

from tollway.fabric.db import Tx
from tollway.services.ledger.model.records import LegRow, LotMove, Seal, StatementEntry, Txn, UsageLine
from tollway.services.ledger.model.values import Account, Asset, Hold, Lot, SessionUsage
from tollway.services.ledger.store import tables as t
from tollway.services.ledger.store.rows import among, to_account

CHUNK = 500
COUNTED = 10_000
_LAST = "txn_" + "z" * 26  # not below any id, however text is compared
# Made once: they are run for every seal, and to put one together costs as much as to run it.
_TXNS = (
    select(t.txn)
    .where(t.txn.c.id > bindparam("after"), t.txn.c.id <= bindparam("upto"))
    .order_by(t.txn.c.id)
    .limit(bindparam("at_most"))
)


def _part(txn_id: Column[Any], *order: Column[Any]) -> tuple[Select[Any], int]:
    """Make the query for the rows that transactions wrote to one table, and say in which cell the transaction is."""
    table = txn_id.table
    of_some = (txn_id >= bindparam("first"), txn_id <= bindparam("last"))
    return select(table).where(*of_some).order_by(*order), list(table.c).index(txn_id)


_PARTS = (
    _part(t.leg.c.txn_id, t.leg.c.line),
    _part(t.lot.c.txn_id, t.lot.c.id),
    _part(t.lot_move.c.txn_id, t.lot_move.c.line, t.lot_move.c.lot_id),
    _part(t.hold.c.txn_id, t.hold.c.id),
    _part(t.usage_line.c.txn_id, t.usage_line.c.session_id, t.usage_line.c.sequence),
    _part(t.account.c.opened_by, t.account.c.id),
)
Value = TypeVar("Value")


async def entries(tx: Tx, after: str = "", limit: int = CHUNK, upto: str = "") -> list[StatementEntry]:
    """Return transactions in order, each with all that it wrote, from the first one after an id on."""
    found = await tx.all(_TXNS, {"after": after, "upto": upto or _LAST, "at_most": limit})
    tagged = [(Txn(*cells), tag) for *cells, tag in found]
    if not tagged:
        return []
    first, last = tagged[0][0].id, tagged[-1][0].id
    legs, lots, moves, holds, usage, opened = [
        await _by_txn(tx, query, place, first, last) for query, place in _PARTS
    ]
    return [
        StatementEntry(
            head,
            tuple([LegRow(*row) for row in legs.get(head.id, ())]),
            tuple([Lot(*row) for row in lots.get(head.id, ())]),
            tuple([LotMove(*row) for row in moves.get(head.id, ())]),
            tuple([Hold(*row) for row in holds.get(head.id, ())]),
            tuple([UsageLine(*row) for row in usage.get(head.id, ())]),
            tuple([row.id for row in opened.get(head.id, ())]),
            tag,
        )
        for head, tag in tagged
    ]


async def entry(tx: Tx, txn_id: str) -> StatementEntry | None:
    """Return one transaction with all that it wrote."""
    head = await tx.first(select(t.txn).where(t.txn.c.id == txn_id))
    if head is None:
        return None
    return (await entries(tx, await txn_before(tx, txn_id), 1))[0]


async def entries_by_id(tx: Tx, ids: Iterable[str]) -> dict[str, StatementEntry]:
    """Return transactions by id, each with its head and legs only."""
    heads = await tx.all(select(t.txn).where(among(tx, t.txn.c.id, set(ids))))
    legs: defaultdict[str, list[LegRow]] = defaultdict(list)
    found = {row.id for row in heads}
    for row in await tx.all(select(t.leg).where(among(tx, t.leg.c.txn_id, found)).order_by(t.leg.c.line)):
        legs[row.txn_id].append(LegRow._make(row))
    return {
        row.id: StatementEntry(Txn._make(row[:-1]), tuple(legs[row.id]), (), (), (), (), (), row.tag)
        for row in heads
    }


async def entry_by_key(tx: Tx, scope: str, key: str) -> StatementEntry | None:
    """Return the transaction under a name, with all that it wrote."""
    named = (t.txn.c.scope == scope) & (t.txn.c.key == key)
    row = await tx.first(select(t.txn.c.id).where(named))
    return await entry(tx, row.id) if row else None


async def keys_of(tx: Tx, scope: str, code: str) -> dict[str, str]:
    """Return the keys of the applied transactions of one kind that a service posted, by id and in order."""
    of_kind = (t.txn.c.scope == scope) & (t.txn.c.code == code) & (t.txn.c.status == "applied")
    rows = await tx.all(select(t.txn.c.id, t.txn.c.key).where(of_kind).order_by(t.txn.c.id))
    return {row.id: row.key for row in rows}


async def last_txn_of(tx: Tx, account: Account) -> str:
    """Return the last transaction that posted to an account, or held something of it; empty when there is none."""
    c, version = t.leg.c, account.version
    sides = ((c.debit_id, c.debit_version), (c.credit_id, c.credit_version))
    ids = [
        await tx.scalar(select(func.max(c.txn_id)).where(id_ == account.id, at == version))
        for id_, at in sides
    ]
    return max(id_ or "" for id_ in ids)


async def txn_before(tx: Tx, txn_id: str) -> str:
    """Return the id of the transaction before one, empty for the first."""
    return await tx.scalar(select(func.max(t.txn.c.id)).where(t.txn.c.id < txn_id)) or ""


async def count_txns(tx: Tx) -> int:
    """Return how many transactions there are."""
    return await tx.scalar(select(func.count()).select_from(t.txn))


async def count_known(tx: Tx, last_sealed: str) -> int:
    """Return how many transactions there are: those under seals, which are counted when they are sealed, and others.

    Of the others, which are few unless sealing has stopped, at most COUNTED are looked at.
    """
    sealed = await tx.scalar(select(t.sealed_total.c.transactions))
    others = select(t.txn.c.id).where(t.txn.c.id > last_sealed).limit(COUNTED).subquery()
    return sealed + await tx.scalar(select(func.count()).select_from(others))


async def count_rows(tx: Tx) -> tuple[int, int, int]:
    """Return how many legs, lot moves and usage lines there are."""
    legs, moves, usage = [
        await tx.scalar(select(func.count()).select_from(table))
        for table in (t.leg, t.lot_move, t.usage_line)
    ]
    return legs, moves, usage


async def last_txn_written(tx: Tx) -> str:
    """Return the id that the writer lock's row has for the last."""
    return await tx.scalar(select(t.writer_lock.c.last_txn))


async def last_seal(tx: Tx) -> Seal | None:
    """Return the head of the chain."""
    row = await tx.first(select(t.seal).order_by(t.seal.c.number.desc()).limit(1))
    return Seal._make(row) if row else None


async def seals(tx: Tx, after: Seal | None, limit: int = CHUNK) -> list[Seal]:
    """Return seals in order from the first one after another on, or from the very first."""
    query = select(t.seal).order_by(t.seal.c.number).limit(limit)
    if after:
        query = query.where(t.seal.c.number > after.number)
    return [Seal._make(row) for row in await tx.all(query)]


async def seal_numbered(tx: Tx, number: int) -> Seal | None:
    """Return the seal with a number."""
    row = await tx.first(select(t.seal).where(t.seal.c.number == number))
    return Seal._make(row) if row else None


async def seal_over(tx: Tx, txn_id: str) -> Seal | None:
    """Return the seal that a transaction lies under, if it was sealed."""
    query = select(t.seal).where(t.seal.c.last_txn >= txn_id).order_by(t.seal.c.last_txn).limit(1)
    row = await tx.first(query)
    return Seal._make(row) if row else None


async def add_seal(tx: Tx, seal: Seal) -> bool:
    """Keep a seal; False when another process sealed the same transactions first."""
    added = await tx.run(tx.insert(t.seal).values(seal._asdict()).on_conflict_do_nothing())
    if not added.rowcount:
        return False
    total = t.sealed_total.c.transactions + seal.size
    await tx.run(update(t.sealed_total).values(number=seal.number, transactions=total))
    return True


async def all_accounts(tx: Tx) -> AsyncIterator[Account]:
    """Go through every account."""
    async for row in _walk(tx, t.account, t.account.c.id):
        yield to_account(row)


async def all_holds(tx: Tx) -> AsyncIterator[Hold]:
    """Go through every hold."""
    async for row in _walk(tx, t.hold, t.hold.c.id):
        yield Hold._make(row)


async def all_lots(tx: Tx) -> AsyncIterator[Lot]:
    """Go through every lot."""
    async for row in _walk(tx, t.lot, t.lot.c.id):
        yield Lot._make(row)


async def all_sessions(tx: Tx) -> AsyncIterator[SessionUsage]:
    """Go through every session."""
    async for row in _walk(tx, t.session_usage, t.session_usage.c.session_id):
        yield SessionUsage._make(row)


async def all_assets(tx: Tx) -> list[Asset]:
    """Return every asset."""
    return [Asset._make(row) for row in await tx.all(select(t.asset))]


async def _by_txn(tx: Tx, query: Select[Any], place: int, first: str, last: str) -> dict[str, list[Row[Any]]]:
    """Run one of `_PARTS` and put the rows in order by the transaction, which each has at `place`."""
    found: dict[str, list[Row[Any]]] = {}
    for row in await tx.all(query, {"first": first, "last": last}):
        if (mine := found.get(row[place])) is None:
            found[row[place]] = [row]
        else:
            mine.append(row)
    return found


async def _walk(tx: Tx, table: Table, key: Column[Any]) -> AsyncIterator[Any]:
    after = ""
    while rows := await tx.all(select(table).where(key > after).order_by(key).limit(CHUNK)):
        for row in rows:
            yield row
        after = getattr(rows[-1], key.name)
