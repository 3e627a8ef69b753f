"""Taking the pen, and laying the book open at the places that commands read."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence

import orjson
from sqlalchemy import select, text

from tollway.fabric.db import Tx
from tollway.services.ledger.model.book import Book, Wanted
from tollway.services.ledger.model.records import Known, LegRow, LotMove, Name, Original, Txn
from tollway.services.ledger.model.values import (
    ACCESS,
    EARNINGS,
    MONEY,
    USER,
    Account,
    AccountRef,
    Asset,
    Hold,
    Lot,
    Mark,
    account_id,
    earnings_account,
    is_limited,
    own_account,
)
from tollway.services.ledger.store import tables as t
from tollway.services.ledger.store.rows import Cells, among, to_account

# A row lock on the pen: who has it is the only writer, and sees everything that was written before. The
# settings keep PostgreSQL from choosing scans in plans that it makes while the tables are still small, and from
# compiling those plans, which takes longer than running them.
_TAKE_PEN = {
    "sqlite": text("SELECT last_txn FROM pen WHERE id = 1"),
    "postgresql": text(
        "SELECT last_txn, set_config('enable_seqscan', 'off', true), set_config('enable_hashjoin', 'off', true), "
        "set_config('enable_mergejoin', 'off', true), set_config('jit', 'off', true) "
        "FROM pen WHERE id = 1 FOR UPDATE"
    ),
}
_KNOWN = {
    "sqlite": text(
        "SELECT t.scope, t.key, t.id, t.request_hash, t.status, t.reason, t.detail FROM json_each(:names) AS n "
        "JOIN txn AS t ON t.scope = json_extract(n.value, '$[0]') AND t.key = json_extract(n.value, '$[1]')"
    ),
    "postgresql": text(
        "SELECT t.scope, t.key, t.id, t.request_hash, t.status, t.reason, t.detail "
        "FROM unnest(CAST(:scopes AS text[]), CAST(:keys AS text[])) AS n (scope, key) CROSS JOIN LATERAL "
        "(SELECT * FROM txn WHERE txn.scope = n.scope AND txn.key = n.key LIMIT 1) AS t"
    ),
}


async def take_pen(tx: Tx) -> str:
    """Become the writer until this transaction ends. Returns the id of the last transaction written."""
    return await tx.scalar(_TAKE_PEN[tx.dialect])


async def last_written(tx: Tx) -> str:
    """Return the id of the last transaction, without becoming the writer."""
    return await tx.scalar(select(t.pen.c.last_txn))


async def lay_open(tx: Tx, book: Book, wanted: Wanted) -> None:
    """Read what commands will read and the book does not show yet."""
    if not book.assets:
        book.show_assets([Asset._make(row) for row in await tx.all(select(t.asset))])
    wanted = book.lacks(wanted)
    if wanted.names:
        book.show_known(await _known(tx, wanted.names))
    originals = await _originals(tx, wanted.transactions)
    holds = await _holds(tx, wanted.holds | _holds_of(originals))
    lots = await _lots_by_id(tx, wanted.lots)
    refs = wanted.accounts | _own_refs(book, wanted, holds, lots)
    ids = _sides(holds, originals, lots)
    accounts = await _accounts(tx, book, refs, ids)
    access = {asset.code for asset in book.assets if asset.kind == ACCESS}
    book.show_lots(await _open_lots(tx, [one for one in accounts if _has_lots(one, access)]))
    book.show_accounts(accounts)
    book.show_originals(originals)
    book.show_holds(holds)
    book.show_lots(lots)
    if wanted.sessions:
        rows = await tx.all(select(t.usage_mark).where(among(tx, t.usage_mark.c.session_id, wanted.sessions)))
        book.show_marks(Mark._make(row) for row in rows)


def _holds_of(originals: Iterable[Original]) -> set[str]:
    return {leg.hold_id for one in originals for leg in one.legs if leg.hold_id}


def _own_refs(book: Book, wanted: Wanted, holds: Iterable[Hold], lots: Iterable[Lot]) -> set[AccountRef]:
    """Name the accounts that no command names, since the ledger books on them by itself."""
    refs = {own_account(hold.asset, "shortfall") for hold in holds}
    refs.update(own_account(lot.asset, "expired") for lot in lots)
    if wanted.earnings:
        for asset in book.assets:
            if asset.kind == MONEY:
                refs.update(earnings_account(asset.code, purpose) for purpose in EARNINGS)
    return refs


async def _known(tx: Tx, names: Collection[Name]) -> list[tuple[Name, Known]]:
    if tx.dialect == "sqlite":
        asked = {"names": orjson.dumps(list(names)).decode()}
    else:
        scopes, keys = zip(*names, strict=True)
        asked = {"scopes": list(scopes), "keys": list(keys)}
    rows: Sequence[Cells] = [tuple(row) for row in await tx.all(_KNOWN[tx.dialect], asked)]
    return [((cells[0], cells[1]), Known._make(cells[2:])) for cells in rows]


async def _holds(tx: Tx, ids: Collection[str]) -> list[Hold]:
    if not ids:
        return []
    return [Hold._make(row) for row in await tx.all(select(t.hold).where(among(tx, t.hold.c.id, ids)))]


async def _originals(tx: Tx, ids: Collection[str]) -> list[Original]:
    return [found for id_ in sorted(ids) if (found := await _original(tx, id_)) is not None]


async def _original(tx: Tx, txn_id: str) -> Original | None:
    head = await tx.first(select(t.txn).where(t.txn.c.id == txn_id))
    if head is None:
        return None
    reversed_by = await tx.scalar(select(t.txn.c.id).where(t.txn.c.reverses == txn_id))
    legs = await tx.all(select(t.leg).where(t.leg.c.txn_id == txn_id).order_by(t.leg.c.line))
    opened: defaultdict[int, list[Lot]] = defaultdict(list)
    for lot in map(
        Lot._make, await tx.all(select(t.lot).where(t.lot.c.txn_id == txn_id).order_by(t.lot.c.id))
    ):
        opened[lot.line].append(lot)
    moved = select(t.lot_move, t.lot).join(t.lot, t.lot.c.id == t.lot_move.c.lot_id)
    taken: defaultdict[int, list[tuple[Lot, LotMove]]] = defaultdict(list)
    width = len(t.lot_move.c)
    for row in await tx.all(moved.where(t.lot_move.c.txn_id == txn_id).order_by(t.lot_move.c.lot_id)):
        move, lot = LotMove._make(row[:width]), Lot._make(row[width:])
        taken[move.line].append((lot, move))
    return Original(
        Txn._make(head),
        reversed_by or "",
        tuple(LegRow._make(row) for row in legs),
        {line: tuple(lots) for line, lots in opened.items()},
        {line: tuple(pairs) for line, pairs in taken.items()},
    )


async def _lots_by_id(tx: Tx, ids: Collection[str]) -> list[Lot]:
    if not ids:
        return []
    return [Lot._make(row) for row in await tx.all(select(t.lot).where(among(tx, t.lot.c.id, ids)))]


def _sides(holds: Iterable[Hold], originals: Iterable[Original], lots: Iterable[Lot]) -> set[str]:
    legs: list[LegRow] = [leg for original in originals for leg in original.legs]
    ids = {lot.account_id for lot in lots}
    ids.update(side for hold in holds for side in (hold.debit_id, hold.credit_id))
    ids.update(side for leg in legs for side in (leg.debit_id, leg.credit_id))
    return ids


async def _accounts(tx: Tx, book: Book, refs: Iterable[AccountRef], ids: Iterable[str]) -> list[Account]:
    """Read accounts by name or id. A named one that does not exist is given as it would be opened."""
    named = {id_: ref for ref in refs if not book.shows_account(id_ := account_id(ref))}
    asked = named.keys() | {id_ for id_ in ids if not book.shows_account(id_)}
    if not asked:
        return []
    rows = await tx.all(select(t.account).where(among(tx, t.account.c.id, asked)))
    accounts = [to_account(row) for row in rows]
    there = {account.id for account in accounts}
    accounts += [Account(id_, ref, is_limited(ref)) for id_, ref in named.items() if id_ not in there]
    return accounts


def _has_lots(account: Account, access: Collection[str]) -> bool:
    return account.ref.owner_kind == USER and account.ref.asset in access and account.version > 0


async def _open_lots(tx: Tx, accounts: Collection[Account]) -> list[Lot]:
    if not accounts:
        return []
    mine = among(tx, t.lot.c.account_id, {account.id for account in accounts})
    return [Lot._make(row) for row in await tx.all(select(t.lot).where(mine & (t.lot.c.remaining > 0)))]
