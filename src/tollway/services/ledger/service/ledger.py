"""The ledger: who holds what, what may be spent, and what it cost."""

import asyncio
import logging
from collections.abc import AsyncIterator, Sequence
from typing import TYPE_CHECKING, NamedTuple, cast

from tollway.contracts.audit_pb2 import GetHeadRequest
from tollway.contracts.books import AVAILABLE, USER
from tollway.fabric.clock import Clock
from tollway.fabric.db import Database, Tx
from tollway.fabric.head_notes import HeadNotes, HeadNoteUnusable
from tollway.kit.errors import NotFound, Problem, Unavailable
from tollway.kit.ids import is_id
from tollway.kit.money import MAX_UNITS
from tollway.kit.paging import Page, decode_cursor, encode_cursor, invalid_cursor, make_page
from tollway.kit.times import seconds_until
from tollway.services.ledger.model.chain import Chain
from tollway.services.ledger.model.maintenance import (
    AccountsOpening,
    AssetDefinition,
    HoldExpiry,
    LotExpiry,
    check_asset,
)
from tollway.services.ledger.model.metering import (
    Charged,
    Reservation,
    ReservedSlice,
    UseReport,
    check_report,
    check_reservation,
)
from tollway.services.ledger.model.posting import (
    Posting,
    PostingReversal,
    Receipt,
    check_name,
    check_posting,
)
from tollway.services.ledger.model.records import (
    Seal,
    StatementEntry,
    StatementFilter,
    StatementLine,
    fold,
)
from tollway.services.ledger.model.seals import AuditHead, Signer, leaf_of, path_to
from tollway.services.ledger.model.values import (
    Account,
    AccountRef,
    Asset,
    Lot,
    account_id,
    check_ref,
    is_limited,
)
from tollway.services.ledger.service.batcher import Batcher
from tollway.services.ledger.service.costs import Costs
from tollway.services.ledger.service.export import beancount
from tollway.services.ledger.service.proof import Progress, ProofResult, prove
from tollway.services.ledger.service.sealing import CHAIN, JournalSealer, SealRefused
from tollway.services.ledger.settings import LedgerSettings
from tollway.services.ledger.store import history, reading

if TYPE_CHECKING:
    from tollway.contracts.audit_pb2_grpc import AuditAsyncStub

_log = logging.getLogger(__name__)
EXPIRED_AT_ONCE = 200
EVERY_LINE = StatementFilter()
NOTHING = HeadNotes(None)


class Inclusion(NamedTuple):
    """The proof that a transaction lies under a seal: its leaf, its place, and the hashes up to the root."""

    seal: Seal
    place: int  # among the leaves
    leaf: bytes
    path: tuple[bytes, ...]


class Explained(NamedTuple):
    """A transaction with all that it did, and the names of what it touched."""

    entry: StatementEntry
    names: dict[str, AccountRef]
    lots: dict[str, Lot]
    inclusion: Inclusion | None


class Ledger:
    """The books. `seal_key` is the seed (32 bytes) of the key that seals them.

    `currencies` is the money that every customer gets an account in.
    """

    def __init__(
        self,
        db: Database,
        clock: Clock,
        settings: LedgerSettings,
        seal_key: bytes,
        currencies: Sequence[str] = (),
        notes: HeadNotes = NOTHING,
        audit: "AuditAsyncStub | None" = None,
    ) -> None:
        self.db = db
        self.clock = clock
        self.settings = settings
        self.currencies = currencies
        self.signer = Signer(seal_key)
        self._former = [bytes.fromhex(one) for one in settings.former_signers]
        self._notes = notes
        self._audit = audit
        self.batcher = Batcher(db, self.signer, settings.batch_size, settings.batch_wait_s)
        self._sealer = JournalSealer(db, self.signer, notes, self._former)
        # What the timed work has to look at: something may have been written before this process began.
        self._may_be_due = self._may_be_unsealed = True
        self._next_due_us = 0
        self.costs = Costs(db)
        db.when_committed(self._wrote)

    async def start(self) -> None:
        """Begin to take commands."""
        await self.batcher.start()

    async def stop(self) -> None:
        """Finish what was taken, and seal it."""
        await self.batcher.stop()
        try:
            await self._sealer.seal_all(_no_audit_head)  # audit may be gone already
        except (SealRefused, HeadNoteUnusable, OSError, Unavailable) as reason:
            _log.error("the last transactions are not sealed: %s", reason)

    # ── what there is ───────────────────────────────────────────────────────────────────────────────

    async def define_asset(self, asset: Asset) -> Asset:
        """Make an asset known. Raises Conflict when it is known as something else."""
        check_asset(asset)
        return cast("Asset", await self.batcher.submit(AssetDefinition(asset)))

    async def assets(self) -> list[Asset]:
        """Return every asset."""
        async with self.db.snapshot() as tx:
            return await reading.assets(tx)

    async def open_accounts(self, owner_kind: str, owner_id: str, assets: Sequence[str]) -> list[Account]:
        """Open an owner's accounts (the default ones when no assets are named); return all they have."""
        refs = tuple(
            AccountRef(owner_kind, owner_id, asset, AVAILABLE) for asset in assets or self.currencies
        )
        for ref in refs:
            check_ref(ref)
        await self.batcher.submit(AccountsOpening(refs, owner_id))
        return await self.accounts(owner_kind, owner_id)

    # ── moving ──────────────────────────────────────────────────────────────────────────────────────

    async def submit(self, posting: Posting) -> Receipt:
        """Post a transaction through the batcher; answered after the commit.

        Raises the Problem that refuses it, now and for ever under this name; KeyReused when the name was used
        for another transaction.
        """
        check_posting(posting)
        return cast("Receipt", await self.batcher.submit(posting))

    async def reverse(
        self, txn_id: str, scope: str, key: str, actor: str, reason: str, *, posted_by: str = ""
    ) -> Receipt:
        """Correct a transaction by its mirror image, at most once. Raises AlreadyReversed, Conflict, NotFound.

        `posted_by` is in whose name it must have been posted; empty: in anybody's.
        """
        check_name(scope, key)
        reversal = PostingReversal(txn_id, scope, key, actor, reason, posted_by)
        return cast("Receipt", await self.batcher.submit(reversal))

    # ── metering ────────────────────────────────────────────────────────────────────────────────────

    async def reserve(self, asked: Reservation) -> ReservedSlice:
        """Set a slice aside for metered use: as little as what is left, never more."""
        check_reservation(asked)
        return cast("ReservedSlice", await self.batcher.submit(asked))

    async def record_use(self, report: UseReport) -> Charged:
        """Charge what sessions used; repeats and reordering are harmless. Raises UnknownHold."""
        check_report(report)
        return cast("Charged", await self.batcher.submit(report))

    async def release(self, hold_id: str, actor: str) -> int:
        """Give back what a reservation still holds; 0 when nothing. Raises UnknownHold."""
        charged = await self.record_use(UseReport(hold_id, (), actor, release=True))
        return charged.released

    async def expire(self) -> int:
        """End holds and lots whose time is over; return how many were looked at.

        Nobody looks into the database before the time of the next one, unless something was written since.
        """
        now_us = self.clock.now_us()
        if not self._may_be_due and not 0 < self._next_due_us <= now_us:
            return 0
        self._may_be_due = self.db.is_shared  # others write there too
        async with self.db.snapshot() as tx:
            holds = await reading.due_holds(tx, now_us, EXPIRED_AT_ONCE)
        # Holds first: what they give back may belong to a lot that is over, too.
        await asyncio.gather(*(self.batcher.submit(HoldExpiry(id_)) for id_ in holds))
        async with self.db.snapshot() as tx:
            lots = await reading.due_lots(tx, now_us, EXPIRED_AT_ONCE)
        await asyncio.gather(*(self.batcher.submit(LotExpiry(id_)) for id_ in lots))
        async with self.db.snapshot() as tx:
            self._next_due_us = await reading.next_due_us(tx)
        return len(holds) + len(lots)

    @property
    def due_in_s(self) -> float:
        """For how many seconds no hold or lot ends, as of the last `expire`."""
        return seconds_until(self._next_due_us or None, self.clock.now_us())

    # ── looking ─────────────────────────────────────────────────────────────────────────────────────

    async def accounts(self, owner_kind: str, owner_id: str) -> list[Account]:
        """Return an owner's accounts."""
        async with self.db.snapshot() as tx:
            return await reading.accounts_of(tx, owner_kind, owner_id)

    async def wallet(self, user_id: str) -> list[Account]:
        """Return a customer's accounts, with one in every currency, as it will be opened when it is used."""
        opened = await self.accounts(USER, user_id)
        defined = {asset.code for asset in await self.assets()}
        refs = (AccountRef(USER, user_id, code, AVAILABLE) for code in self.currencies if code in defined)
        known = {account.ref for account in opened}
        opened += [Account(account_id(ref), ref, is_limited(ref)) for ref in refs if ref not in known]
        return sorted(opened, key=lambda account: account.ref.asset)

    async def account(self, id_: str) -> Account:
        """Return an account by id. Raises NotFound."""
        async with self.db.snapshot() as tx:
            found = await reading.account(tx, id_)
        if found is None:
            raise NotFound(f"there is no account {id_}")
        return found

    async def account_named(self, ref: AccountRef) -> Account:
        """Return an account by name. Raises NotFound when nothing was ever booked on it."""
        return await self.account(account_id(ref))

    async def statement(
        self, id_: str, limit: int, cursor: str, only: StatementFilter = EVERY_LINE
    ) -> Page[StatementLine]:
        """Return an account's lines, newest first."""
        (before,) = decode_cursor(cursor, int) or (MAX_UNITS,)
        async with self.db.snapshot() as tx:
            lines = await _lines(tx, id_, before, limit + 1, only)
        return make_page(lines, limit, lambda line: [line.first_version])

    async def lots(
        self, owner_kind: str, owner_id: str, asset: str, *, with_empty: bool = False
    ) -> list[Lot]:
        """Return an owner's lots (of one asset, or of all when it is empty) in the order in which they are used."""
        async with self.db.snapshot() as tx:
            return await reading.lots(tx, owner_kind, owner_id, asset, with_empty=with_empty)

    async def transactions(
        self,
        owner_kind: str,
        owner_id: str,
        limit: int,
        cursor: str,
        only: StatementFilter = EVERY_LINE,
        asset: str = "",
    ) -> Page[tuple[str, StatementLine]]:
        """Return the lines of an owner's accounts (of one asset, if named), each with the account's id, newest first.

        Each account has its own order of versions; the cursor holds how far each one was shown.
        """
        shown = _read_cursor(cursor)
        lines: list[tuple[str, StatementLine]] = []
        async with self.db.snapshot() as tx:
            for account in await reading.accounts_of(tx, owner_kind, owner_id):
                if asset not in {"", account.ref.asset}:
                    continue
                before = shown.get(account.id, MAX_UNITS)
                lines += [
                    (account.id, line) for line in await _lines(tx, account.id, before, limit + 1, only)
                ]
        lines.sort(key=lambda pair: (pair[1].txn_id, pair[1].line), reverse=True)
        shown.update((id_, line.first_version) for id_, line in lines[:limit])
        # A later line of the same account overwrites an earlier one, so the lowest version shown stays.
        position = " ".join(f"{id_}:{version}" for id_, version in shown.items())
        next_cursor = encode_cursor([position]) if len(lines) > limit else ""
        return Page(lines[:limit], next_cursor)

    async def explain(self, txn_id: str, *, prove: bool = False) -> Explained:
        """Return a transaction with all that it did. With `prove`, also its place under a seal. Raises NotFound."""
        async with self.db.snapshot() as tx:
            entry = await history.entry(tx, txn_id)
            if entry is None:
                raise NotFound(f"there is no transaction {txn_id}")
            sides = {side for leg in entry.legs for side in (leg.debit_id, leg.credit_id)}
            names = await reading.names(tx, sides | set(entry.accounts))
            lots = await reading.lots_by_id(tx, {move.lot_id for move in entry.moves})
            proof = await _proof(tx, txn_id) if prove else None
        return Explained(entry, names, lots, proof)

    # ── proving ─────────────────────────────────────────────────────────────────────────────────────

    async def seal(self) -> int:
        """Seal what was committed since the last seal; return how many transactions that were.

        Raises SealRefused for what this ledger did not write, HeadNoteUnusable and OSError for the second place.
        """
        if not self._may_be_unsealed:
            return 0
        self._may_be_unsealed = self.db.is_shared
        try:
            return await self._sealer.seal_all(self._audit_head)
        except BaseException:
            self._may_be_unsealed = True
            raise

    def _wrote(self) -> None:
        self._may_be_due = self._may_be_unsealed = True

    async def _audit_head(self) -> AuditHead | None:
        if self._audit is None:
            return None
        try:
            head = await self._audit.GetHead(GetHeadRequest())
        except Problem:
            return None  # sealing goes on without it; the next seal names a newer one
        return AuditHead(head.sequence, head.hash)

    async def verify(
        self, progress: Progress | None = None, known_head: str = "", seen_us: int = 0
    ) -> ProofResult:
        """Recompute the books from the first transaction on and say what does not hold.

        `known_head` is a head noted earlier, to be found again, as is the one in the second place. `seen_us` is a time
        at which the platform is known to have worked. Raises HeadNoteUnusable.
        """
        noted, chain = self._notes.read(CHAIN), Chain(self.signer, self._former)
        async with self.db.snapshot() as tx:
            return await prove(tx, chain, progress, known_head, noted, seen_us)

    async def export(self) -> AsyncIterator[str]:
        """Give the books as text for Beancount, slice_ by slice_."""
        async with self.db.snapshot() as tx:
            async for slice_ in beancount(tx):
                yield slice_


async def _lines(tx: Tx, id_: str, before: int, limit: int, only: StatementFilter) -> list[StatementLine]:
    """Return the newest lines below a version, at most `limit` of them, each of them whole but the last."""
    if only.details:
        return await reading.statement(tx, id_, before, limit, only)
    lines: list[StatementLine] = []
    while len(lines) < limit:
        batch = await reading.statement(tx, id_, before, limit, only)
        lines = fold([*lines, *batch])
        if len(batch) < limit:
            break
        before = batch[-1].version
    return lines[:limit]


async def _no_audit_head() -> None:
    """Have the seal name the head that the one before it named."""


async def _proof(tx: Tx, txn_id: str) -> Inclusion | None:
    seal = await history.seal_over(tx, txn_id)
    if seal is None:
        return None
    before = await history.txn_before(tx, seal.first_txn)
    entries = await history.entries(tx, before, seal.size)
    place = [entry.txn.id for entry in entries].index(txn_id)
    leaves = [leaf_of(entry) for entry in entries]
    return Inclusion(seal, place, leaves[place], tuple(path_to(leaves, place)))


def _read_cursor(cursor: str) -> dict[str, int]:
    (text,) = decode_cursor(cursor, str) or ("",)
    shown = dict[str, int]()
    for pair in text.split():
        id_, _, version = pair.partition(":")
        if not is_id("acc", id_) or not (version.isascii() and version.isdigit() and len(version) < 19):
            raise invalid_cursor()
        shown[id_] = int(version)
    return shown
