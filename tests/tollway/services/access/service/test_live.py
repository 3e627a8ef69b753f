"""Live usage: what a reader is shown, and when."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing

from tests.kit.clock import FakeClock, ManualTimer, RushingTimer
from tests.kit.eventually import eventually
from tollway.fabric.feed import Timer
from tollway.services.access.service.live import HEARTBEAT_S, LOOK_EVERY_S, SPACING_S, UsageFeeds
from tollway.services.access.service.usage import Stats
from tollway.services.access.store.usage import Total

ANN = "usr_1"


class Books:
    """Sums that a test changes."""

    def __init__(self, timer: Timer, *, shared: bool = True) -> None:
        self.octets, self.today, self.open_flows = 0, 0, 1
        self.looks = 0
        self.clock = FakeClock()
        self.live = UsageFeeds(self, self.clock, timer, shared=shared)

    async def stats(self, user_id: str) -> Stats:
        assert user_id == ANN
        self.looks += 1
        total = Total("", self.octets, 0, 1, 1)
        return Stats(total, total, Total("", self.today, 0, 1, 1), [], self.open_flows)

    def use(self, octets: int) -> None:
        self.octets += octets
        self.today += octets
        self.live.notify(ANN)


async def octets_of(updates: AsyncGenerator[Stats | None]) -> int | None:
    stats = await anext(updates)
    return None if stats is None else stats.all_time.input_octets


async def test_a_report_reaches_the_readers_at_once() -> None:
    """The timer stands still: whatever comes was woken, not found by looking again."""
    timer = ManualTimer()
    books = Books(timer)
    async with aclosing(books.live.follow(ANN)) as updates:
        assert await octets_of(updates) == 0
        following = asyncio.ensure_future(octets_of(updates))
        await eventually(lambda: timer.waiting == 1)
        timer.advance(SPACING_S)
        await eventually(lambda: books.looks == 2 and timer.waiting == 1)
        books.use(7)
        assert await asyncio.wait_for(following, 20) == 7


async def test_a_report_to_another_replica_is_found_by_looking() -> None:
    timer = ManualTimer()
    books = Books(timer)
    async with aclosing(books.live.follow(ANN)) as updates:
        await anext(updates)
        following = asyncio.ensure_future(octets_of(updates))
        await eventually(lambda: timer.waiting == 1)
        timer.advance(SPACING_S)
        await eventually(lambda: books.looks == 2 and timer.waiting == 1)
        books.octets = 7
        timer.advance(LOOK_EVERY_S)
        assert await asyncio.wait_for(following, 20) == 7


async def test_a_storm_of_reports_costs_one_look_for_each_spacing() -> None:
    timer = ManualTimer()
    books = Books(timer)
    async with aclosing(books.live.follow(ANN)) as updates:
        await anext(updates)
        following = asyncio.ensure_future(octets_of(updates))
        await eventually(lambda: timer.waiting == 1)
        for _ in range(1_000):
            books.use(1)
        assert books.looks == 1
        timer.advance(SPACING_S)
        assert await asyncio.wait_for(following, 20) == 1_000
        assert books.looks == 2


async def test_quiet_is_told_from_broken_by_heartbeats() -> None:
    timer = RushingTimer()
    books = Books(timer)
    async with aclosing(books.live.follow(ANN)) as updates:
        await anext(updates)
        assert [await anext(updates) for _ in range(2)] == [None, None]
        assert timer.at >= 2 * HEARTBEAT_S


async def test_a_flow_that_closes_and_a_new_day_are_changes_too() -> None:
    books = Books(RushingTimer())
    books.use(5)
    async with aclosing(books.live.follow(ANN)) as updates:
        await anext(updates)
        books.open_flows = 0
        closed = await anext(updates)
        assert closed is not None
        assert closed.open_flows == 0
        books.today = 0
        books.clock.advance(86_400)
        next_day = await anext(updates)
        assert next_day is not None
        assert (next_day.all_time.input_octets, next_day.today.input_octets) == (5, 0)


async def test_nobody_is_remembered_who_reads_no_more() -> None:
    books = Books(RushingTimer())
    async with aclosing(books.live.follow(ANN)) as updates:
        await anext(updates)
        assert len(books.live._watched) == 1
    del updates
    books.live.notify("usr_of_nobody")
    await eventually(lambda: not books.live._watched)


async def test_many_readers_of_one_customer_look_once_and_not_again_before_something_came() -> None:
    timer = ManualTimer()
    books = Books(timer, shared=False)
    readers = [books.live.follow(ANN) for _ in range(50)]
    assert await asyncio.gather(*map(octets_of, readers)) == [0] * 50
    assert books.looks == 1
    following = [asyncio.ensure_future(octets_of(one)) for one in readers]
    await eventually(lambda: timer.waiting == 50)
    timer.advance(SPACING_S)
    await eventually(lambda: timer.waiting == 50)
    timer.advance(LOOK_EVERY_S)
    await asyncio.sleep(0)
    assert books.looks == 1
    books.use(7)
    assert await asyncio.wait_for(asyncio.gather(*following), 20) == [7] * 50
    assert books.looks == 2
    for one in readers:
        await one.aclose()


async def test_without_reports_the_sums_are_looked_at_again_with_each_heartbeat() -> None:
    timer = ManualTimer()
    books = Books(timer, shared=False)

    async def next_after(step_s: float) -> int | None:
        following = asyncio.ensure_future(octets_of(updates))

        def came() -> bool:
            timer.advance(step_s)
            return following.done()

        await eventually(came)
        return following.result()

    async with aclosing(books.live.follow(ANN)) as updates:
        assert await octets_of(updates) == 0
        books.octets = 9  # tidied up, or a day has begun
        assert await next_after(HEARTBEAT_S) is None
        assert await next_after(SPACING_S) == 9
