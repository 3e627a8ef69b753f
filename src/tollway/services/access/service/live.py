"""Live usage: a customer's sums as nodes report them."""

import asyncio
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from functools import partial
from typing import NamedTuple, Protocol
from weakref import WeakValueDictionary

from tollway.fabric.clock import Clock
from tollway.fabric.feed import Feed, MonotonicTimer, Timer
from tollway.kit.times import DAY_US
from tollway.services.access.service.usage import Stats

LOOK_EVERY_S = 2.0  # for reports that another replica of the service took
HEARTBEAT_S = 15.0
SPACING_S = 0.5  # between two updates for one reader, however many reports come


class Source(Protocol):
    """Where a customer's sums are read."""

    async def stats(self, user_id: str) -> Stats: ...


class _Numbered(NamedTuple):
    number: int
    stats: Stats


class UsageFeeds:
    """Customers' sums as logs that can be followed; a report that this process stored wakes the readers at once."""

    def __init__(self, usage: Source, clock: Clock, timer: Timer | None = None) -> None:
        self._usage, self._clock = usage, clock
        self._timer = timer or MonotonicTimer()
        self._feeds = WeakValueDictionary[str, Feed[_Numbered]]()  # those with readers

    def notify(self, user_id: str) -> None:
        """Wake the readers of a customer's sums: a report was committed."""
        if (feed := self._feeds.get(user_id)) is not None:
            feed.wake()

    async def follow(self, user_id: str) -> AsyncGenerator[Stats | None]:
        """Yield a customer's sums now and whenever they have changed; None is a heartbeat after `HEARTBEAT_S` of quiet.

        They are read anew for each update, so a reader who is slow misses what lay between and gets the newest.
        """
        feed = self._feeds.get(user_id)
        if feed is None:
            feed = self._feeds[user_id] = Feed(
                partial(self._after, user_id),
                lambda entry: entry.number,
                poll_s=LOOK_EVERY_S,
                heartbeat_s=HEARTBEAT_S,
                timer=self._timer,
            )
        async with aclosing(feed.follow(-1)) as batches:
            await anext(batches)  # the first is empty
            async for batch in batches:
                yield batch[-1].stats if batch else None
                await self._timer.wait(asyncio.Event(), SPACING_S)

    async def _after(self, user_id: str, number: int, _limit: int) -> Sequence[_Numbered]:
        stats = await self._usage.stats(user_id)
        found = _Numbered(_number(stats, self._clock.now_us() // DAY_US), stats)
        return [found] if found.number > number else []


def _number(stats: Stats, day: int) -> int:
    """Number the sums in the order in which they can follow each other.

    Counters only grow, and so does the number of flows that have closed; at midnight (UTC) the day's sums begin anew.
    """
    total = stats.all_time
    closed = total.flows - stats.open_flows
    return (day << 96) + total.input_octets + total.output_octets + total.requests + total.flows + closed
