"""The database's own promises: constraints and guards that no code above can talk it out of."""

from typing import Any

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from tests.kit.books import CLEARING, EUR, GB, INVENTORY, SEED, Books, post, posting, user
from tollway.fabric.db.postgres import KEPT_PLANS
from tollway.services.ledger.model.metering import UsageReading
from tollway.services.ledger.model.records import LegRow, LotMove, Seal, Txn, UsageLine
from tollway.services.ledger.model.seals import Signer
from tollway.services.ledger.model.values import Account, Asset, Hold, Lot, SessionUsage, account_id
from tollway.services.ledger.service.execution import Planner, request_for, write, write_if_good
from tollway.services.ledger.store import tables as t
from tollway.services.ledger.store.loading import acquire_writer


@pytest.mark.parametrize(
    ("value", "table"),
    [
        (Asset, t.asset),
        (Txn, t.txn),
        (LegRow, t.leg),
        (Hold, t.hold),
        (Lot, t.lot),
        (LotMove, t.lot_move),
        (UsageLine, t.usage_line),
        (SessionUsage, t.session_usage),
        (Seal, t.seal),
    ],
    ids=lambda one: getattr(one, "name", ""),
)
def test_a_value_is_laid_out_as_its_row(value: Any, table: Any) -> None:
    assert list(value._fields) == [column.name for column in table.c if column.name != "tag"]


def test_an_account_is_its_name_and_its_counters() -> None:
    names = [column.name for column in t.account.c]
    assert [names[0], *names[5:]] == [field for field in Account._fields if field != "ref"]
    assert names[1:5] == ["owner_kind", "owner_id", "asset", "purpose"]


async def refused(context: Books, statement: Any) -> str:
    with pytest.raises(DBAPIError) as refusal:
        async with context.db.transaction() as tx:
            await tx.run(statement)
    return str(refusal.value.orig)


@pytest.fixture
async def used_books(context: Books) -> Books:
    await context.stock("ann", 100, cost=30)
    await context.reserve("hld_1", "ann", 40)
    await context.use("hld_1", UsageReading("flw_1", 10, 1))
    await context.ledger.seal()
    return context


@pytest.mark.parametrize("name", t.APPEND_ONLY)
async def test_history_is_written_once(used_books: Books, name: str) -> None:
    table = t.metadata.tables[name]
    column = list(table.c)[-1]
    assert f"{name} takes no UPDATE" in await refused(used_books, table.update().values({column: column}))
    assert f"{name} takes no DELETE" in await refused(used_books, table.delete())
    if used_books.db.dialect == "postgresql":
        assert "takes no DELETE" in await refused(used_books, text(f"TRUNCATE {name} CASCADE"))


@pytest.mark.parametrize("name", t.NEVER_DELETED)
async def test_nothing_is_ever_deleted(used_books: Books, name: str) -> None:
    assert f"{name} takes no DELETE" in await refused(used_books, t.metadata.tables[name].delete())


async def test_every_table_is_guarded() -> None:
    sums = {"cost_day", "cost_position", "sealed_total"}  # made from the books, and no books themselves
    assert {*t.APPEND_ONLY, *t.NEVER_DELETED} == set(t.metadata.tables) - sums


@pytest.mark.parametrize(
    ("table", "column"),
    [(t.account, "asset"), (t.account, "limited"), (t.asset, "scale"), (t.hold, "amount"), (t.lot, "cost")],
    ids=str,
)
async def test_what_something_is_cannot_be_changed(used_books: Books, table: Any, column: str) -> None:
    statement = table.update().values({column: table.c[column]})
    assert f"{table.name} takes no UPDATE OF" in await refused(used_books, statement)


async def test_an_overdraft_cannot_be_stored(used_books: Books) -> None:
    for ref in (user("ann", GB), INVENTORY):
        drained = t.account.update().where(t.account.c.id == account_id(ref)).values(debits_posted=10**6)
        assert "not_overdrawn" in await refused(used_books, drained)
    held = (
        t.account.update().where(t.account.c.id == account_id(user("ann", GB))).values(debits_pending=10**6)
    )
    assert "not_overdrawn" in await refused(used_books, held)


async def test_a_leg_cannot_mix_assets_or_stay_on_one_account(used_books: Books) -> None:
    context = used_books
    await context.ledger.open_accounts("user", "usr_bob", (EUR,))
    async with context.db.snapshot() as tx:
        known = (await tx.all(t.leg.select()))[0]._asdict()
    known |= {"line": 50, "debit_version": 900, "credit_version": 901}
    mixed = {**known, "credit_id": account_id(user("bob", EUR))}
    assert "leg refers to what is not there" in await refused(context, t.leg.insert().values(mixed))
    for column in ("txn_id", "debit_id", "credit_id"):
        lost = {**known, column: "nowhere"}
        assert "leg refers to what is not there" in await refused(context, t.leg.insert().values(lost))
    unheld = {**known, "kind": "hold", "hold_id": "hld_nowhere"}
    assert "leg refers to what is not there" in await refused(context, t.leg.insert().values(unheld))
    alone = {**known, "credit_id": known["debit_id"]}
    assert "two_sides" in await refused(context, t.leg.insert().values(alone))
    empty = {**known, "amount": 0}
    assert "amount" in await refused(context, t.leg.insert().values(empty))
    twice = {**known, "debit_version": 1}
    assert "debit" in await refused(context, t.leg.insert().values(twice))


async def test_references_are_looked_up_one_by_one_whatever_came_first(context: Books) -> None:
    """PostgreSQL keeps the plan of the guard that it made for the first batch, which had one leg or none."""
    if context.db.dialect == "sqlite":
        return
    async with context.db.transaction() as tx:
        for people in (["ann"], [f"p{number}" for number in range(200)]):
            requests = [request_for(posting(name, post(CLEARING, user(name), 1))) for name in people]
            await write(tx, await Planner(Signer(SEED)).plan(tx, requests, await acquire_writer(tx)))
        looked_up = await tx.scalar(
            text(
                "SELECT idx_tup_fetch FROM pg_stat_xact_user_tables "
                "WHERE schemaname = current_schema() AND relname = 'account'"
            )
        )
    assert 400 <= looked_up < 2000


async def test_names_are_looked_up_one_by_one_whatever_came_first(context: Books) -> None:
    """PostgreSQL keeps the plan of the statement that writes a small batch, made when there was hardly anything."""
    if context.db.dialect == "sqlite":
        return
    planner = Planner(Signer(SEED))
    many = [posting(f"many{number}", post(CLEARING, user("ann"), 1)) for number in range(400)]
    async with context.db.transaction() as tx:
        for name, value in KEPT_PLANS.items():  # as on a connection that commits each statement by itself
            await tx.run(text(f"SET LOCAL {name} = {value}"))
        for number in range(30):
            if number == 15:
                await write(tx, await planner.plan(tx, [request_for(one) for one in many]))
            request = request_for(posting(f"few{number}", post(CLEARING, user("ann"), 1)))
            plan = await planner.plan_unread([request], tx.now_us) or await planner.plan(tx, [request])
            assert await write_if_good(tx, plan)
        read = await tx.scalar(
            text(
                "SELECT seq_tup_read FROM pg_stat_xact_user_tables "
                "WHERE schemaname = current_schema() AND relname = 'txn'"
            )
        )
    assert read < 1000


async def test_a_key_and_a_reversal_exist_once(context: Books) -> None:
    made = await context.deposit("ann", 1)
    await context.ledger.reverse(made.txn_id, "tests", "undo", "operator", "")
    async with context.db.snapshot() as tx:
        rows = [row._asdict() for row in await tx.all(t.txn.select().order_by(t.txn.c.id))]
    assert "key" in await refused(
        context, t.txn.insert().values({**rows[-1], "id": "txn_x", "reverses": None})
    )
    assert "reverses" in await refused(
        context, t.txn.insert().values({**rows[-1], "id": "txn_x", "key": "other"})
    )


async def test_a_hold_or_a_lot_cannot_hold_less_than_nothing(used_books: Books) -> None:
    for table in (t.hold, t.lot):
        for remaining in (-1, 10**9):
            statement = table.update().values(remaining=remaining)
            assert "check" in (await refused(used_books, statement)).lower()
    assert "open_while_it_holds" in await refused(used_books, t.hold.update().values(state="captured"))


async def test_numbers_beyond_63_bits_are_refused_not_rounded(used_books: Books) -> None:
    too_much = t.account.update().values(credits_posted=text("9223372036854775807 + 1"))
    assert await refused(used_books, too_much)
