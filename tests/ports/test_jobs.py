"""Durable jobs: they run when committed, survive failures and dead workers, and end up with a person."""

import asyncio
import io
import json
import logging
from collections.abc import AsyncIterator
from math import inf
from pathlib import Path
from typing import Any

import pytest
from prometheus_client import REGISTRY
from sqlalchemy import select

from tests.kit.clock import FakeClock
from tests.kit.databases import database
from tests.kit.eventually import eventually
from tollway.fabric.db import Database, sqlite, tables
from tollway.fabric.jobs import ATTEMPTS, Timed, Worker
from tollway.fabric.jobs import worker as worker_module
from tollway.fabric.jobs.sql import LOOK_S, REPLICA_LOOK_S, SqlJobQueue
from tollway.fabric.rpc import call_context
from tollway.fabric.telemetry import configure_logging
from tollway.kit.errors import Unavailable


@pytest.fixture
async def sqlite_db(tmp_path: Path, clock: FakeClock) -> AsyncIterator[Database]:
    """A file, which has one process: what is written to it can be seen without a query."""
    async with database("sqlite", tmp_path, clock) as db:
        yield db


class Service:
    def __init__(self) -> None:
        self.done: list[Any] = []
        self.fail = 0


async def work(service: Service, payload: dict[str, Any]) -> None:
    if service.fail:
        service.fail -= 1
        raise Unavailable("away")
    service.done.append(payload["n"])


async def leave(db: Database, n: int, **options: Any) -> None:
    async with db.transaction() as tx:
        tx.enqueue("work", {"n": n}, **options)


async def states(db: Database) -> list[tuple[str, int, str]]:
    async with db.snapshot() as tx:
        rows = await tx.all(select(tables.job).order_by(tables.job.c.id))
    return [(row.state, row.attempts, row.error) for row in rows]


async def test_a_job_runs_once_and_leaves_no_trace(plain_db: Database) -> None:
    service = Service()
    await leave(plain_db, 1)
    worker = Worker(service, SqlJobQueue(plain_db), {"work": work})
    assert await worker.run_due() == 1
    assert await worker.run_due() == 0
    assert (service.done, await states(plain_db)) == ([1], [])


async def test_a_unique_job_is_never_done_twice(plain_db: Database) -> None:
    service = Service()
    worker = Worker(service, SqlJobQueue(plain_db), {"work": work})
    for _ in range(3):
        await leave(plain_db, 1, unique="order-1")
        await worker.run_due()
    assert service.done == [1]


async def test_a_job_waits_until_it_is_due(plain_db: Database, clock: FakeClock) -> None:
    service = Service()
    worker = Worker(service, SqlJobQueue(plain_db), {"work": work})
    await leave(plain_db, 1, due_in_s=60)
    assert await worker.run_due() == 0
    clock.advance(61)
    assert await worker.run_due() == 1


async def test_a_failed_job_comes_back_later(plain_db: Database, clock: FakeClock) -> None:
    service = Service()
    service.fail = 1
    worker = Worker(service, SqlJobQueue(plain_db), {"work": work})
    await leave(plain_db, 1)
    await worker.run_due()
    assert service.done == []
    assert await states(plain_db) == [("ready", 1, "away")]
    clock.advance(1)
    await worker.run_due()
    assert service.done == [1]


async def test_a_hopeless_job_ends_with_a_person(plain_db: Database, clock: FakeClock) -> None:
    service = Service()
    service.fail = 1000
    worker = Worker(service, SqlJobQueue(plain_db), {"work": work})
    await leave(plain_db, 1)
    for _ in range(ATTEMPTS + 3):
        await worker.run_due()
        clock.advance(400)
    assert await states(plain_db) == [("dead", ATTEMPTS, "away")]


async def test_a_killed_workers_job_is_taken_up_again(plain_db: Database, clock: FakeClock) -> None:
    service = Service()
    await leave(plain_db, 1)
    await SqlJobQueue(plain_db).take("killed", ["work"], 1, 60)
    other = Worker(service, SqlJobQueue(plain_db), {"work": work})
    assert await other.run_due() == 0
    clock.advance(worker_module.LEASE_S + 1)
    assert await other.run_due() == 1
    assert service.done == [1]


async def test_two_workers_never_share_a_job(plain_db: Database) -> None:
    service = Service()
    for n in range(40):
        await leave(plain_db, n)
    workers = [Worker(service, SqlJobQueue(plain_db), {"work": work}) for _ in range(3)]
    for _ in range(3):
        await asyncio.gather(*(worker.run_due() for worker in workers))
    assert sorted(service.done) == list(range(40))


async def test_a_queue_knows_when_something_falls_due(plain_db: Database, clock: FakeClock) -> None:
    queue = SqlJobQueue(plain_db)
    nothing_s = await queue.idle_s(["work"])
    assert nothing_s == (REPLICA_LOOK_S if plain_db.is_shared else LOOK_S)
    await leave(plain_db, 1, due_in_s=0.5)
    assert await queue.idle_s(["other"]) == nothing_s
    assert await queue.idle_s(["work"]) == pytest.approx(0.5)
    clock.advance(0.6)
    assert await queue.idle_s(["work"]) == 0
    await queue.take("killed", ["work"], 1, lease_s=0.7)
    assert await queue.idle_s(["work"]) == pytest.approx(0.7), "it may be taken when the lease ends"
    await leave(plain_db, 2, due_in_s=3600)
    clock.advance(10)
    [job] = await queue.take("another", ["work"], 1, lease_s=60)
    await queue.complete(job)
    assert await queue.idle_s(["work"]) == nothing_s, "an hour is longer than a look may be put off"


async def test_an_idle_worker_leaves_the_database_alone(
    plain_db: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    looks = 0
    queue = SqlJobQueue(plain_db)
    look = queue.idle_s

    async def counted(*args: Any) -> Any:
        nonlocal looks
        looks += 1
        return await look(*args)

    monkeypatch.setattr(queue, "idle_s", counted)
    worker = Worker(Service(), queue, {"work": work})
    await worker.start()
    await asyncio.sleep(0.3)
    await worker.stop()
    assert looks == 1


async def test_a_running_worker_is_woken_by_the_commit(plain_db: Database) -> None:
    service = Service()
    worker = Worker(service, SqlJobQueue(plain_db), {"work": work})
    await worker.start()
    await asyncio.sleep(0.05)
    await leave(plain_db, 7)
    async with asyncio.timeout(20):
        while not service.done:
            await asyncio.sleep(0.005)
    await worker.stop()


async def test_timed_work_survives_its_own_failure(
    plain_db: Database, caplog: pytest.LogCaptureFixture
) -> None:
    ticks: list[int] = []

    async def tick(service: Service) -> None:
        ticks.append(1)
        if len(ticks) == 1:
            raise RuntimeError

    worker = Worker(Service(), SqlJobQueue(plain_db), {}, {"tick": Timed(0.01, tick)})
    await worker.start()
    async with asyncio.timeout(20):
        while len(ticks) < 3:
            await asyncio.sleep(0.005)
    await worker.stop()
    assert "timed work tick failed" in caplog.text


async def test_timed_work_rests_until_something_is_committed(plain_db: Database) -> None:
    ticks: list[int] = []

    async def tick(service: Service) -> float:
        ticks.append(1)
        return inf

    worker = Worker(Service(), SqlJobQueue(plain_db), {}, {"tick": Timed(0.01, tick)})
    await worker.start()
    await eventually(lambda: ticks)
    await asyncio.sleep(0.2)
    # Another replica of the service may commit to PostgreSQL without a word to this one: there the clock alone counts.
    assert (len(ticks) > 1) is plain_db.is_shared
    before = len(ticks)
    await leave(plain_db, 1)
    await eventually(lambda: len(ticks) > before)
    await worker.stop()


async def test_timed_work_goes_on_when_the_next_falls_due(plain_db: Database) -> None:
    ticks: list[int] = []

    async def tick(service: Service) -> float:
        ticks.append(1)
        return 0.1

    worker = Worker(Service(), SqlJobQueue(plain_db), {}, {"tick": Timed(0.01, tick)})
    await worker.start()
    await eventually(lambda: len(ticks) >= 3)
    await worker.stop()


async def test_a_queue_is_looked_into_again_only_when_something_was_written(
    sqlite_db: Database, clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    queue, looks = SqlJobQueue(sqlite_db), 0
    look = queue._next_due_us

    async def counted(kinds: Any) -> Any:
        nonlocal looks
        looks += 1
        return await look(kinds)

    monkeypatch.setattr(queue, "_next_due_us", counted)
    monkeypatch.setattr(sqlite, "STAMP_TICK_NS", 0)
    await leave(sqlite_db, 1, due_in_s=10)
    assert [await queue.idle_s(["work"]) for _ in range(3)] == [10.0, 10.0, 10.0]
    clock.advance(4)
    assert await queue.idle_s(["work"]) == 6.0, "time passes without a look"
    assert looks == 1
    await leave(sqlite_db, 2)
    assert await queue.idle_s(["work"]) == 0
    assert looks == 2


async def test_a_log_that_was_written_a_moment_ago_is_not_trusted(sqlite_db: Database) -> None:
    await leave(sqlite_db, 1)
    assert sqlite_db.stamp() is None, "a write in the same tick of the file system's clock would not show"


def counted(outcome: str) -> float:
    return (
        REGISTRY.get_sample_value(
            "tollway_jobs_total", {"service": "orders", "kind": "work", "outcome": outcome}
        )
        or 0.0
    )


async def test_attempts_are_counted_and_logged_under_the_correlation_of_the_job(
    plain_db: Database, clock: FakeClock
) -> None:
    stream = io.StringIO()
    root, service = logging.getLogger(), Service()
    handlers, level = root.handlers[:], root.level
    before = {outcome: counted(outcome) for outcome in ("done", "retried", "dead")}
    service.fail = 1
    worker = Worker(service, SqlJobQueue(plain_db), {"work": work}, None, "orders")
    with call_context(correlation_id="cor_of_the_request"):
        await leave(plain_db, 1)
    try:
        configure_logging(stream=stream)
        await worker.run_due()
    finally:
        root.handlers[:], root.level = handlers, level
    clock.advance(60)
    await worker.run_due()
    service.fail = 1000
    await leave(plain_db, 2)
    for _ in range(ATTEMPTS):
        await worker.run_due()
        clock.advance(400)
    after = {outcome: counted(outcome) - before[outcome] for outcome in before}
    assert after == {"done": 1, "retried": ATTEMPTS, "dead": 1}
    (line,) = [json.loads(one) for one in stream.getvalue().splitlines() if "failed" in one]
    assert line["correlation_id"] == "cor_of_the_request"
