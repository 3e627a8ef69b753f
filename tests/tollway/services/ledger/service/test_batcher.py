"""Many callers, one commit: nobody notices but the disk."""

import asyncio
import itertools
import os
import signal
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest
from prometheus_client import REGISTRY

from tests.kit.books import (
    CLEARING,
    DEFERRED,
    GB,
    INVENTORY,
    ISSUANCE,
    SEED,
    AccountRef,
    Books,
    books,
    capture,
    hold,
    post,
    posting,
    release,
    terms,
    user,
)
from tests.kit.clock import FakeClock
from tests.kit.databases import Kind, postgres_url, service_migrations
from tests.kit.typing import settings_of
from tollway.contracts.errors import KeyReused
from tollway.fabric.db import Database, Tx
from tollway.fabric.telemetry import correlation_id
from tollway.kit.errors import InsufficientFunds, Problem, Unavailable
from tollway.kit.tasks import spawn
from tollway.services.ledger.model.draft import Draft
from tollway.services.ledger.model.posting import Posting
from tollway.services.ledger.model.seals import Signer
from tollway.services.ledger.model.working_set import Command, ReadSet
from tollway.services.ledger.service import Ledger, batcher, execution
from tollway.services.ledger.settings import LedgerSettings
from tollway.services.ledger.store import tables as t
from tollway.services.ledger.store import writing


@contextmanager
def commits() -> Iterator[list[int]]:
    """Notes how many transactions each written change set carried."""
    sizes: list[int] = []
    write = writing.write_changes

    async def noted(tx: Tx, changes: Any) -> None:
        await write(tx, changes)
        sizes.append(len(changes.txns))

    with patch("tollway.services.ledger.service.execution.write_changes", noted):
        yield sizes


@contextmanager
def statements() -> Iterator[list[bool]]:
    """Notes of each batch that was to be written by one statement whether it was."""
    written: list[bool] = []
    write = writing.write_if_unchanged

    async def noted(tx: Tx, changes: Any, after: str) -> bool:
        written.append(await write(tx, changes, after))
        return written[-1]

    with patch.object(execution, "write_if_unchanged", noted):
        yield written


async def everything(context: Books) -> dict[str, Any]:
    """All rows but those whose contents are chance (ids, hashes of them)."""
    async with context.db.snapshot() as tx:
        accounts = await tx.all(t.account.select().order_by(t.account.c.id))
        holds = await tx.all(t.hold.select().order_by(t.hold.c.id))
        lots = await tx.all(t.lot.select().order_by(t.lot.c.txn_id, t.lot.c.id))
        legs = await tx.all(t.leg.select().order_by(t.leg.c.txn_id, t.leg.c.line))
        txns = await tx.all(t.txn.select().order_by(t.txn.c.id))
    return {
        "accounts": [row[:11] for row in accounts],
        "holds": [row[:8] for row in holds],
        "lots": [row[1:8] for row in lots],
        "legs": [row[1:] for row in legs],
        "txns": [row[1:9] for row in txns],
    }


def a_busy_day(clock: FakeClock) -> list[Posting]:
    """Postings that build on each other, some of them refused, some repeated."""
    soon = clock.now_us() + 60_000_000
    return [
        posting("d1", post(CLEARING, user("ann"), 50)),
        posting("i1", post(*_issue(), 100)),
        posting(
            "h1",
            hold("hld_1", user("ann"), DEFERRED, 30, soon),
            hold("hld_2", INVENTORY, user("ann", GB), 60, soon),
        ),
        posting(
            "h1",
            hold("hld_1", user("ann"), DEFERRED, 30, soon),
            hold("hld_2", INVENTORY, user("ann", GB), 60, soon),
        ),
        posting("s1", post(user("ann"), user("bob"), 21)),
        posting("c1", capture("hld_1", 30), capture("hld_2", 60, terms("USD", 30, soon))),
        posting("s1", post(user("ann"), user("bob"), 21)),
        posting("s1", post(user("ann"), user("bob"), 20)),
        posting("c2", capture("hld_1", 1)),
        posting("g1", post(user("ann", GB), user("bob", GB), 7)),
        posting("s2", post(user("ann"), user("bob"), 20)),
        posting("r1", release("hld_1")),
    ]


def _issue() -> tuple[AccountRef, AccountRef]:
    return ISSUANCE, INVENTORY


async def test_those_who_come_together_share_a_commit(context: Books) -> None:
    with commits() as sizes:
        await context.post_many([posting(f"d{n}", post(CLEARING, user("ann"), 1)) for n in range(700)])
    assert sum(sizes) == 700
    assert max(sizes) == 500
    assert len(sizes) <= 4


async def test_a_few_who_find_the_database_idle_are_written_by_one_statement(
    kind: Kind, context: Books
) -> None:
    await context.deposit("ann", 10)
    await context.deposit("bob", 1)
    with commits() as sizes, statements() as written:
        await context.post(post(user("ann"), user("bob"), 3))
        await context.post_many([posting(f"s{n}", post(user("ann"), user("bob"), 1)) for n in range(5)])
    assert (sizes, written) == (([1, 5], []) if kind == "sqlite" else ([], [True, True]))
    assert (await context.balance(user("ann")), await context.balance(user("bob"))) == (2, 9)
    assert [event["amount"] for event in await events(context)] == [10, 1, 3, 1, 1, 1, 1, 1]
    await context.holds_true()


async def test_a_name_that_only_the_database_knows_is_answered_as_before(kind: Kind, context: Books) -> None:
    """What was posted some batches ago is in memory no more, though the accounts are."""
    await context.deposit("ann", 10)
    await context.deposit("bob", 1)
    with statements() as written, patch.object(batcher, "USUAL_BATCHES", 2):
        first = await context.post(post(user("ann"), user("bob"), 3), key="k")
        await context.post(post(user("ann"), user("bob"), 1))
        again = await context.post(post(user("ann"), user("bob"), 3), key="k")
        with pytest.raises(KeyReused):
            await context.post(post(user("ann"), user("bob"), 4), key="k")
        await context.post(post(user("ann"), user("bob"), 1))
        await context.post(post(user("ann"), user("bob"), 1))
    assert (again.txn_id, again.replayed) == (first.txn_id, True)
    assert await context.balance(user("ann")) == 4
    # After one in vain, the next two are written in the usual way; then it is tried again.
    assert written == ([] if kind == "sqlite" else [True, True, False, True])
    await context.holds_true()


async def test_what_moved_is_counted_once_it_is_committed(context: Books) -> None:
    # The counter is the process's, and where other tests moved huge amounts a float cannot grow by 21.
    code = "counted_once"

    def moved() -> float:
        labels = {"code": code, "asset": "USD"}
        return REGISTRY.get_sample_value("tollway_ledger_units_total", labels) or 0.0

    before = moved()
    wanted = [posting(f"c{n}", post(CLEARING, user("ann"), 7), code=code) for n in range(3)]
    await context.post_many(wanted)
    await context.post_many(wanted)  # repeats move nothing
    assert moved() - before == 21


async def test_a_batch_does_what_its_members_would_have_done_alone(
    kind: Kind, tmp_path: Path, clock: FakeClock
) -> None:
    states, outcomes = [], []
    for size in (1, 3, 500):
        async with books(kind, tmp_path, clock, settings_of(LedgerSettings, batch_size=size)) as context:
            found = await context.post_many(a_busy_day(clock))
            outcomes.append([one.code if isinstance(one, Problem) else one.replayed for one in found])
            states.append(await everything(context))
            await context.holds_true()
    assert outcomes[0] == outcomes[1] == outcomes[2]
    assert outcomes[0].count("insufficient_funds") == 2
    assert states[0] == states[1] == states[2]


async def test_a_clients_refusal_is_none_of_my_business(context: Books) -> None:
    await context.deposit("ann", 10)
    mine, refused = await asyncio.gather(
        context.ledger.submit(posting("mine", post(user("ann"), user("bob"), 10))),
        context.ledger.submit(posting("other", post(user("cem"), user("bob"), 10))),
        return_exceptions=True,
    )
    assert isinstance(refused, InsufficientFunds)
    assert not isinstance(mine, BaseException)
    assert await context.balance(user("bob")) == 10


class Broken(Command):
    """A command that trips over a mistake in its own code."""

    def add_reads(self, reads: ReadSet) -> None:
        """Nothing."""

    def apply(self, draft: Draft) -> Any:
        raise ZeroDivisionError("a mistake")


@pytest.mark.filterwarnings("ignore")
async def test_who_breaks_the_batch_suffers_alone(context: Books, caplog: pytest.LogCaptureFixture) -> None:
    many = context.ledger.batcher
    work = [many.submit(posting(f"d{n}", post(CLEARING, user("ann"), 1))) for n in range(20)]
    work.insert(7, many.submit(Broken()))
    outcomes = await asyncio.gather(*work, return_exceptions=True)
    assert [n for n, one in enumerate(outcomes) if isinstance(one, BaseException)] == [7]
    assert isinstance(outcomes[7], ZeroDivisionError)
    assert await context.balance(user("ann")) == 20


async def test_what_the_database_refuses_is_undone_whole(context: Books) -> None:
    """The constraints are the last word: a change set that breaks one leaves nothing behind."""
    write = writing.write_changes

    async def corrupt(tx: Tx, changes: Any) -> None:
        for id_, account in changes.accounts_changed.items():
            if account.limited:
                changes.accounts_changed[id_] = account._replace(debits_posted=account.debits_posted + 1000)
        await write(tx, changes)

    await context.deposit("ann", 5)
    with (
        patch("tollway.services.ledger.service.execution.write_changes", corrupt),
        pytest.raises(Exception, match="not_overdrawn") as refusal,
    ):
        await context.post(post(user("ann"), user("bob"), 1), key="k")
    assert type(refusal.value).__name__ in {"IntegrityError", "CheckViolationError"}
    assert await context.balance(user("ann")) == 5
    await context.post(post(user("ann"), user("bob"), 1), key="k")


@pytest.mark.parametrize(
    ("spoiling", "refusal"),
    [
        ({"debits_posted": 1000}, "CheckViolationError"),
        # A row that is further on than the change set is not written, which nothing else would notice.
        ({"version": 1}, "DivisionByZeroError"),
    ],
)
async def test_one_statement_that_the_database_refuses_is_undone_whole(
    kind: Kind, context: Books, spoiling: dict[str, int], refusal: str
) -> None:
    if kind == "sqlite":
        pytest.skip("on SQLite nothing is written by one statement")
    write = writing.write_if_unchanged

    async def spoilt(tx: Tx, changes: Any, after: str) -> bool:
        for id_, account in changes.accounts_changed.items():
            changes.accounts_changed[id_] = account._replace(**spoiling)
        return await write(tx, changes, after)

    await context.deposit("ann", 5)
    await context.deposit("bob", 5)
    before = await events(context)
    with patch.object(execution, "write_if_unchanged", spoilt), pytest.raises(Exception) as caught:  # noqa: PT011
        await context.post(post(user("ann"), user("bob"), 1), key="k")
    assert type(caught.value).__name__ == refusal
    assert await context.balance(user("ann")) == 5
    assert await events(context) == before
    await context.post(post(user("ann"), user("bob"), 1), key="k")
    await context.holds_true()


async def test_nobody_is_answered_before_the_commit(context: Books) -> None:
    await context.deposit("ann", 5)
    written, go_on = asyncio.Event(), asyncio.Event()
    flush = Tx.flush

    async def slow(self: Tx) -> None:
        written.set()
        await go_on.wait()
        await flush(self)

    with patch.object(Tx, "flush", slow):
        waiting = spawn(context.post(post(user("ann"), user("bob"), 1)), "poster")
        await written.wait()
        await asyncio.sleep(0.02)
        assert not waiting.done()
        go_on.set()
        await waiting


async def test_stopping_finishes_what_was_taken_and_takes_no_more(
    kind: Kind, tmp_path: Path, clock: FakeClock
) -> None:
    async with books(kind, tmp_path, clock) as context:
        work = [
            spawn(context.ledger.submit(posting(f"d{n}", post(CLEARING, user("ann"), 1))), "poster")
            for n in range(50)
        ]
        await asyncio.sleep(0)
        await context.ledger.stop()
        assert len({one.txn_id for one in await asyncio.gather(*work)}) == 50
        with pytest.raises(Unavailable):
            await context.deposit("ann", 1)
        assert await context.balance(user("ann")) == 50


async def test_a_caller_who_goes_away_disturbs_nobody(context: Books) -> None:
    gone = spawn(context.ledger.submit(posting("gone", post(CLEARING, user("ann"), 1))), "poster")
    stays = spawn(context.ledger.submit(posting("stays", post(CLEARING, user("ann"), 1))), "poster")
    await asyncio.sleep(0)
    gone.cancel()
    await stays
    again = await context.ledger.submit(posting("gone", post(CLEARING, user("ann"), 1)))
    assert again.replayed
    assert await context.balance(user("ann")) == 2


async def test_a_ledger_that_has_too_much_to_do_says_so(context: Books) -> None:
    with (
        patch("tollway.services.ledger.service.batcher.MAX_WAITING", 3),
        pytest.raises(Unavailable),
    ):
        await asyncio.gather(
            *(context.ledger.submit(posting(f"d{n}", post(CLEARING, user("ann"), 1))) for n in range(9))
        )


async def test_two_processes_take_turns(kind: Kind, tmp_path: Path, clock: FakeClock) -> None:
    """Two ledgers on one database: their spends compete, and nothing is spent twice."""
    async with two_ledgers(kind, tmp_path, clock) as (one, other):
        await one.deposit("ann", 100)
        work = [
            ledger.ledger.submit(posting(f"s{n}", post(user("ann"), user("bob"), 1)))
            for n in range(120)
            for ledger in (one, other)
        ]
        twice = [
            ledger.ledger.submit(posting(f"x{n}", post(CLEARING, user("cem"), 1)))
            for n in range(40)
            for ledger in (other, one)
        ]
        outcomes = await asyncio.gather(*work, *twice, return_exceptions=True)
        assert {type(one) for one in outcomes if isinstance(one, BaseException)} <= {InsufficientFunds}
        assert (await one.balance(user("ann")), await other.balance(user("bob"))) == (0, 100)
        assert await one.balance(user("cem")) == 40
        await one.holds_true()


async def test_two_processes_with_few_callers_write_nothing_on_a_state_that_is_gone(
    kind: Kind, tmp_path: Path, clock: FakeClock
) -> None:
    async with two_ledgers(kind, tmp_path, clock) as (one, other):
        await one.deposit("ann", 200)
        await one.deposit("bob", 200)

        async def spend(books: Books, name: str, number: int) -> None:
            for turn in range(25):
                await books.ledger.submit(
                    posting(f"{name}{number}.{turn}", post(user("ann"), user("bob"), 1))
                )

        with statements() as written, patch.object(batcher, "USUAL_BATCHES", 0):
            await asyncio.gather(
                *(spend(books, name, n) for n in range(4) for name, books in (("a", one), ("b", other)))
            )
        assert await one.balance(user("ann")) == 0
        assert await other.balance(user("bob")) == 400
        assert kind == "sqlite" or set(written) == {True, False}
        await one.holds_true()


@pytest.mark.parametrize("small", [0, 32])
async def test_what_is_loaded_while_a_batch_is_written_is_never_stale(context: Books, small: int) -> None:
    """Hardly anything is kept in memory, so plans load all the time, also while the batch before is being written.

    Some writes fail at the last moment, after the next batch was planned on them; their callers ask again.
    """
    names = [f"user{number}" for number in range(5)]
    for name in names:
        await context.deposit(name, 100)
    expected = dict.fromkeys(names, 100)
    flush, writes = Tx.flush, itertools.count()

    async def slow(self: Tx) -> None:
        number = next(writes)
        await asyncio.sleep(0.002 * (number % 3))
        await flush(self)
        if number % 5 == 4:
            raise Unavailable("the disk is full for a moment")

    async def give(caller: int) -> None:
        for step in range(12):
            giver, taker = names[(caller + step) % 5], names[(caller * 3 + step * 2 + 1) % 5]
            if giver == taker:
                continue
            one = posting(f"g{caller}-{step}", post(user(giver), user(taker), 1 + step % 4))
            while True:
                with suppress(Unavailable):
                    await context.ledger.submit(one)
                    break
            expected[giver] -= 1 + step % 4
            expected[taker] += 1 + step % 4

    with (
        patch.object(Tx, "flush", slow),
        patch.object(execution, "MAX_WORKING_SET", 4),
        patch.object(batcher, "SMALL_BATCH", small),
    ):
        await asyncio.gather(*(give(caller) for caller in range(12)))
    assert {name: await context.balance(user(name)) for name in names} == expected
    await context.holds_true()


@asynccontextmanager
async def two_ledgers(kind: Kind, folder: Path, clock: FakeClock) -> AsyncIterator[tuple[Books, Books]]:
    async with books(kind, folder, clock) as one:
        engine: Any = one.db.engine
        if kind == "sqlite":
            db = Database(type(engine)(engine._path, "FULL"), clock)
        else:
            db = Database(type(engine)(postgres_url(), engine._schema), clock)
        await db.start()
        other = Ledger(db, clock, settings_of(LedgerSettings), bytes(range(32)))
        await other.start()
        try:
            yield one, Books(other, db, clock)
        finally:
            await other.stop()
            await db.stop()


async def test_a_plan_never_builds_on_another_that_is_half_done(context: Books) -> None:
    """A batch that has to be planned again, and the next one, which is planned ahead, come to the planner at once."""
    load = execution.load
    plans = execution.Planner(Signer(SEED))

    async def slow_at_first(tx: Tx, state: Any, reads: ReadSet) -> None:
        await load(tx, state, reads)
        if ("tests", "again") in reads.names:
            await asyncio.sleep(0.05)

    def paid(key: str) -> list[execution.PlannedRequest]:
        return [execution.request_for(posting(key, post(CLEARING, user("ann"), 1)))]

    with patch.object(execution, "load", slow_at_first):
        async with context.db.snapshot() as tx, context.db.snapshot() as ahead:
            last = await execution.last_written(tx)
            again, following = await asyncio.gather(
                plans.plan(tx, paid("again"), last), plans.plan(ahead, paid("following"))
            )
    assert (again.after, following.after) == (last, again.changes.last_txn)
    assert [plan.changes.legs[0].debit_version for plan in (again, following)] == [1, 2]
    assert not plans.ends_with(again)
    assert plans.ends_with(following)


async def test_each_event_carries_its_own_callers_correlation_id(context: Books) -> None:
    async def deposit(number: int) -> None:
        correlation_id.set(f"cor_{number}")
        await context.ledger.submit(
            posting(f"d{number}", post(CLEARING, user("ann"), number), code="deposit")
        )

    await asyncio.gather(*(deposit(number) for number in range(1, 6)))
    published = await events(context)
    assert [(one["correlation_id"], one["amount"]) for one in published] == [
        (f"cor_{n}", n) for n in range(1, 6)
    ]


async def test_what_moves_is_announced_and_metered_use_once_per_session(context: Books) -> None:
    from tests.kit.books import UsageReading

    await context.stock("ann", 100, cost=10)
    published = len(await events(context))
    await context.reserve("hld_1", "ann", 50)
    await context.use("hld_1", UsageReading("flw_1", 10, 1))
    await context.use("hld_1", UsageReading("flw_1", 20, 2))
    with pytest.raises(InsufficientFunds):
        await context.post(post(user("bob"), user("ann"), 1))
    assert len(await events(context)) == published
    await context.use("hld_1", UsageReading("flw_1", 25, 3, final=True))
    await context.use("hld_1", UsageReading("flw_1", 25, 4, final=True), release=True)
    (event,) = (await events(context))[published:]
    assert (event["code"], event["owners"], event["amount"]) == ("use", ["usr_ann"], 25)


async def events(context: Books) -> list[dict[str, Any]]:
    import json

    from tollway.fabric.db import tables

    async with context.db.snapshot() as tx:
        rows = await tx.all(tables.outbox.select().order_by(tables.outbox.c.position))
    found = []
    for row in rows:
        assert row.type == "TRANSACTION_MADE"
        data = json.loads(row.data)
        found.append({**data, "amount": sum(data["amounts"].values()), "correlation_id": row.correlation_id})
    return found


# ── kill -9 between any two statements ──────────────────────────────────────────────────────────────


class Fuse:
    """Kills the process at the n-th write to the database."""

    def __init__(self, length: int) -> None:
        self.left = length

    async def __call__(self, work: Any) -> Any:
        self.left -= 1
        if self.left == 0:
            os.kill(os.getpid(), signal.SIGKILL)
        return await work


def run_until_killed(kind: Kind, folder: Path, engine_name: str, length: int, answers: int) -> bool:
    """Post a busy day in a child process that is killed at its n-th write. Returns whether it got to the end."""
    child = os.fork()
    if child == 0:
        code = 1
        try:
            asyncio.run(_doomed(kind, folder, engine_name, Fuse(length), answers))
            code = 0
        finally:
            os._exit(code)
    _, status = os.waitpid(child, 0)
    assert os.WIFSIGNALED(status) or os.WEXITSTATUS(status) == 0
    return not os.WIFSIGNALED(status)


async def _doomed(kind: Kind, folder: Path, engine_name: str, fuse: Fuse, answers: int) -> None:
    db = open_again(kind, folder, engine_name)
    take, put, put_all, put_if, flush = (
        batcher.acquire_writer,
        writing._put_rows,
        writing._write_at_once,
        writing.write_if_unchanged,
        Tx.flush,
    )
    with (
        patch.object(batcher, "acquire_writer", lambda tx: fuse(take(tx))),
        patch.object(writing, "_put_rows", lambda driver, step, rows: fuse(put(driver, step, rows))),
        patch.object(writing, "_write_at_once", lambda tx, rows, last: fuse(put_all(tx, rows, last))),
        patch.object(execution, "write_if_unchanged", lambda *arguments: fuse(put_if(*arguments))),
        patch.object(Tx, "flush", lambda self: fuse(flush(self))),
    ):
        await db.start()
        ledger = Ledger(db, FakeClock(), settings_of(LedgerSettings, batch_size=4), bytes(range(32)))
        await ledger.start()

        async def note(number: int, one: Posting) -> None:
            os.write(answers, f"{number} {await outcome(ledger, one)}\n".encode())

        await asyncio.gather(*(note(number, one) for number, one in enumerate(a_busy_day(FakeClock()))))
        await ledger.stop()
        await db.stop()


async def outcome(ledger: Ledger, one: Posting) -> str:
    try:
        return (await ledger.submit(one)).txn_id
    except Problem as refusal:
        return refusal.code


def open_again(kind: Kind, folder: Path, name: str) -> Database:
    from tollway.fabric.db.postgres import PostgresDatabase
    from tollway.fabric.db.sqlite import SqliteDatabase

    engine = (
        SqliteDatabase(folder / f"{name}.db", "FULL")
        if kind == "sqlite"
        else PostgresDatabase(postgres_url(), name)
    )
    return Database(engine, FakeClock())


@pytest.mark.slow
def test_killed_between_any_two_statements_nothing_is_lost_or_done_twice(kind: Kind, tmp_path: Path) -> None:
    if kind == "postgresql":
        postgres_url()
    for length in range(1, 200):
        name = f"crash{length}_{os.getpid()}"
        asyncio.run(_prepare(kind, tmp_path, name))
        read_end, write_end = os.pipe()
        finished = run_until_killed(kind, tmp_path, name, length, write_end)
        os.close(write_end)
        with os.fdopen(read_end) as pipe:
            answered = dict(line.split() for line in pipe)
        asyncio.run(_check_after_crash(kind, tmp_path, name, answered))
        if finished:
            assert length > (20 if kind == "sqlite" else 8)
            return
    raise AssertionError("the day never ended")


async def _prepare(kind: Kind, folder: Path, name: str) -> None:
    from tests.kit.books import ASSETS
    from tollway.fabric.db import migrate

    db = open_again(kind, folder, name)
    await db.start()
    await migrate(db, service_migrations("ledger"))
    ledger = Ledger(db, FakeClock(), settings_of(LedgerSettings), bytes(range(32)))
    await ledger.start()
    for asset in ASSETS:
        await ledger.define_asset(asset)
    await ledger.stop()
    await db.stop()


async def _check_after_crash(kind: Kind, folder: Path, name: str, answered: dict[str, str]) -> None:
    db = open_again(kind, folder, name)
    await db.start()
    ledger = Ledger(db, FakeClock(), settings_of(LedgerSettings), bytes(range(32)))
    await ledger.start()
    context = Books(ledger, db, FakeClock())
    await context.holds_true()
    # Whoever was answered gets the same answer again; whoever was not can simply ask again.
    again = {str(number): await outcome(ledger, one) for number, one in enumerate(a_busy_day(FakeClock()))}
    assert {number: again[number] for number in answered} == answered
    assert await context.balance(user("ann")) == 0
    assert (await context.balance(user("bob")), await context.balance(user("bob", GB))) == (20, 7)
    await context.holds_true()
    await ledger.stop()
    await db.stop()


async def test_what_a_batch_has_made_can_be_ended_by_the_next_without_loading_all_anew(
    context: Books, clock: FakeClock
) -> None:
    """Ending a lot or a hold books on accounts of the ledger's own, which making it had not loaded."""
    from tests.kit.books import UsageReading

    plan, failed = execution.Planner.plan, 0

    async def counted(self: Any, *arguments: Any) -> Any:
        nonlocal failed
        try:
            return await plan(self, *arguments)
        except KeyError:
            failed += 1
            raise

    with patch.object(execution.Planner, "plan", counted):
        await context.stock("ann", 100, cost=10)
        await context.reserve("hld_1", "ann", 50)
        await context.use("hld_1", UsageReading("flw_1", 130, 1, final=True), release=True)
        await context.stock("bob", 100, cost=10, expires_in_s=60)
        clock.advance(61)
        assert await context.ledger.expire() == 1
    assert failed == 0
    assert await context.balance(user("bob", GB)) == 0
    await context.holds_true()
