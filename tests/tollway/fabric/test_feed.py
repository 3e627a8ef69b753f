"""Following a numbered log, with time in the test's hands."""

import asyncio
from collections.abc import Sequence
from contextlib import aclosing

import pytest

from tests.kit.clock import ManualTimer, RushingTimer
from tollway.fabric.feed import BATCH, Feed, Timer


class Log:
    """A log of numbers: what is appended by `add` wakes the feed, what another replica appends does not."""

    def __init__(self, timer: Timer, *, poll_s: float | None = 1.0, heartbeat_s: float = 10.0) -> None:
        self.entries: list[int] = []
        self.looks = 0
        self.feed = Feed(self._after, lambda one: one, poll_s=poll_s, heartbeat_s=heartbeat_s, timer=timer)

    async def _after(self, after: int, limit: int) -> Sequence[int]:
        self.looks += 1
        return [one for one in self.entries if one > after][:limit]

    def add(self, *numbers: int) -> None:
        self.entries += numbers
        self.feed.wake()


async def waiting(timer: ManualTimer, readers: int) -> None:
    """Let readers run until so many of them wait."""
    async with asyncio.timeout(20):
        while timer.waiting < readers:
            await asyncio.sleep(0)


async def test_a_reader_gets_what_it_missed_in_order_and_then_what_comes() -> None:
    timer = ManualTimer()
    log = Log(timer)
    log.add(1, 2, 3)
    async with aclosing(log.feed.follow(1)) as batches:
        assert list(await anext(batches)) == []  # alive
        assert await anext(batches) == [2, 3]
        following = asyncio.ensure_future(anext(batches))
        await waiting(timer, 1)
        log.add(4)
        assert await following == [4]
    assert timer.now() == 0  # nobody had to wait for the next look


async def test_what_another_replica_appends_is_found_by_looking_again() -> None:
    timer = ManualTimer()
    log = Log(timer, poll_s=1.0)
    reading = asyncio.ensure_future(log.feed.read(0, 10, 5.0))
    await waiting(timer, 1)
    log.entries.append(1)
    timer.advance(0.9)
    await asyncio.sleep(0)
    assert not reading.done()
    timer.advance(0.2)
    assert await reading == [1]


async def test_a_log_of_one_process_is_not_polled() -> None:
    timer = RushingTimer()
    log = Log(timer, poll_s=None)
    assert await log.feed.read(0, 10, 5.0) == []
    assert (timer.now(), log.looks) == (5.0, 1)


async def test_a_log_of_one_process_is_looked_at_once_however_many_heartbeats_pass() -> None:
    timer = RushingTimer()
    log = Log(timer, poll_s=None, heartbeat_s=10.0)
    async with aclosing(log.feed.follow(0)) as batches:
        for _ in range(5):
            assert list(await anext(batches)) == []
        assert log.looks == 1
        log.add(1)
        assert await anext(batches) == [1]


async def test_whoever_asks_again_at_the_end_of_a_log_of_one_process_costs_no_look() -> None:
    timer = RushingTimer()
    log = Log(timer, poll_s=None)
    log.add(1)
    assert await log.feed.read(1, 10, 5.0) == []
    assert [await log.feed.read(after, 10, 5.0) for after in (1, 2)] == [[], []]
    assert log.looks == 1
    assert await log.feed.read(0, 10, 5.0) == [1], "one who is not there yet gets what there is"
    log.add(2)
    assert await log.feed.read(1, 10, 5.0) == [2]


async def test_silence_is_filled_with_heartbeats() -> None:
    timer = RushingTimer()
    log = Log(timer, poll_s=1.0, heartbeat_s=10.0)
    async with aclosing(log.feed.follow(0)) as batches:
        for beats in range(3):
            assert list(await anext(batches)) == []
            assert timer.now() == beats * 10.0


async def test_an_entry_puts_the_next_heartbeat_off() -> None:
    timer = ManualTimer()
    log = Log(timer, poll_s=None, heartbeat_s=10.0)
    async with aclosing(log.feed.follow(0)) as batches:
        await anext(batches)
        following = asyncio.ensure_future(anext(batches))
        await waiting(timer, 1)
        timer.advance(9)
        log.add(1)
        assert await following == [1]
        following = asyncio.ensure_future(anext(batches))
        await waiting(timer, 1)
        timer.advance(9)
        await asyncio.sleep(0)
        assert not following.done()
        timer.advance(1)
        assert list(await following) == []


async def test_many_readers_all_get_everything_from_where_they_are() -> None:
    timer = ManualTimer()
    log = Log(timer, poll_s=None)

    async def take(after: int, count: int) -> list[int]:
        taken: list[int] = []
        async with aclosing(log.feed.follow(after)) as batches:
            async for batch in batches:
                taken += batch
                if len(taken) >= count:
                    return taken
        raise AssertionError("the feed ended")

    readers = [asyncio.ensure_future(take(after, 60 - after)) for after in range(0, 50, 5)]
    await waiting(timer, 10)
    for number in range(1, 61):
        log.add(number)
        if number % 7 == 0:
            await asyncio.sleep(0)
    async with asyncio.timeout(20):
        for after, taken in zip(range(0, 50, 5), await asyncio.gather(*readers), strict=True):
            assert taken == list(range(after + 1, 61))


async def test_what_is_appended_during_a_look_is_not_missed() -> None:
    timer = ManualTimer()
    log = Log(timer, poll_s=None)

    async def select(after: int, limit: int) -> Sequence[int]:
        found = [one for one in log.entries if one > after]
        if not found:
            log.entries.append(1)  # after this look, before the reader waits
            feed.wake()
        return found

    feed = Feed(select, lambda one: one, poll_s=None, timer=timer)
    async with asyncio.timeout(20):
        assert await feed.read(0, 10, 1.0) == [1]


async def test_a_long_log_comes_in_batches() -> None:
    log = Log(RushingTimer())
    log.add(*range(1, BATCH + 3))
    async with aclosing(log.feed.follow(0)) as batches:
        await anext(batches)
        assert [len(await anext(batches)) for _ in range(2)] == [BATCH, 2]


async def test_the_machines_own_clock_wakes_and_times_out() -> None:
    async def select(after: int, limit: int) -> Sequence[int]:
        return []

    feed = Feed(select, lambda one: one, poll_s=None)
    async with asyncio.timeout(20):
        assert await feed.read(0, 1, 0.01) == []
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.01):
                await feed.read(0, 1, 60)
