"""A transaction in the making: the primitives that all business events are made of.

A draft reads the state before it and keeps its changes to itself, so a refusal in the middle needs no undoing.
Each primitive is one leg, or raises the reason why not:

    post      moves units between two accounts
    hold      sets units aside
    capture   moves units that were set aside
    release   gives them back

Units of an access asset in customers' hands lie in lots. A leg that takes them from a customer takes them from the
lots, what expires first first; a leg that brings them to a customer opens a lot, with the terms of the sale or,
between customers, with the terms of the lots that they came from.
"""

from collections.abc import Sequence
from operator import attrgetter
from typing import NamedTuple

from tollway.contracts.books import ACCESS, USER
from tollway.contracts.errors import HoldEnded, HoldExceeded
from tollway.kit.errors import Conflict, Forbidden, InsufficientFunds, Invalid
from tollway.kit.ids import ids_after
from tollway.kit.money import format_units
from tollway.services.ledger.model.records import (
    LegRow,
    LotMove,
    PendingEvent,
    TransactionStatus,
    Txn,
    UsageLine,
)
from tollway.services.ledger.model.values import (
    EFFECTS,
    Account,
    AccountRef,
    Asset,
    Hold,
    HoldState,
    LegKind,
    Lot,
    LotSlice,
    LotTerms,
    SessionUsage,
    account_id,
    check_holds,
)
from tollway.services.ledger.model.view import View


class TxnHeader(NamedTuple):
    """The head of a transaction as its author states it."""

    scope: str
    key: str
    code: str
    actor: str
    event_at_us: int = 0  # 0: now
    meta: str = "{}"


class Draft:
    """One transaction in the making. A command gives it a header, then adds legs."""

    __slots__ = (
        "_last_lot_id",
        "accounts",
        "assets",
        "event",
        "header",
        "holds",
        "legs",
        "lots",
        "moves",
        "now_us",
        "outcome",
        "reverses",
        "sessions",
        "state",
        "txn_id",
        "usage",
    )

    def __init__(self, state: View, txn_id: str, now_us: int) -> None:
        self.state = state
        self.txn_id = txn_id
        self.now_us = now_us
        self.header: TxnHeader | None = None
        self.reverses: str | None = None
        self.legs: list[LegRow] = []
        self.moves: list[LotMove] = []
        self.usage: list[UsageLine] = []
        self.accounts: dict[str, Account] = {}
        self.holds: dict[str, Hold] = {}
        self.lots: dict[str, Lot] = {}
        self.sessions: dict[str, SessionUsage] = {}
        self.assets: dict[str, Asset] = {}
        self.event: PendingEvent | None = None
        self.outcome = ""  # what a repeat has to know of it, beyond its id
        self._last_lot_id = txn_id

    # ── reading ─────────────────────────────────────────────────────────────────────────────────────

    def account(self, ref: AccountRef) -> Account:
        """Return the account as this transaction sees it. Raises UnknownAsset."""
        self.state.asset(ref.asset)
        return self.account_by_id(account_id(ref))

    def account_by_id(self, id_: str) -> Account:
        """Return an account that is known by its id only, from a hold or from the past."""
        return self.accounts.get(id_) or self.state.account(id_)

    def hold_of(self, hold_id: str) -> Hold:
        """Return a hold as this transaction sees it. Raises UnknownHold."""
        return self.holds.get(hold_id) or self.state.hold(hold_id)

    def sides(self, hold: Hold) -> tuple[Account, Account]:
        """Return the accounts that a hold is between."""
        return self.account_by_id(hold.debit_id), self.account_by_id(hold.credit_id)

    def lots_of(self, account: Account) -> list[Lot]:
        """Return an account's lots in the order in which they are used."""
        lots = {lot.id: lot for lot in self.state.lots_of(account.id)}
        lots.update((lot.id, lot) for lot in self.lots.values() if lot.account_id == account.id)
        return sorted((lot for lot in lots.values() if lot.remaining), key=attrgetter("fifo_key"))

    def lot_now(self, lot: Lot) -> Lot:
        """Return a lot as this transaction sees it."""
        return self.lots.get(lot.id) or self.state.lot(lot.id) or lot

    def usage_of(self, session_id: str, asset: str) -> SessionUsage:
        """Return how far a session was charged, as this transaction sees it."""
        return self.sessions.get(session_id) or self.state.usage(session_id, asset)

    # ── the four legs ───────────────────────────────────────────────────────────────────────────────

    def post(
        self, debit: AccountRef, credit: AccountRef, amount: int, terms: LotTerms | None = None
    ) -> list[LotSlice]:
        """Move units. Returns what was taken out of the debited lots. Raises InsufficientFunds, Forbidden."""
        self._check_transferable(debit, credit)
        line = self._leg(LegKind.POST, self.account(debit), self.account(credit), amount)
        return self._move_lots(line, debit, credit, amount, terms)

    def hold(
        self, hold_id: str, debit: AccountRef, credit: AccountRef, amount: int, expires_at_us: int = 0
    ) -> Hold:
        """Set units aside. Raises as `post`, Conflict for an id that was used, HoldEnded for an end that is over."""
        if self.holds.get(hold_id) or self.state.has_hold(hold_id):
            raise Conflict(f"the hold {hold_id} exists already; make a new id for a new hold")
        self._check_transferable(debit, credit)
        debited, credited = self.account(debit), self.account(credit)
        made = Hold(
            hold_id,
            debit.asset,
            debited.id,
            credited.id,
            amount,
            amount,
            HoldState.OPEN,
            expires_at_us,
            self.txn_id,
        )
        if made.has_expired(self.now_us):
            raise HoldEnded(f"the hold {hold_id} would expire before it begins")
        self._leg(LegKind.HOLD, debited, credited, amount, hold_id)
        self.holds[hold_id] = made
        return made

    def capture(self, hold_id: str, amount: int, terms: LotTerms | None = None) -> list[LotSlice]:
        """Move units that were set aside. Raises UnknownHold, HoldEnded (also when it expired), HoldExceeded."""
        hold = self.hold_of(hold_id)
        if hold.has_expired(self.now_us):
            raise HoldEnded(f"the hold {hold_id} has expired")
        return self.capture_anyway(hold, amount, terms)

    def capture_anyway(self, hold: Hold, amount: int, terms: LotTerms | None = None) -> list[LotSlice]:
        """Capture from a hold that is still open, even past its time: what was used was used."""
        debit, credit = self.sides(hold)
        line = self._resolve(LegKind.CAPTURE, hold, amount, HoldState.CAPTURED)
        return self._move_lots(line, debit.ref, credit.ref, amount, terms)

    def release(self, hold_id: str, amount: int = 0, ended_as: HoldState = HoldState.RELEASED) -> int:
        """Give held units back; 0 means all that remain. Returns how many. Raises as `capture`."""
        hold = self.hold_of(hold_id)
        amount = amount or hold.remaining
        self._resolve(LegKind.RELEASE, hold, amount, ended_as)
        return amount

    def move(self, debit: Account, credit: Account, amount: int) -> int:
        """Move units and leave the lots to the caller. Returns the line. Raises InsufficientFunds."""
        return self._leg(LegKind.POST, debit, credit, amount)

    # ── lots ────────────────────────────────────────────────────────────────────────────────────────

    def consume(self, line: int, account: Account, amount: int) -> list[LotSlice]:
        """Take units out of a customer's lots for a leg, in their order of use."""
        slices: list[LotSlice] = []
        for lot in self.lots_of(account):
            if amount == 0:
                break
            part = min(amount, lot.remaining)
            slices.append(self.consume_from(line, lot, part))
            amount -= part
        assert amount == 0, f"the lots of {account.id} hold less than its balance"
        return slices

    def consume_from(self, line: int, lot: Lot, quantity: int) -> LotSlice:
        """Take units out of one lot for a leg."""
        taken = LotSlice(lot, quantity, lot.cost_of(quantity))
        self.lots[lot.id] = lot._replace(remaining=lot.remaining - quantity)
        self.moves.append(LotMove(self.txn_id, line, lot.id, quantity, taken.cost))
        return taken

    def open_lot(self, line: int, account: Account, quantity: int, terms: LotTerms) -> None:
        """Open a lot for what a leg brought to a customer, and the accounts of its cost."""
        ids, cost_asset = ("", "", ""), ""
        if terms.accounts is not None:
            cost_asset = terms.accounts.deferred.asset
            ids = tuple(self.open(self.account(ref)).id for ref in terms.accounts)
        self._add_lot(line, account, quantity, cost_asset, terms.cost, terms.expires_at_us, "", *ids)

    def open_lot_from(self, line: int, account: Account, quantity: int, cost: int, source: Lot) -> None:
        """Open a lot with a part of another: its end, and the accounts of its cost."""
        self._add_lot(
            line,
            account,
            quantity,
            source.cost_asset,
            cost,
            source.expires_at_us,
            source.id,
            source.deferred_id,
            source.revenue_id,
            source.breakage_id,
        )

    def _add_lot(
        self,
        line: int,
        account: Account,
        quantity: int,
        cost_asset: str,
        cost: int,
        expires_at_us: int,
        *rest: str,
    ) -> None:
        # Rising ids, so that lots that came with one transaction have an order too.
        self._last_lot_id = ids_after("lot", self._last_lot_id, 1, 0)[0]
        lot = Lot(
            self._last_lot_id,
            account.id,
            account.ref.asset,
            quantity,
            quantity,
            cost_asset,
            cost,
            expires_at_us,
            self.now_us,
            self.txn_id,
            line,
            *rest,
        )
        self.lots[lot.id] = lot

    # ── the end ─────────────────────────────────────────────────────────────────────────────────────

    @property
    def is_empty(self) -> bool:
        """Return whether there is nothing to write."""
        return not (self.legs or self.usage or self.assets or self.accounts or self.outcome)

    def applied(self, request_hash: bytes) -> Txn:
        """Return the head of this transaction as it is written when it holds."""
        return self._head(request_hash, TransactionStatus.APPLIED, "", self.outcome, self.reverses)

    def rejected(self, request_hash: bytes, reason: str, detail: str) -> Txn:
        """Return the head of this transaction as it is written when it was refused."""
        return self._head(request_hash, TransactionStatus.REJECTED, reason, detail, None)

    def publish(self, amounts: dict[str, int] | None = None) -> None:
        """Have an event published about this transaction: with what it moved, unless `amounts` says otherwise."""
        assert self.header is not None
        amounts = _moved(self.legs) if amounts is None else amounts
        if amounts:
            owners = {
                account.ref.owner_id for account in self.accounts.values() if account.ref.owner_kind == USER
            }
            self.event = PendingEvent(
                self.txn_id, self.header.code, self.header.actor, sorted(owners), amounts
            )

    # ── inside ──────────────────────────────────────────────────────────────────────────────────────

    def open(self, account: Account) -> Account:
        """Return the account, opened by this transaction when it was not before."""
        if not account.opened_by:
            check_holds(account.ref, self.state.asset(account.ref.asset))
            account = account._replace(opened_by=self.txn_id, opened_at_us=self.now_us)
            self.accounts[account.id] = account
        return account

    def _leg(
        self, kind: LegKind, debit: Account, credit: Account, amount: int, hold_id: str | None = None
    ) -> int:
        posted, pending = EFFECTS[kind]
        debited = self.open(debit).debited(posted * amount, pending * amount)
        if debited.limited and debited.available < 0:
            raise InsufficientFunds(self._too_little(debit, amount))
        credited = self.open(credit).credited(posted * amount, pending * amount)
        self.accounts[debited.id] = debited
        self.accounts[credited.id] = credited
        line = len(self.legs)
        self.legs.append(
            LegRow(
                self.txn_id,
                line,
                kind,
                hold_id,
                debited.ref.asset,
                debited.id,
                credited.id,
                amount,
                debited.version,
                credited.version,
                debited.balance,
                credited.balance,
            )
        )
        return line

    def _too_little(self, account: Account, needed: int) -> str:
        asset = self.state.asset(account.ref.asset)
        has, wants = format_units(account.available, asset.scale), format_units(needed, asset.scale)
        return f"{wants} {asset.code} are needed and {has} are available"

    def _resolve(self, kind: LegKind, hold: Hold, amount: int, ended_as: HoldState) -> int:
        if hold.state != HoldState.OPEN:
            raise HoldEnded(f"the hold {hold.id} was {hold.state}")
        if amount > hold.remaining:
            raise HoldExceeded(f"the hold {hold.id} has {hold.remaining} left, {amount} were asked")
        debit, credit = self.sides(hold)
        line = self._leg(kind, debit, credit, amount, hold.id)
        self.holds[hold.id] = hold.less(amount, ended_as)
        return line

    def _check_transferable(self, debit: AccountRef, credit: AccountRef) -> None:
        between_customers = (
            debit.owner_kind == credit.owner_kind == USER and debit.owner_id != credit.owner_id
        )
        if between_customers and not self.state.asset(debit.asset).transferable:
            raise Forbidden(f"{debit.asset} may not be given to another customer")

    def _move_lots(
        self, line: int, debit: AccountRef, credit: AccountRef, amount: int, terms: LotTerms | None
    ) -> list[LotSlice]:
        from_user, to_user = debit.owner_kind == USER, credit.owner_kind == USER
        in_lots = self.state.asset(debit.asset).kind == ACCESS
        if terms is not None and (not in_lots or from_user or not to_user):
            raise Invalid("lot terms are for access that a customer receives from the platform")
        if not in_lots:
            return []
        slices = self.consume(line, self.account(debit), amount) if from_user else []
        if from_user and to_user:
            receiver = self.account(credit)
            for one in slices:
                self.open_lot_from(line, receiver, one.quantity, one.cost, one.lot)
        elif to_user:
            self.open_lot(line, self.account(credit), amount, terms or LotTerms())
        return slices

    def _head(self, request_hash: bytes, status: str, reason: str, detail: str, reverses: str | None) -> Txn:
        assert self.header is not None, "a transaction was made without a header"
        header = self.header
        return Txn(
            self.txn_id,
            header.scope,
            header.key,
            request_hash,
            header.code,
            status,
            reason,
            detail,
            header.actor,
            header.event_at_us or self.now_us,
            self.now_us,
            reverses,
            header.meta,
        )


def _moved(legs: Sequence[LegRow]) -> dict[str, int]:
    amounts: dict[str, int] = {}
    for leg in legs:
        if EFFECTS[leg.kind][0]:
            amounts[leg.asset] = amounts.get(leg.asset, 0) + leg.amount
    return amounts
