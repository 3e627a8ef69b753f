"""The sealer: hashes, chains and signs what was committed, a batch at a time, behind the writers' backs.

Posting never waits for it. Transactions appear in the order of their ids, so what lies after the last seal
is all that is to be sealed, however many processes write.

It signs nothing that it cannot vouch for: every transaction must carry the tag of a writer with the key, the seal
before must be this platform's, and the head that was noted in the second place must still be in the chain.
"""

from collections.abc import Awaitable, Callable, Sequence

from tollway.contracts.events import BooksSealed
from tollway.fabric.db import Database, Tx
from tollway.fabric.head_notes import HeadNote, HeadNotes
from tollway.services.ledger.model.records import Seal, StatementEntry
from tollway.services.ledger.model.seals import BATCH, AuditHead, Signer, hash_of, is_signed, leaf_of
from tollway.services.ledger.store import history

CHAIN = "ledger"
ReadAuditHead = Callable[[], Awaitable[AuditHead | None]]


class SealRefused(Exception):
    """What is in the database is not what this ledger wrote; the text says what was found."""


class JournalSealer:
    """Seals what was committed, and notes each new head in a second place."""

    def __init__(self, db: Database, signer: Signer, notes: HeadNotes, former: Sequence[bytes] = ()) -> None:
        self._db = db
        self._signer = signer
        self._notes = notes
        self._former = former

    async def seal_all(self, read_audit_head: ReadAuditHead) -> int:
        """Seal until nothing is left; return how many transactions that were.

        Raises SealRefused, HeadNoteUnusable, and OSError when the head can not be noted.
        """
        total = 0
        while sealed := await self._seal_next(read_audit_head):
            total += sealed
        return total

    async def _seal_next(self, read_audit_head: ReadAuditHead) -> int:
        noted = self._notes.read(CHAIN)
        async with self._db.snapshot() as tx:
            previous = await history.last_seal(tx)
            await self._check_chain(tx, previous, noted)
            entries = await history.entries(tx, previous.last_txn if previous else "", BATCH)
        if not entries:
            return 0
        leaves = [leaf_of(entry) for entry in entries]
        self._check_tags(previous, entries, leaves)
        audit = await read_audit_head() or _last_known(previous)
        seal = self._signer.seal(previous, entries, self._db.clock.now_us(), audit, leaves)
        async with self._db.transaction() as tx:
            # Another process may have sealed the same batch first; its seal is as good.
            if not await history.add_seal(tx, seal):
                return 0
            tx.publish(
                BooksSealed(number=seal.number, hash=seal.hash.hex(), last_transaction_id=seal.last_txn)
            )
        self._notes.write(CHAIN, HeadNote(seal.number, seal.hash.hex(), seal.signer.hex(), seal.sealed_at_us))
        return len(entries)

    async def _check_chain(self, tx: Tx, previous: Seal | None, noted: HeadNote | None) -> None:
        if previous is not None:
            known = previous.signer == self._signer.public or previous.signer in self._former
            if not known or previous.hash != hash_of(previous) or not is_signed(previous):
                raise SealRefused(f"seal {previous.number} is not signed by this platform, or was altered")
        if noted is None:
            return
        found = await history.seal_numbered(tx, noted.number)
        if found is None or found.hash.hex() != noted.hash:
            raise SealRefused(
                f"seal {noted.number} ({noted.hash}), which was noted in {self._notes.folder}, is not in the ledger: "
                "its end was cut off or rewritten, or the database is an older copy"
            )

    def _check_tags(
        self, previous: Seal | None, entries: Sequence[StatementEntry], leaves: Sequence[bytes]
    ) -> None:
        # What an older version wrote has no tags, and lies right after a seal of the older form.
        after_older = previous is not None and previous.audit_sequence is None
        for entry, leaf in zip(entries, leaves, strict=True):
            if entry.tag is None and after_older:
                continue
            if not self._signer.wrote(leaf, entry.tag):
                raise SealRefused(f"{entry.txn.id} was not written by this ledger, or was altered")


def _last_known(previous: Seal | None) -> AuditHead:
    if previous is None or previous.audit_sequence is None:
        return AuditHead()
    return AuditHead(previous.audit_sequence, previous.audit_hash or "")
