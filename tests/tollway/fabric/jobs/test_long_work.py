"""Work that takes long: one at a time, with its progress, taken up again when whoever did it died."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from math import inf
from pathlib import Path
from typing import Any

import pytest

from tests.kit.clock import FakeClock
from tests.kit.databases import Kind, database
from tollway.fabric.db import Database, Tx
from tollway.fabric.jobs import LongRun, LongWork, Report
from tollway.fabric.jobs.long_work import LEASE_US
from tollway.kit.errors import Unavailable
from tollway.kit.tasks import cancel, spawn


@pytest.fixture
async def db(kind: Kind, tmp_path: Path, clock: FakeClock) -> AsyncIterator[Database]:
    async with database(kind, tmp_path, clock) as db:
        yield db


async def ask(db: Database, work: LongWork) -> LongRun | None:
    async with db.transaction() as tx:
        return await work.request(tx, "usr_op")


async def count(report: Report) -> Mapping[str, Any]:
    for done in range(1, 4):
        await report(done, 3)
    return {"counted": 3}


async def test_it_is_done_when_asked_for_and_its_result_is_kept(db: Database) -> None:
    ended = list[LongRun]()

    async def note(_tx: Tx, run: LongRun) -> None:
        ended.append(run)

    work = LongWork(db, "count", count, note)
    assert (await work.read()).state == "never"
    assert await work.work() == inf
    assert ended == []
    asked = await ask(db, work)
    assert asked is not None
    assert (asked.state, asked.requested_by) == ("waiting", "usr_op")
    await work.work()
    done = await work.read()
    assert (done.id, done.state, done.done, done.total, done.result) == (
        asked.id,
        "done",
        3,
        3,
        {"counted": 3},
    )
    assert ended == [done]
    await work.work()
    assert len(ended) == 1, "once for each time that it is asked for"
    again = await ask(db, work)
    assert again is not None
    assert (again.id != done.id, again.result, again.done) == (True, {}, 0)


async def test_it_is_done_once_at_a_time_and_shows_how_far_it_is(
    db: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tollway.fabric.jobs.long_work.KEEP_EVERY_S", 0.01)
    go_on, begun = asyncio.Event(), list[int]()

    async def wait(report: Report) -> Mapping[str, Any]:
        begun.append(1)
        await report(1, 2)
        await go_on.wait()
        return {}

    here, there = LongWork(db, "wait", wait), LongWork(db, "wait", wait)
    asked = await asyncio.gather(*(ask(db, one) for one in (here, there, here, there)))
    assert sum(one is not None for one in asked) == 1
    running = [spawn(one.work(), "work") for one in (here, there)]

    async with asyncio.timeout(60):
        while (run := await there.read()).done == 0:
            await asyncio.sleep(0.005)
    assert (run.state, run.done, run.total) == ("running", 1, 2)
    assert await ask(db, there) is None
    go_on.set()
    await asyncio.gather(*running)
    assert begun == [1]
    assert (await here.read()).state == "done"


async def test_a_failure_is_kept_and_it_can_be_asked_for_again(db: Database) -> None:
    async def fail(_report: Report) -> Mapping[str, Any]:
        raise OSError("the disk is full")

    work = LongWork(db, "fail", fail)
    await ask(db, work)
    await work.work()
    failed = await work.read()
    assert (failed.state, failed.error) == ("failed", "OSError('the disk is full')")
    assert await ask(db, work) is not None


async def test_what_somebody_who_died_had_begun_is_begun_anew(db: Database, clock: FakeClock) -> None:
    begun, never = asyncio.Event(), asyncio.Event()

    async def hang(_report: Report) -> Mapping[str, Any]:
        begun.set()
        await never.wait()
        return {}

    dead, alive = LongWork(db, "count", hang), LongWork(db, "count", count)
    await ask(db, dead)
    hanging = spawn(dead.work(), "work")

    await begun.wait()
    await cancel(hanging)
    rest_s = await alive.work()
    assert (await alive.read()).state == "running", "it may be alive"
    assert 0 < rest_s <= LEASE_US / 1_000_000 + 1, "it looks again as soon as that is known"
    clock.advance(rest_s)
    await alive.work()
    assert (await alive.read()).result == {"counted": 3}


async def test_it_stays_with_whoever_does_it_when_the_database_does_not_answer_for_a_moment(
    db: Database, clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tollway.fabric.jobs.long_work.KEEP_EVERY_S", 0.01)
    go_on, lost = asyncio.Event(), asyncio.Event()

    async def wait(report: Report) -> Mapping[str, Any]:
        await report(1, 2)
        await go_on.wait()
        return {}

    class Lost:
        """A transaction for which there is no connection."""

        async def __aenter__(self) -> Tx:
            lost.set()
            raise Unavailable("the database does not answer; try again soon")

        async def __aexit__(self, *_: object) -> None:
            pass

    here, there = LongWork(db, "wait", wait), LongWork(db, "wait", count)
    await ask(db, here)
    running = spawn(here.work(), "work")
    async with asyncio.timeout(60):
        while (await here.read()).done == 0:
            await asyncio.sleep(0.005)
        with monkeypatch.context() as patch:
            patch.setattr(db, "transaction", Lost)
            await lost.wait()
        clock.advance(10)
        while await there.work() < LEASE_US / 1_000_000 - 5:  # until it is seen alive again
            await asyncio.sleep(0.005)
    go_on.set()
    await running
