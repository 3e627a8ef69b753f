"""Records what is published, shows it, and proves that it is whole."""

import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tollway.contracts.events_pb2 import EventEnvelope
from tollway.fabric.db import Database, Tx
from tollway.fabric.head_notes import HeadNote, HeadNotes, HeadNoteUnusable
from tollway.fabric.jobs import LongRun, LongWork, Report
from tollway.fabric.rpc import current
from tollway.kit.ids import new_id
from tollway.kit.paging import DEFAULT_LIMIT, MAX_LIMIT, Page, decode_cursor, make_page
from tollway.services.audit import store
from tollway.services.audit.model import (
    AuditEntry,
    AuditRecord,
    ChainVerifier,
    EntrySigner,
    Head,
    Unreadable,
    canonical,
    record_of,
)
from tollway.services.audit.settings import AuditSettings

_log = logging.getLogger(__name__)
CHAIN = "audit"
NOTHING = HeadNotes(None)
VERIFICATION = "verify_trail"
FINDINGS_SHOWN = 100
# Entries between which others get the thread: checking them takes a few milliseconds.
CHUNK = 50


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a verifier found. `head` is the last entry's hash: note it elsewhere to compare later."""

    entries: int
    head: str
    findings: tuple[str, ...]
    last_at_us: int = 0

    @property
    def ok(self) -> bool:
        """Return whether the record is whole."""
        return not self.findings


EVERY_ENTRY = store.EntryFilter()


class Audit:
    """The service. `seed` (32 bytes) is that of the key which signs entries."""

    def __init__(
        self, db: Database, seed: bytes, settings: AuditSettings | None = None, notes: HeadNotes = NOTHING
    ) -> None:
        self.db = db
        self.signer = EntrySigner(seed)
        self._settings = settings or AuditSettings(former_signers=())
        self._notes = notes
        self._noted = Head()
        self._recorded = True  # something may have been, before this process began
        self.verification = LongWork(db, VERIFICATION, self._verify, self._record_verdict)

    async def record(self, tx: Tx, what: AuditRecord) -> None:
        """Add an event to the end of the record; one that is there already is left alone."""
        head = await store.lock_head(tx)
        assert head.sequence >= 0, "the head of the audit record is missing; run `tollway verify`"
        if not await store.knows(tx, what.event_id):
            await store.add(tx, self.signer.append(head, what))
        self._recorded = True

    async def head(self) -> Head:
        """Return the number and the hash of the last entry."""
        async with self.db.snapshot() as tx:
            return await store.read_head(tx)

    async def note_head(self) -> None:
        """Note the head in the second place, if what was noted there before is still part of the record."""
        if not self._recorded:
            return
        self._recorded = False
        try:
            noted = self._notes.read(CHAIN)
            async with self.db.snapshot() as tx:
                head = await store.read_head(tx)
                if noted is not None and await store.hash_at(tx, noted.number) != noted.hash:
                    _log.error(
                        "the audit record does not contain entry %s (%s), which was noted in %s: it was cut, "
                        "rewritten, or is an older copy; its head is not noted any more. Run `tollway verify`",
                        noted.number,
                        noted.hash,
                        self._notes.folder,
                    )
                    return
            if head.sequence > 0:
                note = HeadNote(head.sequence, head.hash, self.signer.public.hex(), self.db.clock.now_us())
                self._notes.write(CHAIN, note)
        except (OSError, HeadNoteUnusable) as error:
            _log.error("cannot note the head of the audit record: %s", error)

    async def entries(
        self, only: store.EntryFilter = EVERY_ENTRY, limit: int = DEFAULT_LIMIT, cursor: str = ""
    ) -> Page[AuditEntry]:
        """Return entries, newest first. Raises Invalid for a cursor that is not ours."""
        position = decode_cursor(cursor, int)
        before = position[0] if position else None
        limit = max(1, min(limit, MAX_LIMIT))
        async with self.db.snapshot() as tx:
            rows = await store.newest(tx, only, before, limit + 1)
        return make_page(rows, limit, lambda entry: [entry.sequence])

    async def compare(self, events: Sequence[EventEnvelope]) -> list[str]:
        """Compare events that were taken in, as their publisher has them, with the record; return what does not fit."""
        async with self.db.snapshot() as tx:
            entries = await store.by_event(tx, [event.id for event in events])
            parked = await store.parked(tx)
        findings: list[str] = []
        for event in events:
            kept, wanted = entries.get(event.id), record_of(event)
            if kept is None and event.id not in parked:
                findings.append(
                    f"{event.id} ({event.type}) of {event.source} was taken in and is not in the record"
                )
            elif kept is not None and any(
                getattr(kept, name) != getattr(wanted, name) for name in AuditRecord.__dataclass_fields__
            ):
                findings.append(
                    f"{event.id} ({event.type}) says something else in the record than at {event.source}"
                )
        return findings

    async def request_verification(self, actor: str) -> LongRun:
        """Have the record verified, unless it is being verified already; return how far that is."""
        async with self.db.transaction() as tx:
            asked = await self.verification.request(tx, actor)
            if asked is not None:
                await self._record_own(tx, "AUDIT_VERIFICATION_REQUESTED", asked.id, {"run_id": asked.id})
        return await self.verification.read()

    async def _verify(self, report: Report) -> Mapping[str, Any]:
        total, seen = (await self.head()).sequence, 0

        async def look(_entry: AuditEntry) -> None:
            nonlocal seen
            seen += 1
            if seen % CHUNK == 0:
                await report(min(seen, total), total)

        verdict = await self.verify(look=look)
        return {
            "ok": verdict.ok,
            "entries": verdict.entries,
            "head": verdict.head,
            "findings": list(verdict.findings[:FINDINGS_SHOWN]),
        }

    async def _record_verdict(self, tx: Tx, run: LongRun) -> None:
        if run.state == "done":
            said = {"run_id": run.id, "ok": run.result["ok"], "findings": run.result["findings"][:1]}
            await self._record_own(tx, "AUDIT_VERIFIED", run.id, said)

    async def _record_own(self, tx: Tx, topic: str, subject: str, data: Mapping[str, Any]) -> None:
        """Record what this service did itself: it publishes nothing, as it would only read it again."""
        call = current()
        await self.record(
            tx,
            AuditRecord(
                event_id=new_id("evt"),
                topic=topic,
                source="audit",
                subject=subject,
                actor=call.user_id or "audit",
                action=call.action,
                at_us=tx.now_us,
                correlation_id=call.correlation_id,
                data=canonical(data),
            ),
        )

    async def verify(
        self,
        known_head: str = "",
        known: Mapping[int, str] | None = None,
        look: Callable[[AuditEntry], Awaitable[None]] | None = None,
    ) -> Verdict:
        """Recompute the whole chain, in one consistent view of it, and say where it breaks.

        `known_head` is a head noted earlier, and `known` are heads (hash by number) that others noted: all must still
        be in it. `look` is called with each entry. The head in the second place is looked for too.
        """
        signers = (self.signer.public, *(bytes.fromhex(one) for one in self._settings.former_signers))
        noted = self._notes.read(CHAIN)
        verifier = ChainVerifier(
            signers, known_head, {**(known or {}), **({noted.number: noted.hash} if noted else {})}
        )
        if noted and bytes.fromhex(noted.signer) not in signers:
            verifier.find(
                f"the head noted in {self._notes.folder} is signed with another key: {noted.signer}"
            )
        async with self.db.snapshot() as tx:
            try:
                async for entry in store.in_order(tx):
                    verifier.follow(entry)
                    if look is not None:
                        await look(entry)
            except Unreadable as error:
                verifier.find(f"an entry after {verifier.head.sequence} cannot be read: {error}")
            else:
                verifier.end(await store.read_head(tx))
        return Verdict(verifier.entries, verifier.head.hash, tuple(verifier.findings), verifier.last_at_us)
