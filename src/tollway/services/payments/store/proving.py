"""What payments says of money, to be compared with the books and the audit trail."""

from collections.abc import Sequence
from dataclasses import dataclass

from tollway.fabric.db import Tx
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

    @property
    def reversed_sums(self) -> dict[tuple[str, str], int]:
        """How much of each deposit was reversed and stays so, by (deposit, kind)."""
        sums: dict[tuple[str, str], int] = {}
        for one in self.reversals:
            if one.is_reversed:
                sums[one.deposit_id, one.kind] = sums.get((one.deposit_id, one.kind), 0) + one.amount
        return sums


async def said_of_money(tx: Tx) -> SaidOfMoney:
    """Read it all."""
    return SaidOfMoney(
        at_us=tx.now_us,
        credited=await deposits_in(tx, DepositState.CREDITED),
        settling=[one for one in await deposits_in(tx, DepositState.SUCCEEDED) if one.settles],
        reversals=await all_reversals(tx),
        corrections=await posted_corrections(tx),
        debts=await all_debts(tx),
    )
