"""The proof's own arithmetic: replays the journal from the first transaction on and says what does not hold.

It shares nothing with the code that posts but the values, so a mistake there is found here. What it finds is
described in sentences; the books are proved when there are none.
"""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field

import orjson

from tollway.contracts.books import ACCESS, MONEY, USER
from tollway.services.ledger.model.records import LegRow, StatementEntry, TransactionStatus
from tollway.services.ledger.model.values import (
    Account,
    Asset,
    Hold,
    Lot,
    SessionUsage,
    account_id,
    is_limited,
)

MAX_FINDINGS = 100
# How a leg's amount counts on the posted and the pending counters.
_COUNTED = {"post": (1, 0), "hold": (0, 1), "capture": (1, -1), "release": (0, -1)}


@dataclass(slots=True)
class Counters:
    """What an account's counters must be."""

    debits_posted: int = 0
    credits_posted: int = 0
    debits_pending: int = 0
    credits_pending: int = 0
    version: int = 0

    @property
    def balance(self) -> int:
        return self.credits_posted - self.debits_posted


@dataclass(slots=True)
class OpenLot:
    """What must be left in a lot, and how its cost is to be cut."""

    lot: Lot
    remaining: int


@dataclass(slots=True)
class Replay:
    """The state of the books after the entries taken so far."""

    findings: list[str] = field(default_factory=list[str])
    totals: defaultdict[str, int] = field(default_factory=lambda: defaultdict(int))
    transactions: int = 0
    legs: int = 0
    moves: int = 0
    usage: int = 0
    last_txn: str = ""
    accounts: defaultdict[str, Counters] = field(default_factory=lambda: defaultdict(Counters))
    opened: dict[str, tuple[str, int]] = field(default_factory=dict[str, tuple[str, int]])
    holds: dict[str, Hold] = field(default_factory=dict[str, Hold])
    lots: dict[str, OpenLot] = field(default_factory=dict[str, OpenLot])
    sessions: dict[str, SessionUsage] = field(default_factory=dict[str, SessionUsage])
    assets: dict[str, Asset] = field(default_factory=dict[str, Asset])
    reversed: set[str] = field(default_factory=set[str])
    applied: set[str] = field(default_factory=set[str])
    lot_owners: set[str] = field(default_factory=set[str])
    limited: set[str] = field(default_factory=set[str])

    def find(self, sentence: str) -> None:
        """Note what does not hold."""
        if len(self.findings) < MAX_FINDINGS:
            self.findings.append(sentence)

    # ── the journal ─────────────────────────────────────────────────────────────────────────────────

    def take(self, entry: StatementEntry) -> None:
        """Go on by one transaction."""
        txn = entry.txn
        self.transactions += 1
        if txn.id <= self.last_txn:
            self.find(f"{txn.id} is out of order after {self.last_txn}")
        self.last_txn = txn.id
        if txn.status == TransactionStatus.REJECTED and any(entry[1:7]):
            self.find(f"{txn.id} was rejected and yet wrote something")
        if txn.status == TransactionStatus.APPLIED:
            self.applied.add(txn.id)
        self._reversal(entry)
        self._definition(entry)
        self._outcome(entry)
        for id_ in entry.accounts:
            self.opened[id_] = (txn.id, txn.created_at_us)
        for hold in entry.holds:
            self.holds[hold.id] = hold._replace(remaining=0, state="")
        for lot in entry.lots:
            self.lots[lot.id] = OpenLot(lot, lot.quantity)
        for place, leg in enumerate(entry.legs):
            if leg.line != place:
                self.find(f"{txn.id} has a gap before line {leg.line}")
            self._leg(entry, leg)
        self._lots(entry)
        self._usage(entry)

    def _reversal(self, entry: StatementEntry) -> None:
        original = entry.txn.reverses
        if original is None:
            return
        if original in self.reversed or original not in self.applied:
            self.find(f"{entry.txn.id} reverses {original}, which was not there to be reversed")
        self.reversed.add(original)

    def _outcome(self, entry: StatementEntry) -> None:
        """Compare what an applied posting says that each leg moved with its legs; one that moved nothing has none."""
        if entry.txn.status != TransactionStatus.APPLIED or not entry.txn.detail:
            return
        try:
            moved = [units for units in orjson.loads(entry.txn.detail) if units]
        except (ValueError, TypeError):
            moved = None
        if moved != [leg.amount for leg in entry.legs]:
            self.find(f"{entry.txn.id} says that it moved {entry.txn.detail}, its legs moved something else")

    def _definition(self, entry: StatementEntry) -> None:
        if entry.txn.code != "define" or entry.txn.scope != "ledger":
            return
        try:
            said = orjson.loads(entry.txn.meta)
            code, kind, scale, unit = said["code"], said["kind"], int(said["scale"]), said["unit"]
            transferable = said["transferable"] == "true"
        except (ValueError, KeyError):
            self.find(f"{entry.txn.id} defines nothing that can be read")
            return
        known = self.assets.get(code)
        revision = known.revision + 1 if known else 1
        self.assets[code] = Asset(code, kind, scale, unit, transferable, revision, entry.txn.id)

    def _leg(self, entry: StatementEntry, leg: LegRow) -> None:
        self.legs += 1
        where = f"{leg.txn_id} line {leg.line}"
        if leg.kind not in _COUNTED:
            self.find(f"{where} is no leg of any kind")
            return
        posted, pending = _COUNTED[leg.kind]
        debit, credit = self.accounts[leg.debit_id], self.accounts[leg.credit_id]
        debit.debits_posted += posted * leg.amount
        debit.debits_pending += pending * leg.amount
        credit.credits_posted += posted * leg.amount
        credit.credits_pending += pending * leg.amount
        debit.version += 1
        credit.version += 1
        self.totals[leg.asset] += posted * leg.amount
        if (leg.debit_version, leg.credit_version) != (debit.version, credit.version):
            self.find(f"{where}: versions {leg.debit_version}, {leg.credit_version} leave a gap")
        if (leg.debit_balance, leg.credit_balance) != (debit.balance, credit.balance):
            self.find(f"{where}: the balances after it are not what its legs make them")
        if leg.debit_id in self.limited and debit.balance < debit.debits_pending:
            self.find(f"{where}: overdraws {leg.debit_id}")
        if leg.kind != "post":
            self._held(entry, leg, where)

    def _held(self, entry: StatementEntry, leg: LegRow, where: str) -> None:
        hold = self.holds.get(leg.hold_id or "")
        if hold is None or (hold.debit_id, hold.credit_id) != (leg.debit_id, leg.credit_id):
            self.find(f"{where}: there is no hold {leg.hold_id} between these accounts")
            return
        if leg.kind == "hold":
            if hold.state or hold.txn_id != leg.txn_id or hold.amount != leg.amount:
                self.find(f"{where}: the hold {hold.id} is not the one that was made here")
            self.holds[hold.id] = hold._replace(remaining=leg.amount, state="open")
            return
        remaining = hold.remaining - leg.amount
        if remaining < 0:
            self.find(f"{where}: more was taken from the hold {hold.id} than it had")
        ended = "captured" if leg.kind == "capture" else "released"
        if entry.txn.code == "hold_expired":
            ended = "expired"
        self.holds[hold.id] = hold._replace(remaining=remaining, state="open" if remaining > 0 else ended)

    def _lots(self, entry: StatementEntry) -> None:
        taken: defaultdict[tuple[int, str], int] = defaultdict(int)
        for move in entry.moves:
            self.moves += 1
            there = self.lots.get(move.lot_id)
            if there is None:
                self.find(f"{move.txn_id} took from the lot {move.lot_id}, which was not there")
                continue
            lot, used = there.lot, there.lot.quantity - there.remaining
            cost = lot.cost * (used + move.quantity) // lot.quantity - lot.cost * used // lot.quantity
            there.remaining -= move.quantity
            if there.remaining < 0 or cost != move.cost:
                self.find(
                    f"{move.txn_id} line {move.line}: quantity or cost taken from the lot {lot.id} is wrong"
                )
            taken[move.line, lot.account_id] += move.quantity
        for lot in entry.lots:
            taken[lot.line, lot.account_id] += lot.quantity
        for leg in entry.legs:
            if leg.kind in {"post", "capture"}:
                self._lots_of_leg(leg, taken)
        for (line, id_), quantity in taken.items():
            if quantity:
                self.find(f"{entry.txn.id} line {line}: {quantity} in lots of {id_} that no leg moved")

    def _lots_of_leg(self, leg: LegRow, taken: defaultdict[tuple[int, str], int]) -> None:
        for id_ in (leg.debit_id, leg.credit_id):
            if id_ not in self.lot_owners:
                continue
            if taken.pop((leg.line, id_), 0) != leg.amount:
                self.find(f"{leg.txn_id} line {leg.line}: the lots of {id_} don't add up to what was moved")

    def _usage(self, entry: StatementEntry) -> None:
        for line in entry.usage:
            self.usage += 1
            asset = next((leg.asset for leg in entry.legs if leg.kind != "release"), "")
            usage = self.sessions.get(line.session_id) or SessionUsage(line.session_id, asset)
            if (
                line.sequence <= usage.last_sequence
                or max(usage.posted, line.cumulative) != usage.posted + line.units
            ):
                self.find(f"{line.txn_id} charged the session {line.session_id} out of fifo_key or twice")
            self.sessions[usage.session_id] = SessionUsage(
                usage.session_id,
                usage.asset,
                usage.posted + line.units,
                line.sequence,
                usage.closed or line.final,
            )
        if entry.txn.code == "use" and entry.txn.scope == "ledger":
            used = [
                leg for leg in entry.legs if leg.kind in {"capture", "post"} and not self._is_money(leg.asset)
            ]
            if sum(leg.amount for leg in used) != sum(line.units for line in entry.usage):
                self.find(f"{entry.txn.id} moved another amount than its sessions used")

    def _is_money(self, code: str) -> bool:
        return code in self.assets and self.assets[code].kind == MONEY

    # ── the state ───────────────────────────────────────────────────────────────────────────────────

    def know_accounts(self, accounts: Iterable[Account], assets: Iterable[Asset]) -> None:
        """Learn beforehand which accounts may not be overdrawn, and which keep their units in lots."""
        access = {asset.code for asset in assets if asset.kind == ACCESS}
        for account in accounts:
            if is_limited(account.ref):
                self.limited.add(account.id)
            if account.ref.owner_kind == USER and account.ref.asset in access:
                self.lot_owners.add(account.id)

    def check_account(self, account: Account, lots: int) -> None:
        """Compare an account with what its legs make it; `lots` is what remains in its lots."""
        counted = self.accounts.pop(account.id, Counters())
        kept = Counters(*account[3:8])
        if kept != counted:
            self.find(f"the account {account.id} has {kept}, its legs make it {counted}")
        if account.id != account_id(account.ref) or account.limited != is_limited(account.ref):
            self.find(f"the account {account.id} is not the one that its name stands for")
        if self.opened.pop(account.id, None) != (account.opened_by, account.opened_at_us):
            self.find(f"the account {account.id} was not opened by {account.opened_by} at that time")
        if account.id in self.lot_owners and lots != account.balance:
            self.find(f"the lots of {account.id} hold {lots}, its balance is {account.balance}")

    def check_hold(self, hold: Hold) -> None:
        """Compare a hold with what its legs make it."""
        if self.holds.pop(hold.id, None) != hold:
            self.find(f"the hold {hold.id} is not what its legs make it")

    def check_lot(self, lot: Lot) -> None:
        """Compare a lot with what was taken from it."""
        counted = self.lots.pop(lot.id, None)
        if counted is None or counted.remaining != lot.remaining:
            self.find(f"the lot {lot.id} has {lot.remaining} left, which its moves don't make")

    def check_session(self, usage: SessionUsage) -> None:
        """Compare how far a session was charged with what was charged."""
        if self.sessions.pop(usage.session_id, None) != usage:
            self.find(f"the usage of the session {usage.session_id} is not what was charged")

    def check_assets(self, assets: Iterable[Asset]) -> None:
        """Compare the assets with their definitions."""
        if {asset.code: asset for asset in assets} != self.assets:
            self.find("the assets are not what was defined")

    def check_rest(self, legs: int, moves: int, usage: int, last_txn: str) -> None:
        """Say what the journal has and the state has not, and the other way round."""
        gone = [*self.accounts, *self.holds, *self.lots, *self.sessions]
        if gone:
            self.find(f"gone from the books: {', '.join(gone[:5])}{' and more' if gone[5:] else ''}")
        if (legs, moves, usage) != (self.legs, self.moves, self.usage):
            self.find("there are legs, lot moves or usage lines that belong to no transaction")
        if last_txn != self.last_txn:
            self.find(f"the last transaction is {self.last_txn}, the writer lock says {last_txn}")
