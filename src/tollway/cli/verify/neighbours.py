"""Compares what payments and orders say was booked with the ledger, and with what the audit trail recorded of them."""

import json
from collections.abc import Collection, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from tollway.contracts.chart.payments import DEBT
from tollway.contracts.events import (
    CorrectionPosted,
    DepositCredited,
    DepositReinstated,
    DepositReversed,
    OrderFilled,
)
from tollway.fabric.db import Database
from tollway.kit.ids import time_ms_of
from tollway.kit.times import MINUTE_US
from tollway.services.audit.model import redact
from tollway.services.ledger.model.claims import Claim
from tollway.services.ledger.service.comparison import NOTHING, Comparison

if TYPE_CHECKING:
    from tollway.services.payments.model import Correction, Debt, Deposit, Reversal
    from tollway.services.payments.store.proving import SaidOfMoney

BATCH = 500
# Between two databases of a running platform there is always a little that one knows and the other not yet.
ON_ITS_WAY_US = 10 * MINUTE_US
_OF_PAYMENTS = (
    DepositCredited.topic,
    DepositReversed.topic,
    DepositReinstated.topic,
    CorrectionPosted.topic,
)
RECORDED = frozenset({*_OF_PAYMENTS, OrderFilled.topic})
"""The events that say what a service had the ledger book."""

_Facts = dict[str, tuple[Any, ...]]  # thing → what is said of it


class Recorded:
    """What events say was booked. Those of one thing are to be taken in their order."""

    def __init__(self) -> None:
        self.orders: _Facts = {}  # id → whose
        self.deposits: _Facts = {}  # id → whose
        self.reversals: _Facts = {}
        self.corrections: _Facts = {}
        self._taken: set[str] = set()

    def take(self, event_id: str, topic: str, said: Mapping[str, Any]) -> None:
        """Take an event, once however often it is given. Raises ValueError when it says nothing that can be read."""
        if event_id in self._taken:
            return
        if topic in _OF_PAYMENTS:
            self._taken.add(event_id)
        match topic:
            case OrderFilled.topic:
                filled = OrderFilled.model_validate(said)
                self.orders[filled.order_id] = (filled.user_id,)
            case DepositCredited.topic:
                credited = DepositCredited.model_validate(said)
                self.deposits[credited.deposit_id] = (credited.user_id,)
            case DepositReversed.topic:
                gone = DepositReversed.model_validate(said)
                self.reversals[_reversal(gone)] = _said_of_reversal(gone)
            case DepositReinstated.topic:
                self.reversals.pop(_reversal(DepositReinstated.model_validate(said)), None)
            case _:
                posted = CorrectionPosted.model_validate(said)
                self.corrections[posted.correction_id] = _said_of_correction(posted)


def _reversal(one: "DepositReversed | DepositReinstated | Reversal") -> str:
    return f"{one.kind} {one.ref} of {one.deposit_id}"


def _said_of_reversal(one: "DepositReversed | Reversal") -> tuple[Any, ...]:
    return (one.user_id, one.currency, one.amount, one.recovered)


def _said_of_correction(one: "CorrectionPosted | Correction") -> tuple[Any, ...]:
    return (one.user_id, one.currency, one.amount, redact(one.reason), one.transaction_id)


async def compare_neighbours(
    opened: Mapping[str, Database], books: Comparison, recorded: Recorded, seen_us: int
) -> list[str]:
    """Compare payments and orders with the ledger, both ways, and with what was recorded; return what does not fit.

    `seen_us` is a time at which the platform is known to have worked.
    """
    findings: list[str] = []
    if "payments" in opened:
        findings += await _payments(opened["payments"], books, recorded, seen_us)
    if "orders" in opened:
        findings += await _orders(opened["orders"], books, recorded, seen_us)
    return findings


async def _orders(database: Database, books: Comparison, recorded: Recorded, seen_us: int) -> list[str]:
    from tollway.services.orders.store import filled

    async with database.snapshot() as tx:
        rows = await filled(tx)
    claims = [Claim(txn_id, f"orders: order {id_}", amounts) for id_, _, txn_id, amounts in rows]
    return [
        *await _compare(books, claims),
        *_differences("orders", "order", {id_: (user,) for id_, user, _, _ in rows}, recorded.orders),
        *await _unknown(books, "orders", "buy", {claim.txn_id for claim in claims}, seen_us),
    ]


async def _payments(database: Database, books: Comparison, recorded: Recorded, seen_us: int) -> list[str]:
    from tollway.services.payments.store.proving import said_of_money

    findings: list[str] = []
    async with database.snapshot() as tx:
        said = await said_of_money(tx, _OF_PAYMENTS)
    # What the trail has not taken in yet is in the log beside the rows.
    for event_id, topic, data in said.published:
        try:
            recorded.take(event_id, topic, json.loads(data))
        except ValueError:
            findings.append(f"payments published {event_id}, which says nothing that can be read")
    claims = [*map(_deposit_claim, said.credited), *map(_correction_claim, said.corrections)]
    claims += [_reversal_claim(one) for one in said.reversals if one.transaction_id or one.is_reversed]
    findings += await _compare(books, claims)
    deposits = {one.id: (one.user_id,) for one in said.credited}
    corrections = {one.id: _said_of_correction(one) for one in said.corrections}
    reversals = {_reversal(one): _said_of_reversal(one) for one in said.reversals if one.is_reversed}
    findings += _differences("payments", "deposit", deposits, recorded.deposits)
    findings += _differences("payments", "correction", corrections, recorded.corrections)
    findings += _differences("payments", "", reversals, recorded.reversals)
    for one in said.credited:
        for kind, counted in (("refund", one.refunded), ("chargeback", one.disputed)):
            if counted != (known := said.reversed_sums.get((one.id, kind), 0)):
                findings.append(
                    f"payments says that {counted} of deposit {one.id} went back by {kind}, its reversals say {known}"
                )
    known = {claim.txn_id for claim in claims}
    # The posting of a lost dispute is named by its key alone.
    keys = {one.lost_key for one in said.reversals}
    for code in ("deposit", "refund", "chargeback", "correct"):
        findings += await _unknown(books, "payments", code, known, seen_us, keys)
    return findings + await _debts(said, books)


async def _debts(said: "SaidOfMoney", books: Comparison) -> list[str]:
    """Compare what customers owe with their accounts in the ledger; what is being posted is in one or the other."""
    from tollway.services.payments.model import ReversalState, deposit_key

    owed: dict[tuple[str, str], int] = {}

    def add(one: "Debt | Deposit | Reversal", units: int) -> None:
        owed[one.user_id, one.currency] = owed.get((one.user_id, one.currency), 0) + units

    for debt in said.debts:
        add(debt, debt.owed + debt.claimed)
        if debt.claimed and (moved := await books.moved_under("payments", debt.attempt_key)) is not None:
            add(debt, -sum(moved) if debt.claimed > 0 else sum(moved))
    for deposit in said.settling:
        if await books.moved_under("payments", deposit_key(deposit.provider, deposit.payment_ref)) is None:
            add(deposit, deposit.settles)
    for one in said.reversals:
        if one.state is ReversalState.POSTING:
            amount, *recovered = await books.moved_under("payments", one.attempt_key) or (0,)
            add(one, amount - sum(recovered))
        elif one.state is ReversalState.POSTED and one.status == "undone":
            undone = await books.moved_under("payments", one.undone_key)
            add(one, -one.owed if undone else 0)
    accounts = await books.customers(DEBT)
    return [
        f"payments says that {user_id} owes {owes} {currency}, the ledger says {-balance.units}"
        for (user_id, currency), balance in {**dict.fromkeys(owed, NOTHING), **accounts}.items()
        if (owes := owed.get((user_id, currency), 0)) != -balance.units
        # What the ledger booked since payments was read is no difference.
        and _written_us(balance.last_txn) < said.at_us
    ]


def _deposit_claim(one: "Deposit") -> Claim:
    about = {"deposit": one.id, "provider": one.provider, "payment": one.payment_ref}
    moved = {one.currency: one.amount + one.settles}
    return Claim(one.transaction_id, f"payments: deposit {one.id}", moved, "deposit", about)


def _reversal_claim(one: "Reversal") -> Claim:
    about = {"deposit": one.deposit_id, "provider": one.provider, one.kind: one.ref}
    moved = {one.currency: one.amount + one.recovered}
    return Claim(one.transaction_id, f"payments: {one.kind} {one.id}", moved, one.kind, about)


def _correction_claim(one: "Correction") -> Claim:
    about = {"correction": one.id, "actor": one.requested_by, "reason": one.reason}
    moved = {one.currency: one.unsigned}
    return Claim(one.transaction_id, f"payments: correction {one.id}", moved, "correct", about)


async def _compare(books: Comparison, claims: Sequence[Claim]) -> list[str]:
    findings: list[str] = []
    for start in range(0, len(claims), BATCH):
        findings += await books.compare(claims[start : start + BATCH])
    return findings


def _differences(service: str, thing: str, says: _Facts, recorded: _Facts) -> list[str]:
    """Compare what a service says now with what the trail recorded of it."""
    named = f"{thing} " if thing else ""
    return [
        *(
            f"{service} knows no {named}{id_} that was booked, and the audit trail does"
            for id_ in sorted(recorded.keys() - says.keys())
        ),
        *(
            f"{service} says that {named}{id_} was booked, and the audit trail does not"
            for id_ in sorted(says.keys() - recorded.keys())
        ),
        *(
            f"{service} says that {named}{id_} is {_text(says[id_])}, the audit trail says {_text(recorded[id_])}"
            for id_ in sorted(recorded.keys() & says.keys())
            if says[id_] != recorded[id_]
        ),
    ]


async def _unknown(
    books: Comparison,
    service: str,
    code: str,
    known: Collection[str],
    seen_us: int,
    keys: Collection[str] = (),
) -> list[str]:
    """Name what the ledger booked for a service that does not know of it."""
    posted = await books.posted_by(service, code)
    # The last ones may be on their way: the ledger commits first, and a platform may have been stopped in between.
    return [
        f"{service} knows no {code} for {txn_id}"
        for txn_id, key in posted.items()
        if txn_id not in known and key not in keys and seen_us - _written_us(txn_id) > ON_ITS_WAY_US
    ]


def _text(said: tuple[Any, ...]) -> str:
    return ", ".join(map(str, said))


def _written_us(txn_id: str) -> int:
    return time_ms_of(txn_id) * 1000
