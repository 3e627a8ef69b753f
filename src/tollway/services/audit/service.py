"""Records what is published, shows it, and proves that it is whole."""

from dataclasses import dataclass

from tollway.fabric.db import Database, Tx
from tollway.kit.paging import DEFAULT_LIMIT, MAX_LIMIT, Page, decode_cursor, make_page
from tollway.services.audit import store
from tollway.services.audit.model import AuditEntry, AuditRecord, ChainVerifier, Unreadable, append


@dataclass(frozen=True, slots=True)
class Verdict:
    """What an verifier found. `head` is the last entry's hash: note it elsewhere to compare later."""

    entries: int
    head: str
    findings: tuple[str, ...]

    @property
    def ok(self) -> bool:
        """Tell whether the record is whole."""
        return not self.findings


class Audit:
    """The service."""

    def __init__(self, db: Database) -> None:
        self.db = db

    async def record(self, tx: Tx, what: AuditRecord) -> None:
        """Add an event to the end of the record; one that is there already is left alone."""
        head = await store.lock_head(tx)
        assert head.sequence >= 0, "the head of the audit record is missing; run `tollway verify`"
        if not await store.knows(tx, what.event_id):
            await store.add(tx, append(head, what))

    async def entries(
        self, subject: str = "", topic: str = "", limit: int = DEFAULT_LIMIT, cursor: str = ""
    ) -> Page[AuditEntry]:
        """Return entries, newest first; of one subject or actor, or one topic, if given. Raises Invalid."""
        position = decode_cursor(cursor, int)
        before = position[0] if position else None
        limit = max(1, min(limit, MAX_LIMIT))
        async with self.db.snapshot() as tx:
            rows = await store.newest(tx, subject, topic, before, limit + 1)
        return make_page(rows, limit, lambda entry: [entry.sequence])

    async def verify(self, known_head: str = "") -> Verdict:
        """Recompute the whole chain, in one consistent view of it, and say where it breaks.

        `known_head` is a head noted earlier, which must still be in it: the one proof against a cut end.
        """
        verifier = ChainVerifier(known_head)
        async with self.db.snapshot() as tx:
            try:
                async for entry in store.in_order(tx):
                    verifier.follow(entry)
            except Unreadable as error:
                verifier.find(f"an entry after {verifier.head.sequence} cannot be read: {error}")
            else:
                verifier.end(await store.read_head(tx))
        return Verdict(verifier.entries, verifier.head.hash, tuple(verifier.findings))
