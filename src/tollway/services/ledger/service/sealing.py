"""The sealer: hashes, chains and signs what was committed, a batch at a time, behind the writers' backs.

Posting never waits for it. Transactions appear in the order of their ids, so what lies after the last seal
is all that is to be sealed, however many processes write.
"""

from tollway.fabric.db import Database
from tollway.services.ledger.model.seals import BATCH, Signer
from tollway.services.ledger.store import history


async def seal_next(db: Database, signer: Signer) -> int:
    """Put the next batch under a seal; return how many transactions that are (0: all are sealed)."""
    async with db.snapshot() as tx:
        previous = await history.last_seal(tx)
        entries = await history.entries(tx, previous.last_txn if previous else "", BATCH)
    if not entries:
        return 0
    seal = signer.seal(previous, entries, db.clock.now_us())
    async with db.transaction() as tx:
        # Another process may have sealed the same batch first; its seal is as good.
        if not await history.add_seal(tx, seal):
            return 0
    return len(entries)


async def seal_all(db: Database, signer: Signer) -> int:
    """Seal until nothing is left; return how many transactions were sealed."""
    total = 0
    while sealed := await seal_next(db, signer):
        total += sealed
    return total
