"""Live usage: a customer's sums as nodes report them."""

import asyncio
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from typing import NamedTuple, Protocol
from weakref import WeakValueDictionary

from tollway.fabric.clock import Clock
from tollway.fabric.feed import Feed, MonotonicTimer, Timer
from tollway.kit.times import DAY_US
from tollway.services.access.service.usage import Stats

LOOK_EVERY_S = 2.0  # for reports that another replica of the service took
HEARTBEAT_S = 15.0
FRESH_S = 0.25  # readers of one customer who look in the same moment look once
SPACING_S = 0.5  # between two updates for one reader, however many reports come


class Source(Protocol):
    """Where a customer's sums are read."""

    async def stats(self, user_id: str) -> Stats: ...


class _Numbered(NamedTuple):
    number: int
    stats: Stats


class _Sums:
    """One customer's sums for all their readers: what one of them reads, the others get too."""

    def __init__(self, user_id: str, usage: Source, clock: Clock, timer: Timer, *, shared: bool) -> None:
        self._user_id, self._usage, self._clock, self._timer = user_id, usage, clock, timer
        self._shared = shared
        self._reading: asyncio.Task[_Numbered] | None = None
        self._read_at = 0.0

    def forget(self) -> None:
        """Have the next reader read them anew."""
        self._reading = None

    async def after(self, number: int, _limit: int) -> Sequence[_Numbered]:
        """Return the sums if they have another number than a reader has seen."""
        reading = self._reading
        stale = self._shared and self._timer.now() - self._read_at > FRESH_S
        if reading is None or stale or (reading.done() and reading.exception() is not None):
            reading = self._reading = asyncio.ensure_future(self._read())
            self._read_at = self._timer.now()
        # A reader who leaves does not take it from the others.
        found = await asyncio.shield(reading)
        return [found] if found.number > number else []

    async def _read(self) -> _Numbered:
        stats = await self._usage.stats(self._user_id)
        return _Numbered(_number(stats, self._clock.now_us() // DAY_US), stats)


class _Watched:
    """A customer's sums with the log that their readers follow."""

    def __init__(self, sums: _Sums, timer: Timer, poll_s: float | None) -> None:
        self._sums = sums
        self.feed = Feed(
            sums.after, lambda entry: entry.number, poll_s=poll_s, heartbeat_s=HEARTBEAT_S, timer=timer
        )

    def changed(self) -> None:
        """Have the sums read anew, and wake the readers."""
        self._sums.forget()
        self.feed.wake()


class UsageFeeds:
    """Customers' sums as logs that can be followed; a report that this process stored wakes the readers at once.

    `shared` says that other processes store reports in the same database.
    """

    def __init__(
        self, usage: Source, clock: Clock, timer: Timer | None = None, *, shared: bool = True
    ) -> None:
        self._usage, self._clock, self._shared = usage, clock, shared
        self._timer = timer or MonotonicTimer()
        self._watched = WeakValueDictionary[str, _Watched]()  # those with readers

    def notify(self, user_id: str) -> None:
        """Wake the readers of a customer's sums: a report was committed."""
        if (watched := self._watched.get(user_id)) is not None:
            watched.changed()

    async def follow(self, user_id: str) -> AsyncGenerator[Stats | None]:
        """Yield a customer's sums now and whenever they have changed; None is a heartbeat after `HEARTBEAT_S` of quiet.

        They are read anew for each update, so a reader who is slow misses what lay between and gets the newest.
        """
        watched = self._watched.get(user_id)
        if watched is None:
            sums = _Sums(user_id, self._usage, self._clock, self._timer, shared=self._shared)
            # Without other replicas nobody else writes, and a report wakes the readers.
            watched = _Watched(sums, self._timer, LOOK_EVERY_S if self._shared else None)
            self._watched[user_id] = watched
        async with aclosing(watched.feed.follow(-1)) as batches:
            await anext(batches)  # the first is empty
            async for batch in batches:
                yield batch[-1].stats if batch else None
                if not batch and not self._shared:
                    # Midnight changes the sums, and so does what is tidied up, without a report.
                    watched.changed()
                await self._timer.wait(asyncio.Event(), SPACING_S)


def _number(stats: Stats, day: int) -> int:
    """Number the sums in the order in which they can follow each other.

    Counters only grow, and so does the number of flows that have closed; at midnight (UTC) the day's sums begin anew.
    """
    total = stats.all_time
    closed = total.flows - stats.open_flows
    return (day << 96) + total.input_octets + total.output_octets + total.requests + total.flows + closed
