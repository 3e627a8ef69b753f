"""Online charging (the model of RFC 8506): set a slice aside, charge cumulative use to it, give the rest back.

A node reports for each session how many units it used since it began. What is charged is that figure less
what was charged before, so reports may be lost, repeated or overtake each other and the sum still comes
out right; nothing has to be remembered about the reports themselves.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import NamedTuple

from tollway.contracts.chart.ledger import SHORTFALL
from tollway.contracts.errors import KeyReused
from tollway.kit.errors import Conflict, Invalid
from tollway.kit.money import MAX_UNITS
from tollway.services.ledger.model.draft import Draft, TxnHeader
from tollway.services.ledger.model.posting import check_hold_id
from tollway.services.ledger.model.records import UsageLine
from tollway.services.ledger.model.values import (
    MAX_NAME,
    OWN_SCOPE,
    AccountRef,
    Hold,
    LotSlice,
    SessionUsage,
    account_id,
    check_ref,
    own_account,
)
from tollway.services.ledger.model.working_set import Command, ReadSet

MAX_READINGS = 1000


class ReservedSlice(NamedTuple):
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
    debit: AccountRef
    credit: AccountRef
    want: int
    expires_at_us: int
    actor: str
    divisor: int = 1
    floor: int = 0

    def add_reads(self, reads: ReadSet) -> None:
        """Name both accounts and the hold."""
        reads.accounts.update((self.debit, self.credit))
        reads.holds.add(self.hold_id)

    def apply(self, draft: Draft) -> ReservedSlice:
        """Set the slice aside. Raises UnknownAsset, and KeyReused for the id of another hold."""
        debit = draft.account(self.debit)
        if draft.state.has_hold(self.hold_id):
            made = draft.hold_of(self.hold_id)
            if (made.debit_id, made.credit_id) != (account_id(self.debit), account_id(self.credit)):
                raise KeyReused(f"the hold {self.hold_id} is between other accounts; make a new id")
            return ReservedSlice(made.amount, debit.available)
        left = debit.available
        granted = min(self.want, max(self.floor, left // self.divisor), left)
        if granted == 0:
            return ReservedSlice(0, left)
        draft.header = TxnHeader(OWN_SCOPE, f"reserve:{self.hold_id}", "hold", self.actor)
        draft.hold(self.hold_id, self.debit, self.credit, granted, self.expires_at_us)
        return ReservedSlice(granted, left - granted)


class UsageReading(NamedTuple):
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
    """Charges what sessions used to a reservation; with `release` gives back what then is left of it but `keep`.

    Use is never refused, for it has happened: what the hold doesn't cover is taken from what the customer has
    available, never from other holds, and what that doesn't cover is booked as shortfall.
    """

    hold_id: str
    readings: tuple[UsageReading, ...]
    actor: str
    release: bool = False
    keep: int = 0

    def add_reads(self, reads: ReadSet) -> None:
        """Name the hold and the sessions."""
        reads.holds.add(self.hold_id)
        reads.sessions.update(one.session_id for one in self.readings)

    def apply(self, draft: Draft) -> Charged:
        """Charge what is new. Raises UnknownHold, and Conflict for a session that was charged in another asset."""
        hold = draft.hold_of(self.hold_id)
        used = self._add_new_usage(draft, hold)
        if draft.usage:
            first = draft.usage[0]
            key = f"use:{first.session_id}:{first.sequence}"
            draft.header = TxnHeader(OWN_SCOPE, key, "use", self.actor)
        elif self.release and hold.remaining > self.keep:
            # What it still holds only ever falls, so each part that is given back has a key of its own.
            key = f"release:{hold.id}:{hold.remaining}" if self.keep else f"release:{hold.id}"
            draft.header = TxnHeader(OWN_SCOPE, key, "release", self.actor)
        else:
            return Charged(0, hold.remaining, 0, {}, 0)
        shortfall, costs = _charge(draft, hold, used)
        remaining = draft.hold_of(self.hold_id).remaining
        given_back = max(0, remaining - self.keep) if self.release else 0
        released = draft.release(self.hold_id, given_back) if given_back else 0
        self._publish_what_ended(draft)
        return Charged(used, remaining - released, shortfall, costs, released)

    def _add_new_usage(self, draft: Draft, hold: Hold) -> int:
        used = 0
        for report in self.readings:
            usage = draft.usage_of(report.session_id, hold.asset)
            if usage.asset != hold.asset:
                raise Conflict(f"the session {report.session_id} was charged in {usage.asset}")
            units = max(0, report.cumulative - usage.posted)
            ends = report.final and not usage.closed and usage.posted > 0
            if report.sequence <= usage.last_sequence or not (units or ends):
                continue
            used += units
            closed = usage.closed or report.final
            draft.sessions[usage.session_id] = SessionUsage(
                usage.session_id, usage.asset, usage.posted + units, report.sequence, closed
            )
            draft.usage.append(
                UsageLine(
                    draft.txn_id,
                    report.session_id,
                    units,
                    report.cumulative,
                    report.sequence,
                    closed and not usage.closed,
                )
            )
        return used

    def _publish_what_ended(self, draft: Draft) -> None:
        ended = [line.session_id for line in draft.usage if line.final]
        if ended:
            asset = draft.sessions[ended[0]].asset
            draft.publish({asset: sum(draft.sessions[session].posted for session in ended)})


def check_reservation(asked: Reservation) -> None:
    """Refuse what could never be reserved. Raises Invalid."""
    check_hold_id(asked.hold_id)
    check_ref(asked.debit)
    check_ref(asked.credit)
    if asked.debit.asset != asked.credit.asset or asked.debit == asked.credit:
        raise Invalid("a reservation is between two accounts of one asset")
    if not 0 < asked.want <= MAX_UNITS:
        raise Invalid("want is at least 1")
    if asked.divisor < 1 or asked.floor < 0 or asked.expires_at_us < 0:
        raise Invalid("divisor is at least 1; floor and expires_at_us are not negative")


def check_report(report: UseReport) -> None:
    """Refuse a report that no meter could have made. Raises Invalid."""
    check_hold_id(report.hold_id)
    if len(report.readings) > MAX_READINGS:
        raise Invalid(f"a report has at most {MAX_READINGS} readings")
    if not 0 <= report.keep <= MAX_UNITS:
        raise Invalid("keep is not negative")
    for one in report.readings:
        if not 0 < len(one.session_id) <= MAX_NAME:
            raise Invalid(f"a session_id has 1 to {MAX_NAME} characters")
        if one.cumulative < 0 or one.sequence < 1:
            raise Invalid("cumulative is at least 0 and sequence at least 1")


def _charge(draft: Draft, hold: Hold, used: int) -> tuple[int, dict[str, int]]:
    """WorkingSet `used` units: from the hold, then from what is available, then as shortfall. Earn their cost."""
    debit, credit = draft.sides(hold)
    slices: list[LotSlice] = []
    from_hold = min(used, hold.remaining)
    if from_hold:
        slices += draft.capture_anyway(hold, from_hold)
    from_rest = min(used - from_hold, max(0, draft.account(debit.ref).available))
    if from_rest:
        slices += draft.post(debit.ref, credit.ref, from_rest)
    shortfall = used - from_hold - from_rest
    if shortfall:
        draft.post(own_account(hold.asset, SHORTFALL), credit.ref, shortfall)
    return shortfall, _recognise(draft, slices)


def _recognise(draft: Draft, slices: Iterable[LotSlice]) -> dict[str, int]:
    """Earn the cost of what was used: one leg for each pair of accounts that it lies between."""
    costs: dict[str, int] = {}
    earned: dict[tuple[str, str, str], int] = {}
    for lot, _, cost in slices:
        if cost:
            costs[lot.cost_asset] = costs.get(lot.cost_asset, 0) + cost
            between = (lot.cost_asset, lot.deferred_id, lot.revenue_id)
            earned[between] = earned.get(between, 0) + cost
    for (_, deferred_id, revenue_id), cost in sorted(earned.items()):
        draft.move(draft.account_by_id(deferred_id), draft.account_by_id(revenue_id), cost)
    return costs
