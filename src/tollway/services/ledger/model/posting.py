"""The general command: a posting of legs under a name, and its one correction, the reversal."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import orjson

from tollway.contracts.books import PLATFORM
from tollway.contracts.errors import AlreadyReversed
from tollway.kit.errors import Conflict, Invalid
from tollway.kit.money import MAX_UNITS
from tollway.services.ledger.model.draft import Draft, TxnHeader
from tollway.services.ledger.model.records import LegRow, Name, Original, TransactionStatus
from tollway.services.ledger.model.values import (
    MAX_NAME,
    OWN_SCOPE,
    Account,
    AccountRef,
    LegKind,
    LotTerms,
    check_ref,
)
from tollway.services.ledger.model.working_set import Command, ReadSet

MAX_LEGS = 64
MAX_KEY = 300
MAX_META_BYTES = 4096


class Leg(NamedTuple):
    """One leg as its author states it. CAPTURE and RELEASE take both sides from the hold."""

    kind: LegKind
    debit: AccountRef | None
    credit: AccountRef | None
    amount: int  # above 0; for RELEASE 0 means all that remains
    hold_id: str = ""
    hold_expires_at_us: int = 0
    lot: LotTerms | None = None
    up_to: bool = False  # move as much of the amount as the debit account has available


class Receipt(NamedTuple):
    """The answer to a posting: the accounts as it left them, or none when it is a repeat's.

    `moved` has the units of each leg when the posting has one "up to", otherwise nothing.
    """

    txn_id: str
    replayed: bool
    accounts: tuple[Account, ...]
    moved: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Posting(Command):
    """A transaction as its author states it: all of its legs or none."""

    scope: str
    key: str
    code: str
    legs: tuple[Leg, ...]
    actor: str
    event_at_us: int = 0
    meta: Mapping[str, str] = field(default_factory=dict[str, str])

    @property
    def name(self) -> Name:
        """Return what a repeat is known by."""
        return self.scope, self.key

    def fingerprint(self) -> bytes:
        """Hash everything that would make this another transaction."""
        contents = [self.code, self.actor, self.event_at_us, self.legs, meta_text(self.meta)]
        return hashlib.sha256(orjson.dumps(contents, default=_hashed)).digest()

    def add_reads(self, reads: ReadSet) -> None:
        """Name the accounts and holds of the legs, and the accounts of the lots' cost."""
        reads.names.add(self.name)
        for leg in self.legs:
            if leg.debit is not None and leg.credit is not None:
                reads.accounts.add(leg.debit)
                reads.accounts.add(leg.credit)
            if leg.hold_id:
                reads.holds.add(leg.hold_id)
            if leg.lot is not None and leg.lot.accounts is not None:
                reads.accounts.update(leg.lot.accounts)

    def apply(self, draft: Draft) -> Receipt:
        """Execute the legs in order."""
        draft.header = TxnHeader(
            self.scope, self.key, self.code, self.actor, self.event_at_us, meta_text(self.meta)
        )
        moved = tuple([_apply(draft, leg) for leg in self.legs])
        if any(leg.up_to for leg in self.legs):
            draft.outcome = orjson.dumps(moved).decode()
        else:
            moved = ()
        draft.publish()
        return Receipt(draft.txn_id, replayed=False, accounts=tuple(draft.accounts.values()), moved=moved)

    def repeat(self, txn_id: str, outcome: str) -> Receipt:
        """Return the receipt again."""
        moved = tuple(orjson.loads(outcome)) if outcome else ()
        return Receipt(txn_id, replayed=True, accounts=(), moved=moved)


@dataclass(frozen=True, slots=True)
class PostingReversal(Command):
    """The mirror image of a transaction: every leg back, the last one first. At most once each.

    `posted_by` is in whose name the transaction must have been posted; empty: in anybody's.
    """

    txn_id: str
    scope: str
    key: str
    actor: str
    reason: str
    posted_by: str = ""

    @property
    def name(self) -> Name:
        """Return what a repeat is known by."""
        return self.scope, self.key

    def fingerprint(self) -> bytes:
        """Hash everything that would make this another reversal."""
        contents = ["reverse", self.txn_id, self.actor, self.reason]
        return hashlib.sha256(orjson.dumps(contents)).digest()

    def add_reads(self, reads: ReadSet) -> None:
        """Name the transaction; the store adds what it touched."""
        reads.names.add(self.name)
        reads.transactions.add(self.txn_id)

    def apply(self, draft: Draft) -> Receipt:
        """Undo the transaction. Raises NotFound, AlreadyReversed, and Conflict for what can't be undone."""
        meta = meta_text({"reason": self.reason} if self.reason else {})
        draft.header = TxnHeader(self.scope, self.key, "reverse", self.actor, 0, meta)
        original = draft.state.original(self.txn_id)
        if self.posted_by and original.txn.scope != self.posted_by:
            raise Conflict(
                f"{self.txn_id} was posted by {original.txn.scope}; {self.scope} cannot reverse it"
            )
        if original.txn.status != TransactionStatus.APPLIED:
            raise Conflict(f"{self.txn_id} was rejected; there is nothing to reverse")
        if original.reversed_by:
            raise AlreadyReversed(f"{self.txn_id} was reversed by {original.reversed_by}")
        if not original.legs:
            raise Conflict(f"{self.txn_id} moved nothing; there is nothing to reverse")
        for leg in reversed(original.legs):
            _undo(draft, original, leg)
        draft.reverses = self.txn_id
        draft.publish()
        return Receipt(draft.txn_id, replayed=False, accounts=tuple(draft.accounts.values()))

    def repeat(self, txn_id: str, outcome: str) -> Receipt:  # noqa: ARG002  the base's signature
        """Return the receipt again."""
        return Receipt(txn_id, replayed=True, accounts=())


def check_posting(posting: Posting) -> None:
    """Refuse what could never be executed, before it is queued. Raises Invalid."""
    check_name(posting.scope, posting.key)
    if not posting.code.isidentifier() or not posting.code.islower() or len(posting.code) > MAX_NAME:
        raise Invalid(f"code is the event's name in small letters, not {posting.code!r}")
    if not 0 < len(posting.legs) <= MAX_LEGS:
        raise Invalid(f"a transaction has 1 to {MAX_LEGS} legs")
    if posting.event_at_us < 0:
        raise Invalid("event_at_us is before 1970")
    if len(posting.actor) > MAX_NAME:
        raise Invalid(f"actor has at most {MAX_NAME} characters")
    if posting.meta and len(meta_text(posting.meta).encode()) > MAX_META_BYTES:
        raise Invalid(f"meta is at most {MAX_META_BYTES} bytes")
    for leg in posting.legs:
        _check_leg(leg)


def check_name(scope: str, key: str) -> None:
    """Refuse a name that looks like another, or that the ledger keeps for itself. Raises Invalid."""
    if not 0 < len(scope) <= MAX_NAME or not 0 < len(key) <= MAX_KEY:
        raise Invalid(f"scope has 1 to {MAX_NAME} characters and key 1 to {MAX_KEY}")
    if scope == OWN_SCOPE:
        raise Invalid(f"the scope {OWN_SCOPE!r} is the ledger's own")


def check_hold_id(hold_id: str) -> None:
    """Refuse an id that is not a hold's. Raises Invalid."""
    if not hold_id.startswith("hld_") or len(hold_id) > MAX_NAME:
        raise Invalid(f"a hold's id begins with hld_, not {hold_id[:20]!r}")


def meta_text(meta: Mapping[str, str]) -> str:
    """Render meta as it is kept: JSON with sorted keys, so that equal is equal."""
    return orjson.dumps(dict(meta), option=orjson.OPT_SORT_KEYS).decode() if meta else "{}"


def _check_leg(leg: Leg) -> None:
    if leg.amount > MAX_UNITS or leg.amount < (0 if leg.kind == LegKind.RELEASE else 1):
        raise Invalid("a leg's amount is at least 1 and fits 63 bits; only a release may say 0 for all")
    if leg.kind != LegKind.POST:
        check_hold_id(leg.hold_id)
    if leg.hold_expires_at_us < 0:
        raise Invalid("hold_expires_at_us is before 1970")
    if leg.lot is not None:
        _check_terms(leg)
    if leg.up_to and (leg.kind != LegKind.POST or leg.lot is not None):
        raise Invalid("only a post without lot terms may move up to an amount")
    if leg.kind in {LegKind.POST, LegKind.HOLD}:
        _check_sides(leg)


def _check_sides(leg: Leg) -> None:
    if leg.debit is None or leg.credit is None:
        raise Invalid(f"a {leg.kind} names its debit and its credit account")
    check_ref(leg.debit)
    check_ref(leg.credit)
    if leg.debit == leg.credit:
        raise Invalid("a leg is between two accounts")
    if leg.debit.asset != leg.credit.asset:
        raise Invalid(f"a leg is in one asset, not from {leg.debit.asset} to {leg.credit.asset}")


def _check_terms(leg: Leg) -> None:
    assert leg.lot is not None
    if leg.kind not in {LegKind.POST, LegKind.CAPTURE}:
        raise Invalid("only a post or a capture opens a lot")
    if not 0 <= leg.lot.cost <= MAX_UNITS or leg.lot.expires_at_us < 0:
        raise Invalid("a lot's cost and end are not negative")
    accounts = leg.lot.accounts
    if accounts is None:
        if leg.lot.cost:
            raise Invalid("a lot that cost something names its deferred, revenue and breakage accounts")
        return
    for ref in accounts:
        check_ref(ref)
        if ref.owner_kind != PLATFORM or ref.asset != accounts.deferred.asset:
            raise Invalid("the accounts of a lot's cost are the platform's, and of one asset")


def _apply(draft: Draft, leg: Leg) -> int:
    """Execute one leg; return how many units it moved, set aside or gave back."""
    kind, debit, credit, amount, hold_id, expires_at_us, lot, up_to = leg
    if kind == LegKind.CAPTURE:
        draft.capture(hold_id, amount, lot)
        return amount
    if kind == LegKind.RELEASE:
        return draft.release(hold_id, amount)
    assert debit is not None
    assert credit is not None
    if kind == LegKind.HOLD:
        draft.hold(hold_id, debit, credit, amount, expires_at_us)
        return amount
    if up_to:
        payer = draft.account(debit)
        amount = min(amount, max(0, payer.available)) if payer.limited else amount
    if amount:
        draft.post(debit, credit, amount, lot)
    return amount


def _hashed(value: tuple[Any, ...]) -> tuple[Any, ...]:
    # A posting that was made before there was `up_to` must keep its fingerprint.
    return value[:-1] if type(value) is Leg and not value.up_to else tuple(value)


def _undo(draft: Draft, original: Original, leg: LegRow) -> None:
    """WorkingSet the mirror image of one leg.

    What it brought to a customer is taken out of the very lots that it opened; what it took from a
    customer comes back in new lots with the cost and the end of the old ones.
    """
    match LegKind(leg.kind):
        case LegKind.HOLD:
            assert leg.hold_id is not None
            draft.release(leg.hold_id, leg.amount)
        case LegKind.RELEASE:
            raise Conflict(f"{leg.txn_id} released a hold, which can't be reversed; hold again instead")
        case LegKind.POST | LegKind.CAPTURE:
            debit, credit = draft.account_by_id(leg.credit_id), draft.account_by_id(leg.debit_id)
            line = draft.move(debit, credit, leg.amount)
            for opened in original.opened.get(leg.line, ()):
                lot = draft.lot_now(opened)
                if lot.remaining != lot.quantity:
                    raise Conflict(f"part of what {leg.txn_id} delivered was used; it can't be taken back")
                draft.consume_from(line, lot, lot.quantity)
            for lot, move in original.taken.get(leg.line, ()):
                draft.open_lot_from(line, credit, move.quantity, move.cost, lot)
