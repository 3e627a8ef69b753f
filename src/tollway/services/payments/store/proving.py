"""What payments says of money, to be compared with the books and the audit trail."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from sqlalchemy import select

from tollway.fabric.db import Tx, tables
from tollway.services.payments.model import Correction, Debt, Deposit, DepositState, Reversal
from tollway.services.payments.store.corrections import posted_corrections
from tollway.services.payments.store.debts import all_debts
from tollway.services.payments.store.deposits import deposits_in
from tollway.services.payments.store.reversals import all_reversals


@dataclass(frozen=True, slots=True)
class SaidOfMoney:
    """All that was booked or is about to be, at one moment (`at_us`)."""

    at_us: int
    credited: Sequence[Deposit]
    settling: Sequence[Deposit]  # paid and not credited yet, and a debt waits for a part of it
    reversals: Sequence[Reversal]
    corrections: Sequence[Correction]  # those that were posted
    debts: Sequence[Debt]
    published: Sequence[tuple[str, str, str]]  # (id, topic, data as JSON) of events, in their order

    @property
    def reversed_sums(self) -> dict[tuple[str, str], int]:
        """How much of each deposit was reversed and stays so, by (deposit, kind)."""
        sums: dict[tuple[str, str], int] = {}
        for one in self.reversals:
            if one.is_reversed:
                sums[one.deposit_id, one.kind] = sums.get((one.deposit_id, one.kind), 0) + one.amount
        return sums


async def said_of_money(tx: Tx, topics: Collection[str]) -> SaidOfMoney:
    """Read it all, and the events on `topics` that lie in the log."""
    c = tables.outbox.c
    events = select(c.id, c.type, c.data).where(c.type.in_(topics)).order_by(c.position)
    return SaidOfMoney(
        at_us=tx.now_us,
        credited=await deposits_in(tx, DepositState.CREDITED),
        settling=[one for one in await deposits_in(tx, DepositState.SUCCEEDED) if one.settles],
        reversals=await all_reversals(tx),
        corrections=await posted_corrections(tx),
        debts=await all_debts(tx),
        published=[(row.id, row.type, row.data) for row in await tx.all(events)],
    )
