"""Online charging (the model of RFC 8506): set a slice aside, charge cumulative use to it, give the rest back.

A node reports for each session how many units it used since it began. What is charged is that figure less
what was charged before, so reports may be lost, repeated or overtake each other and the sum still comes
out right; nothing has to be remembered about the reports themselves.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import NamedTuple

from tollway.contracts.errors import KeyReused
from tollway.kit.errors import Conflict, Invalid
from tollway.kit.money import MAX_UNITS
from tollway.services.ledger.model.book import Command, Wanted
from tollway.services.ledger.model.draft import Draft, Title
from tollway.services.ledger.model.posting import check_hold_id
from tollway.services.ledger.model.records import UsageLine
from tollway.services.ledger.model.values import (
    MAX_NAME,
    OWN_SCOPE,
    AccountRef,
    Hold,
    Mark,
    Piece,
    account_id,
    check_ref,
    earnings_account,
    own_account,
)

MAX_MARKS = 1000


class Grant(NamedTuple):
    """The answer to a reservation: what was set aside, and what the customer has left beside it."""

    granted: int
    left: int


@dataclass(frozen=True, slots=True)
class Reservation(Command):
    """Asks for up to `want` units for metered use.

    The grant is at most what is left / `divisor`, but what is left below `floor` is granted whole. Where
    nothing is left nothing is granted and no trace stays, so asking again asks anew. A reservation that
    was made is answered as it was made, however often it is asked for.
    """

    hold_id: str
    giver: AccountRef
    taker: AccountRef
    want: int
    expires_at_us: int
    actor: str
    divisor: int = 1
    floor: int = 0

    def places(self, wanted: Wanted) -> None:
        """Name both accounts and the hold."""
        wanted.accounts.update((self.giver, self.taker))
        wanted.holds.add(self.hold_id)

    def apply(self, draft: Draft) -> Grant:
        """Set the slice aside. Raises UnknownAsset, and KeyReused for the id of another hold."""
        giver = draft.account(self.giver)
        if draft.book.has_hold(self.hold_id):
            made = draft.hold_of(self.hold_id)
            if (made.debit_id, made.credit_id) != (account_id(self.giver), account_id(self.taker)):
                raise KeyReused(f"the hold {self.hold_id} is between other accounts; make a new id")
            return Grant(made.amount, giver.available)
        left = giver.available
        granted = min(self.want, max(self.floor, left // self.divisor), left)
        if granted == 0:
            return Grant(0, left)
        draft.title = Title(OWN_SCOPE, f"reserve:{self.hold_id}", "hold", self.actor)
        draft.hold(self.hold_id, self.giver, self.taker, granted, self.expires_at_us)
        return Grant(granted, left - granted)


class UseMark(NamedTuple):
    """What a session has used since it began. `sequence` grows with each report of it."""

    session_id: str
    cumulative: int
    sequence: int
    final: bool = False


class Charged(NamedTuple):
    """The answer to a report of use, in units: charged now, still held, covered by nobody, given back.

    `costs` is the revenue that the use earned, by the asset that the lots were paid with.
    """

    posted: int
    remaining: int
    shortfall: int
    costs: dict[str, int]
    released: int


@dataclass(frozen=True, slots=True)
class UseReport(Command):
    """Charges what sessions used to a reservation; with `release` gives back what then is left of it.

    Use is never refused, for it has happened: what the hold doesn't cover is taken from what the customer has
    available, never from other holds, and what that doesn't cover is booked as the house's shortfall.
    """

    hold_id: str
    marks: tuple[UseMark, ...]
    actor: str
    release: bool = False

    def places(self, wanted: Wanted) -> None:
        """Name the hold and the sessions."""
        wanted.holds.add(self.hold_id)
        wanted.sessions.update(mark.session_id for mark in self.marks)
        wanted.earnings = True

    def apply(self, draft: Draft) -> Charged:
        """Charge what is new. Raises UnknownHold, and Conflict for a session that was charged in another asset."""
        hold = draft.hold_of(self.hold_id)
        used = self._note_what_is_new(draft, hold)
        if draft.usage:
            first = draft.usage[0]
            key = f"use:{first.session_id}:{first.sequence}"
            draft.title = Title(OWN_SCOPE, key, "use", self.actor)
        elif self.release and hold.remaining:
            draft.title = Title(OWN_SCOPE, f"release:{hold.id}", "release", self.actor)
        else:
            return Charged(0, hold.remaining, 0, {}, 0)
        shortfall, costs = _charge(draft, hold, used)
        remaining = draft.hold_of(self.hold_id).remaining
        released = draft.release(self.hold_id) if self.release and remaining else 0
        self._announce_what_ended(draft)
        return Charged(used, remaining - released, shortfall, costs, released)

    def _note_what_is_new(self, draft: Draft, hold: Hold) -> int:
        used = 0
        for report in self.marks:
            mark = draft.mark_of(report.session_id, hold.asset)
            if mark.asset != hold.asset:
                raise Conflict(f"the session {report.session_id} was charged in {mark.asset}")
            units = max(0, report.cumulative - mark.posted)
            ends = report.final and not mark.closed and mark.posted > 0
            if report.sequence <= mark.last_sequence or not (units or ends):
                continue
            used += units
            closed = mark.closed or report.final
            draft.marks[mark.session_id] = Mark(
                mark.session_id, mark.asset, mark.posted + units, report.sequence, closed
            )
            draft.usage.append(
                UsageLine(
                    draft.txn_id,
                    report.session_id,
                    units,
                    report.cumulative,
                    report.sequence,
                    closed and not mark.closed,
                )
            )
        return used

    def _announce_what_ended(self, draft: Draft) -> None:
        ended = [line.session_id for line in draft.usage if line.final]
        if ended:
            asset = draft.marks[ended[0]].asset
            draft.announce({asset: sum(draft.marks[session].posted for session in ended)})


def check_reservation(asked: Reservation) -> None:
    """Refuse what could never be reserved. Raises Invalid."""
    check_hold_id(asked.hold_id)
    check_ref(asked.giver)
    check_ref(asked.taker)
    if asked.giver.asset != asked.taker.asset or asked.giver == asked.taker:
        raise Invalid("a reservation is between two accounts of one asset")
    if not 0 < asked.want <= MAX_UNITS:
        raise Invalid("want is at least 1")
    if asked.divisor < 1 or asked.floor < 0 or asked.expires_at_us < 0:
        raise Invalid("divisor is at least 1; floor and expires_at_us are not negative")


def check_report(report: UseReport) -> None:
    """Refuse a report that no meter could have made. Raises Invalid."""
    check_hold_id(report.hold_id)
    if len(report.marks) > MAX_MARKS:
        raise Invalid(f"a report has at most {MAX_MARKS} marks")
    for mark in report.marks:
        if not 0 < len(mark.session_id) <= MAX_NAME:
            raise Invalid(f"a session_id has 1 to {MAX_NAME} characters")
        if mark.cumulative < 0 or mark.sequence < 1:
            raise Invalid("cumulative is at least 0 and sequence at least 1")


def _charge(draft: Draft, hold: Hold, used: int) -> tuple[int, dict[str, int]]:
    """Book `used` units: from the hold, then from what is available, then as shortfall. Earn their cost."""
    giver, taker = draft.sides(hold)
    pieces: list[Piece] = []
    from_hold = min(used, hold.remaining)
    if from_hold:
        pieces += draft.capture_anyway(hold, from_hold)
    from_rest = min(used - from_hold, max(0, draft.account(giver.ref).available))
    if from_rest:
        pieces += draft.post(giver.ref, taker.ref, from_rest)
    shortfall = used - from_hold - from_rest
    if shortfall:
        draft.post(own_account(hold.asset, "shortfall"), taker.ref, shortfall)
    return shortfall, _recognise(draft, pieces)


def _recognise(draft: Draft, pieces: Iterable[Piece]) -> dict[str, int]:
    costs: dict[str, int] = {}
    for piece in pieces:
        if piece.cost:
            costs[piece.lot.cost_asset] = costs.get(piece.lot.cost_asset, 0) + piece.cost
    for asset, cost in sorted(costs.items()):
        draft.post(earnings_account(asset, "deferred"), earnings_account(asset, "revenue"), cost)
    return costs
