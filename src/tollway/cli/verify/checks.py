"""What `tollway verify` checks: each chain by itself, and everything that two databases say of the same thing."""

import json
from collections.abc import Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tollway.cli.verify.neighbours import ON_ITS_WAY_US, RECORDED, Recorded, compare_neighbours
from tollway.contracts.events import BooksSealed, TransactionMade
from tollway.fabric.clock import SystemClock
from tollway.fabric.db import Database, DatabaseUnusable, check_current, check_guards
from tollway.fabric.secrets import load_or_make
from tollway.kit.times import DAY_US, to_rfc3339
from tollway.services.audit.model import AuditEntry
from tollway.services.audit.service import Audit
from tollway.services.ledger.model.claims import Claim
from tollway.services.ledger.service.comparison import Comparison
from tollway.services.ledger.service.proof import Progress, ProofResult
from tollway.settings import Settings
from tollway.topology import SERVICES, backends
from tollway.topology.service_context import make_context

BATCH = 500
_CODES_WITHOUT_AMOUNTS = {"use"}  # published once a session, with the sum of all its transactions
_MAX_FINDINGS = 100


@dataclass(frozen=True, slots=True)
class Heads:
    """Ends of the two chains that were noted earlier; empty: none."""

    ledger: str = ""
    audit: str = ""


@dataclass(frozen=True, slots=True)
class Checked:
    """What was recomputed, and what did not hold."""

    figures: dict[str, Any]
    findings: list[str]


def master_key(settings: Settings) -> Path:
    """Name the file of the master secret."""
    return settings.data / "secrets" / "master.key"


async def check(settings: Settings, known: Heads, progress: Progress) -> Checked:
    """Check everything. Raises DatabaseUnusable, SecretUnusable, HeadNoteUnusable for what can not be read."""
    async with AsyncExitStack() as stack:
        opened: dict[str, Database] = {}
        findings: list[str] = []
        for name in ("ledger", "audit", *sorted(SERVICES.keys() - {"ledger", "audit"})):
            if (migrations := backends.service_migrations(name)) is None or SERVICES[name].development:
                continue
            if not _is_there(settings, name):
                if name in {"ledger", "audit"}:
                    raise DatabaseUnusable(f"the database of {name} is gone; put it back from a copy")
                findings.append(f"the database of {name} is gone")
                continue
            database = backends.open_database(settings, name, SystemClock())
            await database.start()
            stack.push_async_callback(database.stop)
            await check_current(database, migrations)
            findings += [f"{name}: {finding}" for finding in await check_guards(database, migrations)]
            opened[name] = database
        ledger, audit = (_build(settings, name, opened[name]) for name in ("ledger", "audit"))
        newest = (await audit.entries(limit=1)).items
        proof = await ledger.verify(progress, known.ledger, newest[0].at_us if newest else 0)
        books = Comparison(ledger.db)
        trail = _Trail(books, proof)
        record = await audit.verify(known.audit, proof.audit_heads, trail.look)
        await trail.flush()
        findings += [
            *proof.findings,
            *(f"audit: {finding}" for finding in record.findings),
            *(f"audit: {finding}" for finding in trail.findings),
        ]
        seen_us = max(record.last_at_us, proof.unsealed_to_us)
        for name, database in opened.items():
            findings += [f"audit: {finding}" for finding in await _published(name, database, audit, seen_us)]
            kept_us = settings.retention.events_days * DAY_US
            if seen_us - trail.newest_us.get(name, 0) < kept_us and await _is_log_cut(name, database, audit):
                findings.append(f"audit: events of {name} that were recorded are gone from its log")
        findings += await compare_neighbours(opened, books, trail.recorded, seen_us)
    figures = {
        "transactions": proof.transactions,
        "legs": proof.legs,
        "accounts": proof.accounts,
        "lots": proof.lots,
        "holds_open": proof.holds_open,
        "seals": proof.seals,
        "unsealed": proof.unsealed,
        "unsealed_from": to_rfc3339(proof.unsealed_from_us) if proof.unsealed else "",
        "unsealed_to": to_rfc3339(proof.unsealed_to_us) if proof.unsealed else "",
        "ledger_head": proof.head,
        "audit_entries": record.entries,
        "audit_head": record.head,
        "noted_heads": settings.security.heads_folder,
        "units_moved": proof.totals,
    }
    return Checked(figures, findings[:_MAX_FINDINGS])


def _is_there(settings: Settings, name: str) -> bool:
    if settings.database.services.get(name, settings.database.url):
        return True
    file = settings.data / "services" / f"{name}.db"
    return file.exists() or file.with_suffix(".made").exists()


def _build(settings: Settings, name: str, database: Database) -> Any:
    clock = SystemClock()
    secrets = load_or_make(master_key(settings), settings.security.master_key)
    context = make_context(settings, name, database, clock, secrets, _no_neighbour, dict)
    return SERVICES[name].build(context).service


def _no_neighbour(api: str) -> None:
    """Verifying calls no other service."""


class _Trail:
    """Compares what the audit trail says of the ledger with the ledger."""

    def __init__(self, books: Comparison, proof: ProofResult) -> None:
        self.findings: list[str] = []
        self._books = books
        self._seals = proof.seal_hashes
        self._claims: list[Claim] = []
        self.newest_us: dict[str, int] = {}  # by publisher
        self.recorded = Recorded()

    async def look(self, entry: AuditEntry) -> None:
        """Take the next entry of the trail."""
        self.newest_us[entry.source] = max(entry.at_us, self.newest_us.get(entry.source, 0))
        if entry.topic not in {TransactionMade.topic, BooksSealed.topic, *RECORDED}:
            return
        try:
            said: Mapping[str, Any] = json.loads(entry.data)
            if entry.topic in RECORDED:
                self.recorded.take(entry.event_id, entry.topic, said)
                return
            if entry.topic == BooksSealed.topic:
                self._check_seal(BooksSealed.model_validate(said))
                return
            made = TransactionMade.model_validate(said)
        except ValueError:
            self.findings.append(f"entry {entry.sequence} says nothing that can be read")
            return
        amounts = None if made.code in _CODES_WITHOUT_AMOUNTS else made.amounts
        self._claims.append(Claim(made.transaction_id, f"entry {entry.sequence}", amounts, made.code))
        if len(self._claims) >= BATCH:
            await self.flush()

    async def flush(self) -> None:
        """Compare what was collected."""
        claims, self._claims = self._claims, []
        self.findings += await self._books.compare(claims)

    def _check_seal(self, said: BooksSealed) -> None:
        if self._seals.get(said.number) != said.hash:
            self.findings.append(
                f"seal {said.number} ({said.hash}) was recorded and is not in the ledger: the ledger's end was cut or "
                "rewritten, or its database is an older copy"
            )


async def _published(name: str, database: Database, audit: Audit, seen_us: int) -> list[str]:
    """Compare a publisher's log with the record: what was taken in, and what waits for too long."""
    outbox, findings = backends.open_outbox(database), list[str]()
    taken, after = await backends.open_event_inbox(audit.db).position(name), 0
    while events := await outbox.read(after, BATCH, 0):
        after = events[-1].position
        findings += await audit.compare([event for event in events if event.position <= taken])
        waiting = [event for event in events if event.position > taken]
        if waiting and seen_us - waiting[0].at_us > ON_ITS_WAY_US:
            findings.append(
                f"{name} published {waiting[0].id} at {to_rfc3339(waiting[0].at_us)}, which was never recorded"
            )
            break
    return findings


async def _is_log_cut(name: str, database: Database, audit: Audit) -> bool:
    taken = await backends.open_event_inbox(audit.db).position(name)
    return taken > 0 and not await backends.open_outbox(database).read(taken - 1, 1, 0)
