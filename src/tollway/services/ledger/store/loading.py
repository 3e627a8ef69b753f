"""Acquiring the writer lock, and loading what commands read."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence

import orjson
from sqlalchemy import select, text

from tollway.contracts.books import ACCESS, USER
from tollway.contracts.chart.ledger import EXPIRED, SHORTFALL
from tollway.fabric.db import Tx
from tollway.services.ledger.model.records import LegRow, LotMove, Name, Original, StoredOutcome, Txn
from tollway.services.ledger.model.values import (
    Account,
    AccountRef,
    Asset,
    Hold,
    Lot,
    SessionUsage,
    account_id,
    is_limited,
    own_account,
)
from tollway.services.ledger.model.working_set import ReadSet, WorkingSet
from tollway.services.ledger.store import tables as t
from tollway.services.ledger.store.rows import Cells, among, to_account

# A lock on one row: who has it is the only writer, and sees everything that was written before. The
# settings keep PostgreSQL from choosing scans in plans that it makes while the tables are still small, and from
# compiling those plans, which takes longer than running them.
_ACQUIRE_SQLITE_WRITER = text("SELECT last_txn FROM writer_lock WHERE id = 1")
_ACQUIRE_POSTGRES_WRITER = (
    "SELECT last_txn, set_config('enable_seqscan', 'off', true), set_config('enable_hashjoin', 'off', true), "
    "set_config('enable_mergejoin', 'off', true), set_config('jit', 'off', true) "
    "FROM writer_lock WHERE id = 1 FOR UPDATE"
)
_SQLITE_OUTCOMES = text(
    "SELECT t.scope, t.key, t.id, t.request_hash, t.status, t.reason, t.detail FROM json_each(:names) AS n "
    "JOIN txn AS t ON t.scope = json_extract(n.value, '$[0]') AND t.key = json_extract(n.value, '$[1]')"
)
_POSTGRES_OUTCOMES = (
    "SELECT t.scope, t.key, t.id, t.request_hash, t.status, t.reason, t.detail "
    "FROM unnest($1::text[], $2::text[]) AS n (scope, key) CROSS JOIN LATERAL "
    "(SELECT * FROM txn WHERE txn.scope = n.scope AND txn.key = n.key LIMIT 1) AS t"
)


async def acquire_writer(tx: Tx) -> str:
    """Become the writer until this transaction ends. Returns the id of the last transaction written."""
    if tx.dialect == "sqlite":
        return await tx.scalar(_ACQUIRE_SQLITE_WRITER)
    return await (await tx.driver()).fetchval(_ACQUIRE_POSTGRES_WRITER)


async def last_written(tx: Tx) -> str:
    """Return the id of the last transaction, without becoming the writer."""
    return await tx.scalar(select(t.writer_lock.c.last_txn))


def all_loaded(state: WorkingSet, reads: ReadSet) -> bool:
    """Return whether `load` would ask the database for nothing but names."""
    missing = state.missing(reads)
    asked = missing.transactions or missing.holds or missing.lots or missing.accounts or missing.sessions
    own = _own_refs(*state.known(reads))
    return bool(state.assets) and not asked and all(state.has_account(account_id(ref)) for ref in own)


async def load(tx: Tx, state: WorkingSet, reads: ReadSet) -> None:
    """Load what commands will read and the working set does not have yet."""
    if not state.assets:
        state.add_assets([Asset._make(row) for row in await tx.all(select(t.asset))])
    # What a command has made is here already, and has not brought the accounts that the ledger books on by itself.
    refs = _own_refs(*state.known(reads))
    reads = state.missing(reads)
    if reads.names:
        state.add_outcomes(await _stored_outcomes(tx, reads.names))
    originals = await _originals(tx, reads.transactions)
    holds = await _holds(tx, reads.holds | _holds_of(originals))
    lots = await _lots_by_id(tx, reads.lots)
    refs |= reads.accounts | _own_refs(holds, lots)
    ids = _sides(holds, originals, lots)
    accounts = await _accounts(tx, state, refs, ids)
    state.add_accounts(accounts)
    access = {asset.code for asset in state.assets if asset.kind == ACCESS}
    lots += await _open_lots(tx, [one for one in accounts if _has_lots(one, access)])
    state.add_lots(lots)
    # Every lot comes with the accounts of its cost. They are few, so mostly they are here already.
    cost_ids = {id_ for lot in (*lots, *_lots_of(originals)) for id_ in lot.cost_account_ids}
    state.add_accounts(await _accounts(tx, state, (), cost_ids))
    state.add_originals(originals)
    state.add_holds(holds)
    if reads.sessions:
        rows = await tx.all(
            select(t.session_usage).where(among(tx, t.session_usage.c.session_id, reads.sessions))
        )
        state.add_sessions(SessionUsage._make(row) for row in rows)


def _holds_of(originals: Iterable[Original]) -> set[str]:
    return {leg.hold_id for one in originals for leg in one.legs if leg.hold_id}


def _lots_of(originals: Iterable[Original]) -> Iterable[Lot]:
    for one in originals:
        yield from (lot for lots in one.opened.values() for lot in lots)
        yield from (lot for pairs in one.taken.values() for lot, _ in pairs)


def _own_refs(holds: Iterable[Hold], lots: Iterable[Lot]) -> set[AccountRef]:
    """Name the accounts that no command names, since the ledger books on them by itself."""
    refs = {own_account(hold.asset, SHORTFALL) for hold in holds}
    refs.update(own_account(lot.asset, EXPIRED) for lot in lots)
    return refs


async def _stored_outcomes(tx: Tx, names: Collection[Name]) -> list[tuple[Name, StoredOutcome]]:
    if tx.dialect == "sqlite":
        found = await tx.all(_SQLITE_OUTCOMES, {"names": orjson.dumps(list(names)).decode()})
    else:
        found = await (await tx.driver()).fetch(_POSTGRES_OUTCOMES, *zip(*names, strict=True))
    rows: Sequence[Cells] = [tuple(row) for row in found]
    return [((cells[0], cells[1]), StoredOutcome._make(cells[2:])) for cells in rows]


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
        Txn._make(head[:-1]),  # without its tag
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


async def _accounts(
    tx: Tx, state: WorkingSet, refs: Iterable[AccountRef], ids: Iterable[str]
) -> list[Account]:
    """Read accounts by name or id. A named one that does not exist is given as it would be opened."""
    named = {id_: ref for ref in refs if not state.has_account(id_ := account_id(ref))}
    asked = named.keys() | {id_ for id_ in ids if not state.has_account(id_)}
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
