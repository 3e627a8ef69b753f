"""The sealer signs nothing that this ledger did not write, and notes each head in a second place."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from sqlalchemy import text

from tests.kit.books import SEED, Books, books
from tests.kit.clock import FakeClock
from tests.kit.databases import Kind
from tests.tollway.services.ledger.service.test_proof import lay_bare
from tollway.fabric.head_notes import HeadNotes
from tollway.kit.errors import Unavailable
from tollway.services.ledger.jobs import seal
from tollway.services.ledger.model.seals import AuditHead, Signer
from tollway.services.ledger.service.sealing import JournalSealer, SealRefused
from tollway.services.ledger.store import tables as t


@pytest.fixture
async def context(kind: Kind, tmp_path: Path, clock: FakeClock) -> AsyncIterator[Books]:
    """Books that may be forged: nobody proves them at the end."""
    async with books(kind, tmp_path, clock) as made:
        yield made


@pytest.fixture
def notes(tmp_path: Path) -> HeadNotes:
    return HeadNotes(tmp_path / "heads")


@pytest.fixture
def sealer(context: Books, notes: HeadNotes) -> JournalSealer:
    return JournalSealer(context.db, Signer(SEED), notes)


async def audit_head() -> AuditHead:
    return AuditHead(7, "ab")


async def no_audit() -> None:
    """The audit service does not answer."""


async def forge(context: Books, statement: str) -> None:
    async with context.db.transaction() as tx:
        await lay_bare(tx)
        await tx.run(text(statement))


async def test_a_seal_names_the_audit_trails_head_and_is_noted(
    context: Books, sealer: JournalSealer, notes: HeadNotes
) -> None:
    await context.deposit("ann", 5)
    assert await sealer.seal_all(audit_head) > 0
    verdict = await context.ledger.verify()
    assert (verdict.findings, verdict.audit_heads) == ((), {7: "ab"})
    noted = notes.read("ledger")
    assert noted is not None
    assert (noted.number, noted.hash) == (1, verdict.head)
    await context.deposit("ann", 5)
    await sealer.seal_all(no_audit)
    assert (await context.ledger.verify()).audit_heads == {7: "ab"}, "the last head that is known"


FORGERIES = [
    "UPDATE txn SET actor = 'usr_x' WHERE code = 'deposit'",
    "UPDATE txn SET tag = NULL WHERE code = 'deposit'",
    "UPDATE leg SET amount = amount * 1000",
    "DELETE FROM leg",
]


@pytest.mark.parametrize("forgery", FORGERIES)
async def test_what_was_changed_before_it_was_sealed_is_not_sealed(
    context: Books, sealer: JournalSealer, forgery: str
) -> None:
    await sealer.seal_all(audit_head)
    await context.deposit("ann", 5)
    await forge(context, forgery)
    with pytest.raises(SealRefused, match="was not written by this ledger"):
        await sealer.seal_all(audit_head)
    await seal(context.ledger)  # the job says so in the log, and goes on
    assert (await context.ledger.verify()).seals == 1


@pytest.mark.parametrize("forgery", ["DELETE FROM seal", "UPDATE seal SET hash = root"])
async def test_after_what_was_noted_is_gone_nothing_is_sealed(
    context: Books, sealer: JournalSealer, notes: HeadNotes, forgery: str
) -> None:
    await sealer.seal_all(audit_head)
    noted = notes.read("ledger")
    await forge(context, forgery)
    await context.deposit("ann", 5)
    with pytest.raises(SealRefused):
        await sealer.seal_all(audit_head)
    assert notes.read("ledger") == noted


async def test_a_ledger_that_stops_seals_what_it_wrote(context: Books) -> None:
    await context.deposit("ann", 5)
    await context.ledger.stop()
    verdict = await context.ledger.verify()
    assert (verdict.unsealed, verdict.seals, verdict.findings) == (0, 1, ())
    with pytest.raises(Unavailable):
        await context.deposit("ann", 5)


async def test_seals_of_an_older_version_are_gone_on_from(
    context: Books, sealer: JournalSealer, kind: Kind
) -> None:
    """Without tags, and with a seal that names no audit head, as they were."""
    await context.deposit("ann", 5)
    await sealer.seal_all(audit_head)
    async with context.db.transaction() as tx:
        await lay_bare(tx)
        row = (await tx.all(t.seal.select()))[0]
        from tests.tollway.services.ledger.model.test_chain import older
        from tollway.services.ledger.model.records import Seal

        await tx.run(t.seal.update().values(older(Seal._make(row), Signer(SEED))._asdict()))
        await tx.run(text("UPDATE txn SET tag = NULL"))
    context.ledger._sealer = JournalSealer(context.db, Signer(SEED), HeadNotes(None))
    await context.deposit("ann", 6)
    await context.ledger.seal()
    assert (await context.ledger.verify()).findings == ()
