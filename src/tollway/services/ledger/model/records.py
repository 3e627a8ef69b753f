"""What a transaction leaves behind: rows that are written once and never changed. One tuple is one row."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import StrEnum
from typing import NamedTuple, Protocol, TypeVar

from tollway.services.ledger.model.values import Account, AccountRef, Asset, Hold, Lot, SessionUsage

Name = tuple[str, str]
"""(scope, key): who makes the key unique, and the business event it stands for."""


class TransactionStatus(StrEnum):
    """How a transaction ended. Both are final: a refused name stays refused."""

    APPLIED = "applied"
    REJECTED = "rejected"


class Txn(NamedTuple):
    """The head of a transaction.

    `reason` and `detail` say why it was rejected. Of an applied posting with a leg "up to", `detail` is a JSON array
    of the units of each leg that was asked for, so that a repeat gets the same answer.
    """

    id: str
    scope: str
    key: str
    request_hash: bytes
    code: str
    status: str
    reason: str
    detail: str
    actor: str
    event_at_us: int
    created_at_us: int
    reverses: str | None
    meta: str  # a JSON object of texts, keys sorted


class LegRow(NamedTuple):
    """A leg: one row with both sides, so that what leaves one account arrives at the other.

    The balances are those after the leg; the versions give each account a history without gaps.
    """

    txn_id: str
    line: int
    kind: str
    hold_id: str | None
    asset: str
    debit_id: str
    credit_id: str
    amount: int
    debit_version: int
    credit_version: int
    debit_balance: int
    credit_balance: int


class LotMove(NamedTuple):
    """What a leg took out of a lot."""

    txn_id: str
    line: int
    lot_id: str
    quantity: int
    cost: int


class UsageLine(NamedTuple):
    """What a transaction charged for a session: `units` is what the cumulative counter grew by."""

    txn_id: str
    session_id: str
    units: int
    cumulative: int
    sequence: int
    final: bool


class PendingEvent(NamedTuple):
    """What is published about an applied transaction."""

    txn_id: str
    code: str
    actor: str
    owners: list[str]
    amounts: dict[str, int]


class StoredOutcome(NamedTuple):
    """What a name led to, which every repeat of it gets: the part of a `Txn` that says it."""

    id: str
    request_hash: bytes
    status: str
    reason: str
    detail: str


class Original(NamedTuple):
    """A transaction of the past with what it did, as its reversal has to know it."""

    txn: Txn
    reversed_by: str
    legs: tuple[LegRow, ...]
    opened: dict[int, tuple[Lot, ...]]  # by line, as they are now
    taken: dict[int, tuple[tuple[Lot, LotMove], ...]]  # by line; the lots' terms matter, not their state


class StatementEntry(NamedTuple):
    """A transaction with all that it wrote: what is hashed, sealed, shown and proved."""

    txn: Txn
    legs: tuple[LegRow, ...]
    lots: tuple[Lot, ...]  # opened
    moves: tuple[LotMove, ...]
    holds: tuple[Hold, ...]  # made
    usage: tuple[UsageLine, ...]
    accounts: tuple[str, ...]  # ids of those opened
    tag: bytes | None = None  # what shows that the ledger wrote it; not part of what is hashed


class StatementFilter(NamedTuple):
    """Which lines of a statement are wanted.

    Without `details` they add up to the balance: what is only held or released is left out, and what one hold paid for
    piece by piece is one line. `code` is the event's name, empty for any; times are from `since_us` to before
    `until_us`, 0 for no bound. `text` is a transaction's id, or part of what was noted with it, in either case.
    """

    details: bool = True
    code: str = ""
    since_us: int = 0
    until_us: int = 0
    text: str = ""


class StatementLine(NamedTuple):
    """A leg as the owner of one of its accounts sees it. `balance` is what was there after it.

    `parts` is how many legs the line sums up, the oldest of which made the version `first_version`.
    """

    txn_id: str
    line: int
    kind: str
    code: str
    debit: int
    credit: int
    version: int
    balance: int
    at_us: int
    meta: str
    hold_id: str | None
    other: AccountRef
    parts: int = 1
    first_version: int = 0


def fold(lines: Iterable[StatementLine]) -> list[StatementLine]:
    """Sum up neighbouring lines that the same hold paid for; newest first, as they come."""
    folded: list[StatementLine] = []
    for line in lines:
        last = folded[-1] if folded else None
        if last is None or line.hold_id is None or (last.hold_id, last.kind) != (line.hold_id, line.kind):
            folded.append(line)
            continue
        folded[-1] = last._replace(
            debit=last.debit + line.debit,
            credit=last.credit + line.credit,
            parts=last.parts + line.parts,
            first_version=line.first_version,
        )
    return folded


class Seal(NamedTuple):
    """A signed link of the chain: the Merkle root of a run of transactions, bound to the seal before."""

    number: int
    first_txn: str
    last_txn: str
    size: int  # how many transactions
    root: bytes
    previous: bytes
    hash: bytes
    signature: bytes
    signer: bytes
    sealed_at_us: int
    audit_sequence: int | None = (
        None  # the last entry of the audit trail at that time; None: an older version's seal
    )
    audit_hash: str | None = None


@dataclass(slots=True)
class ChangeSet:
    """Everything that a batch of transactions changed, ready to be written once it is tagged."""

    tags: list[bytes] = field(default_factory=list[bytes])  # one for each transaction
    txns: list[Txn] = field(default_factory=list[Txn])
    legs: list[LegRow] = field(default_factory=list[LegRow])
    moves: list[LotMove] = field(default_factory=list[LotMove])
    usage: list[UsageLine] = field(default_factory=list[UsageLine])
    events: list[PendingEvent] = field(default_factory=list[PendingEvent])
    accounts_opened: dict[str, Account] = field(default_factory=dict[str, Account])
    accounts_changed: dict[str, Account] = field(default_factory=dict[str, Account])
    holds_made: dict[str, Hold] = field(default_factory=dict[str, Hold])
    holds_changed: dict[str, Hold] = field(default_factory=dict[str, Hold])
    lots_opened: dict[str, Lot] = field(default_factory=dict[str, Lot])
    lots_changed: dict[str, Lot] = field(default_factory=dict[str, Lot])
    sessions: dict[str, SessionUsage] = field(default_factory=dict[str, SessionUsage])
    assets: dict[str, Asset] = field(default_factory=dict[str, Asset])

    @property
    def last_txn(self) -> str:
        """The id of the last transaction among them."""
        return self.txns[-1].id if self.txns else ""

    def entries(self) -> list[StatementEntry]:
        """Return each transaction with all that it wrote, as the journal will show it."""
        legs, moves, usage = _by_txn(self.legs), _by_txn(self.moves), _by_txn(self.usage)
        lots, holds = _by_txn(self.lots_opened.values()), _by_txn(self.holds_made.values())
        opened: dict[str, list[str]] = {}
        for account in self.accounts_opened.values():
            opened.setdefault(account.opened_by, []).append(account.id)
        return [
            StatementEntry(
                txn,
                tuple(legs.get(txn.id, ())),
                tuple(sorted(lots.get(txn.id, ()))),
                tuple(sorted(moves.get(txn.id, ()), key=_move_key)),
                tuple(sorted(holds.get(txn.id, ()))),
                tuple(sorted(usage.get(txn.id, ()), key=_usage_key)),
                tuple(sorted(opened.get(txn.id, ()))),
            )
            for txn in self.txns
        ]


class _OfTxn(Protocol):
    @property
    def txn_id(self) -> str: ...


_Row = TypeVar("_Row", bound=_OfTxn)


def _by_txn(rows: Iterable[_Row]) -> dict[str, list[_Row]]:
    found: dict[str, list[_Row]] = {}
    for row in rows:
        if (mine := found.get(row.txn_id)) is None:
            found[row.txn_id] = [row]
        else:
            mine.append(row)
    return found


def _move_key(move: LotMove) -> tuple[int, str]:
    return move.line, move.lot_id


def _usage_key(line: UsageLine) -> tuple[str, int]:
    return line.session_id, line.sequence
