"""The working set: the part of the ledger that a batch of commands needs, in memory.

The store loads what the commands' `ReadSet` names, the commands are executed in order, each all or nothing, and what
changed is handed out as a `ChangeSet` to be written. No I/O happens here, so the rules can be read, and tested,
without a database.
"""

from abc import ABC, abstractmethod
from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from typing import Any

from tollway.contracts.errors import KeyReused, UnknownAsset, UnknownHold
from tollway.kit.errors import NotFound, Problem
from tollway.services.ledger.model.draft import Draft
from tollway.services.ledger.model.records import (
    ChangeSet,
    Name,
    Original,
    StoredOutcome,
    TransactionStatus,
    Txn,
)
from tollway.services.ledger.model.values import (
    Account,
    AccountRef,
    Asset,
    Hold,
    Lot,
    SessionUsage,
    account_id,
)


@dataclass(slots=True)
class ReadSet:
    """What has to be loaded before commands can be executed."""

    names: set[Name] = field(default_factory=set[Name])
    accounts: set[AccountRef] = field(default_factory=set[AccountRef])
    holds: set[str] = field(default_factory=set[str])
    sessions: set[str] = field(default_factory=set[str])
    lots: set[str] = field(default_factory=set[str])
    transactions: set[str] = field(default_factory=set[str])


class Command(ABC):
    """Something a caller wants done. It is executed whole or refused whole.

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

    def repeat(self, txn_id: str, outcome: str) -> Any:  # noqa: ARG002  part of the signature for those that keep one
        """Return the answer to a repeat of what was done in `txn_id`; only for named commands."""
        raise AssertionError(f"{type(self).__name__} has no name; {txn_id} can't be a repeat of it")

    @abstractmethod
    def add_reads(self, reads: ReadSet) -> None:
        """Add what this command reads to `reads`."""

    @abstractmethod
    def apply(self, draft: Draft) -> Any:
        """Do it in the draft and return the answer. Raises the Problem that forbids it."""


class WorkingSet:
    """What is loaded of the ledger, and what the commands executed so far have changed in it."""

    def __init__(self) -> None:
        self.changes = ChangeSet()
        self._assets: dict[str, Asset] = {}
        self._accounts: dict[str, Account] = {}
        self._holds: dict[str, Hold] = {}
        self._lots: dict[str, dict[str, Lot]] = {}  # by account
        self._owners: dict[str, str] = {}  # of lots
        self._sessions: dict[str, SessionUsage] = {}
        # Outcomes of names: those of this change set, and of the one before, which may not be written yet.
        self._outcomes: dict[Name, StoredOutcome | Txn] = {}
        self._outcomes_before: dict[Name, StoredOutcome | Txn] = {}
        self._originals: dict[str, Original] = {}

    # ── loading ─────────────────────────────────────────────────────────────────────────────────────
    # What is here already is newer than what is read, and stays.

    @property
    def size(self) -> int:
        """How many values are loaded, roughly: what grows with use."""
        return len(self._accounts) + len(self._holds) + len(self._owners) + len(self._sessions)

    def missing(self, reads: ReadSet) -> ReadSet:
        """Return the part of `reads` that is not loaded yet."""
        return ReadSet(
            names=reads.names - self._outcomes_before.keys() - self._outcomes.keys(),
            accounts={ref for ref in reads.accounts if account_id(ref) not in self._accounts},
            holds={id_ for id_ in reads.holds if id_ not in self._holds},
            sessions={id_ for id_ in reads.sessions if id_ not in self._sessions},
            lots=reads.lots - self._owners.keys(),
            transactions={id_ for id_ in reads.transactions if id_ not in self._originals},
        )

    def known(self, reads: ReadSet) -> tuple[list[Hold], list[Lot]]:
        """Return the holds and lots of `reads` that are loaded."""
        holds = [self._holds[id_] for id_ in reads.holds if id_ in self._holds]
        return holds, [lot for id_ in reads.lots if (lot := self.lot(id_)) is not None]

    def add_assets(self, assets: Iterable[Asset]) -> None:
        """Add every asset that the ledger has."""
        self._assets.update((asset.code, asset) for asset in assets)

    def add_accounts(self, accounts: Iterable[Account]) -> None:
        """Add accounts; one that does not exist yet comes with all counters zero."""
        for account in accounts:
            self._accounts.setdefault(account.id, account)

    def add_holds(self, holds: Iterable[Hold]) -> None:
        """Add holds."""
        for hold in holds:
            self._holds.setdefault(hold.id, hold)

    def add_lots(self, lots: Iterable[Lot]) -> None:
        """Add lots: all open ones of each account that is loaded."""
        for lot in lots:
            if lot.id not in self._owners:
                self._put(lot)

    def add_sessions(self, sessions: Iterable[SessionUsage]) -> None:
        """Add how far sessions were charged."""
        for usage in sessions:
            self._sessions.setdefault(usage.session_id, usage)

    def add_outcomes(self, known: Iterable[tuple[Name, StoredOutcome]]) -> None:
        """Add the outcomes of names that were used."""
        for name, outcome in known:
            self._outcomes.setdefault(name, outcome)

    def add_originals(self, originals: Iterable[Original]) -> None:
        """Add transactions of the past that are to be reversed."""
        for original in originals:
            self._originals.setdefault(original.txn.id, original)
            for lots in original.opened.values():
                self.add_lots(lots)

    def has_account(self, id_: str) -> bool:
        """Return whether an account is loaded."""
        return id_ in self._accounts

    def take_changes(self) -> ChangeSet:
        """Hand out what was changed since the last time."""
        changes, self.changes = self.changes, ChangeSet()
        self._outcomes_before, self._outcomes = self._outcomes, {}
        return changes

    # ── reading, for drafts ─────────────────────────────────────────────────────────────────────────

    def asset(self, code: str) -> Asset:
        """Return an asset. Raises UnknownAsset."""
        asset = self._assets.get(code)
        if asset is None:
            raise UnknownAsset(f"there is no asset {code!r}")
        return asset

    @property
    def assets(self) -> Collection[Asset]:
        """Every asset; empty until they were loaded."""
        return self._assets.values()

    def asset_or_none(self, code: str) -> Asset | None:
        """Return an asset if it was defined."""
        return self._assets.get(code)

    def account(self, id_: str) -> Account:
        """Return an account; it must have been loaded."""
        return self._accounts[id_]

    def has_hold(self, hold_id: str) -> bool:
        """Return whether this id was used for a hold."""
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
        """Return a lot as it is now, if it was loaded."""
        owner = self._owners.get(lot_id)
        return self._lots[owner][lot_id] if owner else None

    def usage(self, session_id: str, asset: str) -> SessionUsage:
        """Return how far a session was charged: not at all when it is new."""
        return self._sessions.get(session_id) or SessionUsage(session_id, asset)

    def original(self, txn_id: str) -> Original:
        """Return a transaction of the past. Raises NotFound."""
        original = self._originals.get(txn_id)
        if original is None:
            raise NotFound(f"there is no transaction {txn_id}")
        return original

    # ── executing ───────────────────────────────────────────────────────────────────────────────────

    def execute(self, command: Command, request_hash: bytes, txn_id: str, now_us: int) -> Any:
        """Execute a command and return its answer, or the Problem that refuses it.

        A named command is refused for good: the refusal is stored, and a repeat gets it again.
        """
        name = command.name
        stored = (self._outcomes.get(name) or self._outcomes_before.get(name)) if name else None
        if stored is not None:
            return _answer_again(command, stored, request_hash)
        draft = Draft(self, txn_id, now_us)
        try:
            answer = command.apply(draft)
        except Problem as refusal:
            if name is not None:
                self._add_head(draft.rejected(request_hash, refusal.code, refusal.detail))
            return refusal
        if not draft.is_empty:
            self._accept(draft, request_hash)
        return answer

    def _accept(self, draft: Draft, request_hash: bytes) -> None:
        changes = self.changes
        self._add_head(draft.applied(request_hash))
        changes.legs += draft.legs
        for id_, account in draft.accounts.items():
            is_new = id_ in changes.accounts_opened or not self._accounts[id_].opened_by
            (changes.accounts_opened if is_new else changes.accounts_changed)[id_] = account
        self._accounts.update(draft.accounts)
        if draft.holds:
            self._accept_holds(draft.holds)
        if draft.lots:
            changes.moves += draft.moves
            self._accept_lots(draft.lots)
        if draft.sessions:
            changes.usage += draft.usage
            changes.sessions.update(draft.sessions)
            self._sessions.update(draft.sessions)
        if draft.assets:
            changes.assets.update(draft.assets)
            self._assets.update(draft.assets)
        if draft.reverses:
            original = self._originals[draft.reverses]
            self._originals[draft.reverses] = original._replace(reversed_by=draft.txn_id)
        if draft.event:
            changes.events.append(draft.event)

    def _accept_holds(self, holds: dict[str, Hold]) -> None:
        for id_, hold in holds.items():
            is_new = id_ in self.changes.holds_made or id_ not in self._holds
            (self.changes.holds_made if is_new else self.changes.holds_changed)[id_] = hold
        self._holds.update(holds)

    def _accept_lots(self, lots: dict[str, Lot]) -> None:
        for id_, lot in lots.items():
            is_new = id_ in self.changes.lots_opened or id_ not in self._owners
            (self.changes.lots_opened if is_new else self.changes.lots_changed)[id_] = lot
            self._put(lot)

    def _put(self, lot: Lot) -> None:
        self._lots.setdefault(lot.account_id, {})[lot.id] = lot
        self._owners[lot.id] = lot.account_id

    def _add_head(self, txn: Txn) -> None:
        self.changes.txns.append(txn)
        self._outcomes[txn.scope, txn.key] = txn


def _answer_again(command: Command, stored: StoredOutcome | Txn, request_hash: bytes) -> Any:
    if stored.request_hash != request_hash:
        return KeyReused(f"{command.name} was used for another transaction; make a new key for it")
    if stored.status == TransactionStatus.REJECTED:
        return Problem.revive(stored.reason, stored.detail, {})
    return command.repeat(stored.id, stored.detail)
