"""The book: the part of the ledger that a batch of commands needs, open in memory.

The store lays it open (`Wanted` says at which places), the commands are performed in order, each all or
nothing, and what changed is handed back as a `Page` to be written. No I/O happens here, so the rules can be
read, and tested, without a database.
"""

from abc import ABC, abstractmethod
from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from typing import Any

from tollway.contracts.errors import KeyReused, UnknownAsset, UnknownHold
from tollway.kit.errors import NotFound, Problem
from tollway.services.ledger.model.draft import Draft
from tollway.services.ledger.model.records import Known, Name, Original, Page, Status, Txn
from tollway.services.ledger.model.values import Account, AccountRef, Asset, Hold, Lot, Mark, account_id


@dataclass(slots=True)
class Wanted:
    """The places at which the book has to be laid open before commands can be performed."""

    names: set[Name] = field(default_factory=set[Name])
    accounts: set[AccountRef] = field(default_factory=set[AccountRef])
    holds: set[str] = field(default_factory=set[str])
    sessions: set[str] = field(default_factory=set[str])
    lots: set[str] = field(default_factory=set[str])
    transactions: set[str] = field(default_factory=set[str])
    earnings: bool = False  # the seller's accounts, since revenue or breakage may be recognised


class Command(ABC):
    """Something a caller wants done. It is performed whole or refused whole.

    A command with a `name` (scope, key) is remembered by it: a repeat gets the stored outcome. One without
    is harmless to repeat by the state of the books, as each says of itself.
    """

    __slots__ = ()

    @property
    def name(self) -> Name | None:
        """Return what a repeat is known by."""
        return None

    def fingerprint(self) -> bytes:
        """Return 32 bytes that differ when the contents differ; only asked of named commands."""
        return b""

    def repeat(self, txn_id: str) -> Any:
        """Return the answer to a repeat of what was done in `txn_id`; only asked of named commands."""
        raise AssertionError(f"{type(self).__name__} has no name; {txn_id} can't be a repeat of it")

    @abstractmethod
    def places(self, wanted: Wanted) -> None:
        """Add the places that this command reads to `wanted`."""

    @abstractmethod
    def apply(self, draft: Draft) -> Any:
        """Do it in the draft and return the answer. Raises the Problem that forbids it."""


class Book:
    """What is known of the ledger, and what the commands performed so far have changed in it."""

    def __init__(self) -> None:
        self.page = Page()
        self._assets: dict[str, Asset] = {}
        self._accounts: dict[str, Account] = {}
        self._holds: dict[str, Hold] = {}
        self._lots: dict[str, dict[str, Lot]] = {}  # by account
        self._owners: dict[str, str] = {}  # of lots
        self._marks: dict[str, Mark] = {}
        # Outcomes of names: those on the present page, and those on the one before, which may not be written yet.
        self._known: dict[Name, Known | Txn] = {}
        self._known_before: dict[Name, Known | Txn] = {}
        self._originals: dict[str, Original] = {}

    # ── laying it open ──────────────────────────────────────────────────────────────────────────────
    # What the book shows already is newer than what is read, and stays.

    @property
    def places(self) -> int:
        """How much is open, roughly: what grows with use."""
        return len(self._accounts) + len(self._holds) + len(self._owners) + len(self._marks)

    def lacks(self, wanted: Wanted) -> Wanted:
        """Return the part of `wanted` that is not shown yet."""
        return Wanted(
            names=wanted.names - self._known_before.keys() - self._known.keys(),
            accounts={ref for ref in wanted.accounts if account_id(ref) not in self._accounts},
            holds={id_ for id_ in wanted.holds if id_ not in self._holds},
            sessions={id_ for id_ in wanted.sessions if id_ not in self._marks},
            lots=wanted.lots - self._owners.keys(),
            transactions={id_ for id_ in wanted.transactions if id_ not in self._originals},
            earnings=wanted.earnings,
        )

    def show_assets(self, assets: Iterable[Asset]) -> None:
        """Make every asset known that the ledger has."""
        self._assets.update((asset.code, asset) for asset in assets)

    def show_accounts(self, accounts: Iterable[Account]) -> None:
        """Make accounts known; one that does not exist yet is shown with all counters zero."""
        for account in accounts:
            self._accounts.setdefault(account.id, account)

    def show_holds(self, holds: Iterable[Hold]) -> None:
        """Make holds known."""
        for hold in holds:
            self._holds.setdefault(hold.id, hold)

    def show_lots(self, lots: Iterable[Lot]) -> None:
        """Make lots known: all open ones of each account that is shown."""
        for lot in lots:
            if lot.id not in self._owners:
                self._put(lot)

    def show_marks(self, marks: Iterable[Mark]) -> None:
        """Make known how far sessions were charged."""
        for mark in marks:
            self._marks.setdefault(mark.session_id, mark)

    def show_known(self, known: Iterable[tuple[Name, Known]]) -> None:
        """Make the outcomes known of names that were used."""
        for name, outcome in known:
            self._known.setdefault(name, outcome)

    def show_originals(self, originals: Iterable[Original]) -> None:
        """Make transactions of the past known that are to be reversed."""
        for original in originals:
            self._originals.setdefault(original.txn.id, original)
            for lots in original.opened.values():
                self.show_lots(lots)

    def shows_account(self, id_: str) -> bool:
        """Tell whether an account is shown."""
        return id_ in self._accounts

    def turn_page(self) -> Page:
        """Hand out what was changed since the last time."""
        page, self.page = self.page, Page()
        self._known_before, self._known = self._known, {}
        return page

    # ── reading, for drafts ─────────────────────────────────────────────────────────────────────────

    def asset(self, code: str) -> Asset:
        """Return an asset. Raises UnknownAsset."""
        asset = self._assets.get(code)
        if asset is None:
            raise UnknownAsset(f"there is no asset {code!r}")
        return asset

    @property
    def assets(self) -> Collection[Asset]:
        """Every asset; empty until they were shown."""
        return self._assets.values()

    def asset_or_none(self, code: str) -> Asset | None:
        """Return an asset if it was defined."""
        return self._assets.get(code)

    def account(self, id_: str) -> Account:
        """Return an account; it must be among the wanted."""
        return self._accounts[id_]

    def has_hold(self, hold_id: str) -> bool:
        """Tell whether this id was used for a hold."""
        return hold_id in self._holds

    def hold(self, hold_id: str) -> Hold:
        """Return a hold. Raises UnknownHold."""
        hold = self._holds.get(hold_id)
        if hold is None:
            raise UnknownHold(f"there is no hold {hold_id}")
        return hold

    def lots_of(self, id_: str) -> Iterable[Lot]:
        """Return the lots of an account; used up ones may be among them."""
        return self._lots.get(id_, {}).values()

    def lot(self, lot_id: str) -> Lot | None:
        """Return a lot as it is now, if it was shown."""
        owner = self._owners.get(lot_id)
        return self._lots[owner][lot_id] if owner else None

    def mark(self, session_id: str, asset: str) -> Mark:
        """Return how far a session was charged: not at all when it is new."""
        return self._marks.get(session_id) or Mark(session_id, asset)

    def original(self, txn_id: str) -> Original:
        """Return a transaction of the past. Raises NotFound."""
        original = self._originals.get(txn_id)
        if original is None:
            raise NotFound(f"there is no transaction {txn_id}")
        return original

    # ── performing ──────────────────────────────────────────────────────────────────────────────────

    def perform(self, command: Command, request_hash: bytes, txn_id: str, now_us: int) -> Any:
        """Perform a command and return its answer. Raises the Problem that refuses it.

        A named command is refused for good: the refusal is written down, and a repeat gets it again.
        """
        name = command.name
        known = self._outcome(name) if name else None
        if known is not None:
            return _answer_again(command, known, request_hash)
        draft = Draft(self, txn_id, now_us)
        try:
            answer = command.apply(draft)
        except Problem as refusal:
            if name is not None:
                self._write_head(draft.rejected(request_hash, refusal.code, refusal.detail))
            raise
        if not draft.is_empty:
            self._accept(draft, request_hash)
        return answer

    def _accept(self, draft: Draft, request_hash: bytes) -> None:
        page = self.page
        self._write_head(draft.applied(request_hash))
        page.legs += draft.legs
        for id_, account in draft.accounts.items():
            is_new = id_ in page.accounts_opened or not self._accounts[id_].opened_by
            (page.accounts_opened if is_new else page.accounts_changed)[id_] = account
        self._accounts.update(draft.accounts)
        if draft.holds:
            self._accept_holds(draft.holds)
        if draft.lots:
            page.moves += draft.moves
            self._accept_lots(draft.lots)
        if draft.marks:
            page.usage += draft.usage
            page.marks.update(draft.marks)
            self._marks.update(draft.marks)
        if draft.assets:
            page.assets.update(draft.assets)
            self._assets.update(draft.assets)
        if draft.reverses:
            original = self._originals[draft.reverses]
            self._originals[draft.reverses] = original._replace(reversed_by=draft.txn_id)
        if draft.announcement:
            page.announcements.append(draft.announcement)

    def _accept_holds(self, holds: dict[str, Hold]) -> None:
        for id_, hold in holds.items():
            is_new = id_ in self.page.holds_made or id_ not in self._holds
            (self.page.holds_made if is_new else self.page.holds_changed)[id_] = hold
        self._holds.update(holds)

    def _accept_lots(self, lots: dict[str, Lot]) -> None:
        for id_, lot in lots.items():
            is_new = id_ in self.page.lots_opened or id_ not in self._owners
            (self.page.lots_opened if is_new else self.page.lots_changed)[id_] = lot
            self._put(lot)

    def _put(self, lot: Lot) -> None:
        self._lots.setdefault(lot.account_id, {})[lot.id] = lot
        self._owners[lot.id] = lot.account_id

    def _write_head(self, txn: Txn) -> None:
        self.page.txns.append(txn)
        self._known[txn.scope, txn.key] = txn

    def _outcome(self, name: Name) -> Known | Txn | None:
        return self._known.get(name) or self._known_before.get(name)


def _answer_again(command: Command, known: Known | Txn, request_hash: bytes) -> Any:
    if known.request_hash != request_hash:
        raise KeyReused(f"{command.name} was used for another transaction; make a new key for it")
    if known.status == Status.REJECTED:
        raise Problem.revive(known.reason, known.detail, {})
    return command.repeat(known.id)
