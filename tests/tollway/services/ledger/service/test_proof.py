"""The proof finds every altered cell of every table; sealing makes even a careful forger visible."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Table, text
from sqlalchemy.exc import IntegrityError

from tests.kit.books import (
    CLEARING,
    GB,
    USD,
    Books,
    books,
    hold,
    post,
    release,
    user,
)
from tests.kit.clock import FakeClock
from tests.kit.databases import Kind
from tests.kit.typing import settings_of
from tollway.fabric.db import Tx
from tollway.services.ledger.model.chain import Chain
from tollway.services.ledger.model.metering import UsageReading
from tollway.services.ledger.model.seals import AuditHead, Seal, Signer, leaf_of, root_from
from tollway.services.ledger.model.values import account_id
from tollway.services.ledger.settings import LedgerSettings
from tollway.services.ledger.store import history
from tollway.services.ledger.store import tables as t

# The sums of what access had cost are no books: they are made of lot_move, which is proven.
TABLES: tuple[Table, ...] = tuple(t.metadata.tables[name] for name in (*t.APPEND_ONLY, *t.NEVER_DELETED))
# How often anybody wrote is of no consequence.
HARMLESS = {("writer_lock", "version"), ("writer_lock", "id")}


@pytest.fixture
async def history_of_all_kinds(context: Books) -> Books:
    """Books in which every table has rows, all of them sealed."""
    await context.deposit("ann", 50)
    await context.stock("ann", 100, cost=33, expires_in_s=60)
    await context.stock("ann", 50, cost=10)
    await context.post(hold("hld_0", user("ann"), CLEARING, 5), release("hld_0", 2))
    await context.reserve("hld_1", "ann", 40)
    await context.use("hld_1", UsageReading("flw_1", 10, 1), UsageReading("flw_2", 5, 1))
    await context.use("hld_1", UsageReading("flw_1", 55, 2, final=True))
    await context.post(post(user("ann", GB), user("bob", GB), 20), code="give")
    given = await context.post(post(user("ann"), user("bob"), 7))
    await context.ledger.reverse(given.txn_id, "tests", "undo", "operator", "")
    with pytest.raises(Exception, match="needed"):
        await context.post(post(user("bob"), user("ann"), 1))
    context.clock.advance(61)
    await context.ledger.expire()
    await context.ledger.seal()
    return context


async def lay_bare(tx: Tx) -> None:
    """Do what somebody with the database's password can do: take the guards away."""
    if tx.dialect == "sqlite":
        for name in await tx.all(text("SELECT name FROM sqlite_master WHERE type = 'trigger'")):
            await tx.run(text(f"DROP TRIGGER {name[0]}"))
        await tx.run(text("PRAGMA defer_foreign_keys = ON"))
        await tx.run(text("PRAGMA ignore_check_constraints = ON"))
        return
    await tx.run(text("SET LOCAL session_replication_role = replica"))
    checks = await tx.all(
        text(
            "SELECT conrelid::regclass, conname FROM pg_constraint "
            "WHERE contype = 'c' AND connamespace = current_schema()::regnamespace"
        )
    )
    for table, name in map(tuple, checks):
        await tx.run(text(f'ALTER TABLE {table} DROP CONSTRAINT "{name}"'))


class Undone(Exception):
    """The forgery is taken back, so that the next one starts from true books."""


async def findings_after(context: Books, *forgery: Any) -> tuple[str, ...]:
    """Forge inside a transaction, look with the proof, and take it back."""
    from tollway.services.ledger.service.proof import prove

    found: tuple[str, ...] = ()
    try:
        async with context.db.transaction() as tx:
            await lay_bare(tx)
            for statement in forgery:
                await tx.run(statement)
            verdict = await prove(tx, Chain(context.ledger.signer))
            found = verdict.findings
            raise Undone
    except Undone:
        return found
    except IntegrityError as refusal:
        return (f"the database itself refuses: {refusal.orig}",)


def altered(column: Any, value: Any) -> Any:
    """One bit, or as little as the type allows."""
    if value is None:
        return "txn_0"
    if isinstance(value, bool):
        return not value
    if isinstance(value, int):
        return value ^ 1
    if isinstance(value, bytes):
        return bytes([value[0] ^ 1]) + value[1:] if value else b"x"
    return f"{value[:-1]}{chr(ord(value[-1]) ^ 1)}" if value else "x"


@pytest.mark.parametrize("table", TABLES, ids=lambda table: table.name)
async def test_every_altered_cell_is_found(history_of_all_kinds: Books, table: Table) -> None:
    context = history_of_all_kinds
    async with context.db.snapshot() as tx:
        rows = await tx.all(table.select())
    assert rows, f"{table.name} has no rows to alter"
    missed = []
    for column in table.c:
        if (table.name, column.name) in HARMLESS:
            continue
        # A few rows of each table, the oldest and the newest among them.
        for row in {rows[0], rows[len(rows) // 2], rows[-1]}:
            value = getattr(row, column.name)
            forged = altered(column, value)
            same_row = [key == getattr(row, key.name) for key in table.primary_key]
            found = await findings_after(
                context, table.update().where(*same_row).values({column.name: forged})
            )
            if not found:
                missed.append((column.name, value, forged))
    assert missed == []


@pytest.mark.parametrize(
    "table", [one for one in TABLES if one.name != "writer_lock"], ids=lambda table: table.name
)
async def test_every_row_that_is_gone_is_missed(history_of_all_kinds: Books, table: Table) -> None:
    context = history_of_all_kinds
    async with context.db.snapshot() as tx:
        rows = await tx.all(table.select())
    for row in {rows[0], rows[-1]}:
        if table.name == "seal" and row == rows[-1]:
            continue  # the newest seal may simply not have been made yet; a noted head tells, see below
        same_row = [key == getattr(row, key.name) for key in table.primary_key]
        assert await findings_after(context, table.delete().where(*same_row)), row


async def test_a_forger_who_repairs_everything_is_found_by_the_seal(history_of_all_kinds: Books) -> None:
    """Give bob a unit more everywhere it shows: legs, counters, balances agree, the seal does not."""
    context = history_of_all_kinds
    receipt = await context.post(post(CLEARING, user("dan"), 5))
    await context.ledger.seal()
    one = t.leg.c.txn_id == receipt.txn_id
    raised = (
        t.leg.update().where(one).values(amount=6, debit_balance=t.leg.c.debit_balance - 1, credit_balance=6)
    )
    counters = [
        t.account.update().where(t.account.c.id == account_id(user("dan"))).values(credits_posted=6),
        t.account.update()
        .where(t.account.c.id == account_id(CLEARING))
        .values(debits_posted=t.account.c.debits_posted + 1),
    ]
    found = await findings_after(context, raised, *counters)
    assert set(found) == {
        "the transactions under seal 2 are not the ones that were sealed",
        f"{receipt.txn_id} was not written by this ledger, or was altered: its tag is wrong",
    }


async def test_a_chain_signed_with_another_key_is_not_ours(history_of_all_kinds: Books) -> None:
    context = history_of_all_kinds
    async with context.db.snapshot() as tx:
        entries = await history.entries(tx)
        last = await history.last_seal(tx)
    assert last is not None
    forged = Signer(bytes(32)).seal(None, entries, context.clock.now_us(), AuditHead())
    found = await findings_after(context, t.seal.update().values(forged._asdict()))
    assert found == ("seal 1 is not signed by this platform",)


async def test_a_noted_head_is_found_again_or_the_chain_was_cut(history_of_all_kinds: Books) -> None:
    context = history_of_all_kinds
    noted = (await context.ledger.verify()).head
    await context.deposit("ann", 1)
    await context.ledger.seal()
    later = await context.ledger.verify(known_head=noted)
    assert later.ok
    assert later.head != noted
    assert not (await context.ledger.verify(known_head="ab" * 32)).ok


async def test_the_proof_counts_what_it_checked(context: Books) -> None:
    await context.stock("ann", 100, cost=30)
    await context.reserve("hld_1", "ann", 40)
    await context.use("hld_1", UsageReading("flw_1", 10, 1))
    steps: list[tuple[int, int]] = []

    async def note(done: int, total: int) -> None:
        steps.append((done, total))

    verdict = await context.ledger.verify(note)
    assert verdict.ok
    assert (verdict.legs, verdict.holds_open, verdict.lots, verdict.seals) == (7, 1, 1, 0)
    assert verdict.transactions == verdict.unsealed == 9
    assert verdict.totals == {USD: 30 + 30 + 3, GB: 100 + 100 + 10}
    assert steps[-1] == (9, 9)


async def test_transactions_are_sealed_in_batches_and_each_is_proved_to_be_there(context: Books) -> None:
    receipts = [await context.deposit("ann", 1) for _ in range(7)]
    assert await context.ledger.seal() == 7 + 4
    late = await context.deposit("ann", 1)
    assert (await context.ledger.explain(late.txn_id, prove=True)).inclusion is None
    await context.ledger.seal()
    for receipt in (*receipts, late):
        explained = await context.ledger.explain(receipt.txn_id, prove=True)
        proof = explained.inclusion
        assert proof is not None
        assert proof.leaf == leaf_of(explained.entry)
        assert root_from(proof.leaf, proof.path, proof.place, proof.seal.size) == proof.seal.root
    assert (await context.ledger.verify()).seals == 2


async def test_two_sealers_make_one_chain(context: Books) -> None:
    await context.deposit("ann", 1)
    stale_view = history.last_seal

    async def nobody(_tx: Tx) -> None:
        return None

    await context.ledger.seal()
    history.last_seal = nobody  # type: ignore[assignment]
    try:
        assert await context.ledger.seal() == 0
    finally:
        history.last_seal = stale_view
    assert (await context.ledger.verify()).seals == 1


async def test_seals_of_a_former_key_still_count(kind: Kind, tmp_path: Path, clock: FakeClock) -> None:
    former = Signer(bytes(32))
    settings = settings_of(LedgerSettings, former_signers=(former.public.hex(),))
    async with books(kind, tmp_path, clock, settings) as context:
        async with context.db.transaction() as tx:
            entries = await history.entries(tx)
            await history.add_seal(tx, former.seal(None, entries, clock.now_us(), AuditHead()))
        await context.deposit("ann", 1)
        await context.ledger.seal()
        assert (await context.ledger.verify()).ok


async def test_empty_books_hold(kind: Kind, tmp_path: Path, clock: FakeClock) -> None:
    async with books(kind, tmp_path, clock) as context:
        assert (await context.ledger.verify()).ok


async def test_the_signatures_of_many_seals_do_not_hold_others_up(
    context: Books, monkeypatch: pytest.MonkeyPatch
) -> None:
    for _ in range(120):
        await context.deposit("ann", 1)
        await context.ledger.seal()
    checked = list[int]()
    add_seals = Chain.add_seals

    def counted(chain: Chain, seals: Iterable[Seal]) -> None:
        some = list(seals)
        checked.append(len(some))
        add_seals(chain, some)

    monkeypatch.setattr(Chain, "add_seals", counted)
    proof = await context.ledger.verify()
    assert (proof.ok, proof.seals, sum(checked)) == (True, 120, 120)
    assert max(checked) <= 50, "about five milliseconds at once"
