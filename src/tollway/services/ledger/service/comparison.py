"""What others say of the books, beside the books: for `tollway verify`."""

from collections.abc import Sequence
from typing import NamedTuple

from tollway.contracts.books import USER
from tollway.fabric.db import Database
from tollway.services.ledger.model.claims import Claim, check_claim
from tollway.services.ledger.model.records import TransactionStatus
from tollway.services.ledger.store import history, reading


class Balance(NamedTuple):
    """What is on an account, and the last transaction that touched it."""

    units: int
    last_txn: str


NOTHING = Balance(0, "")


class Comparison:
    """Answers what the journal says of transactions and accounts that somebody else knows too."""

    def __init__(self, db: Database) -> None:
        self._db = db

    async def compare(self, claims: Sequence[Claim]) -> list[str]:
        """Compare what others say about transactions with the journal; return what does not fit."""
        async with self._db.snapshot() as tx:
            entries = await history.entries_by_id(tx, {claim.txn_id for claim in claims})
        checked = (check_claim(claim, entries.get(claim.txn_id)) for claim in claims)
        return [finding for finding in checked if finding]

    async def posted_by(self, scope: str, code: str) -> dict[str, str]:
        """Return the keys of the applied transactions of one kind that a service posted, by id and in order."""
        async with self._db.snapshot() as tx:
            return await history.keys_of(tx, scope, code)

    async def moved_under(self, scope: str, key: str) -> list[int] | None:
        """Return what each leg of the transaction under a key moved; None when none was applied."""
        async with self._db.snapshot() as tx:
            entry = await history.entry_by_key(tx, scope, key)
        if entry is None or entry.txn.status != TransactionStatus.APPLIED:
            return None
        return [leg.amount for leg in entry.legs]

    async def customers(self, purpose: str) -> dict[tuple[str, str], Balance]:
        """Return what is on every customer's account for a purpose, by (customer, asset)."""
        async with self._db.snapshot() as tx:
            return {
                (one.ref.owner_id, one.ref.asset): Balance(one.balance, await history.last_txn_of(tx, one))
                for one in await reading.accounts_for(tx, USER, purpose)
            }
