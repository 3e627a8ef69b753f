"""How the books stand, at a glance: nothing is recomputed here."""

from typing import NamedTuple

from tollway.fabric import dead_letters
from tollway.fabric.db import Database
from tollway.services.ledger.store import history


class Standing(NamedTuple):
    """Transactions, the last seal and its time, whether any came after it, and work that gave up."""

    transactions: int
    seal: int
    sealed_at: int | None
    unsealed: bool
    gave_up: int


async def standing(db: Database) -> Standing:
    """Return how many transactions there are, and up to where they are sealed."""
    async with db.snapshot() as tx:
        last, seal = await history.last_txn_written(tx), await history.last_seal(tx)
        count = await history.count_known(tx, seal.last_txn if seal else "")
        gave_up = await dead_letters.count(tx)
    if seal is None:
        return Standing(count, 0, None, count > 0, gave_up)
    return Standing(count, seal.number, seal.sealed_at_us, seal.last_txn < last, gave_up)
