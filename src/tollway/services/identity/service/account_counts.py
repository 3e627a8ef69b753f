"""How many accounts there are."""

import asyncio
from typing import NamedTuple

from tollway.fabric import dead_letters
from tollway.fabric.db import Database
from tollway.kit.times import DAY_US, MINUTE_US
from tollway.services.identity import store

# Counting reads an index of all accounts, and operators' pages ask every few seconds.
KEPT_US = MINUTE_US


class Counts(NamedTuple):
    """Accounts that are not deleted: all, suspended, made today (UTC) and in 7 days; and when they were counted."""

    accounts: int
    suspended: int
    new_today: int
    new_7_days: int
    counted_at_us: int


class AccountCounts:
    """Counts the accounts once a minute at most, however many ask."""

    def __init__(self, db: Database) -> None:
        self._db = db
        self._last: Counts | None = None
        self._counting = asyncio.Lock()

    async def read(self) -> Counts:
        """Return how many accounts there are, counted in the last minute."""
        async with self._counting:
            now_us = self._db.clock.now_us()
            # A clock that was set back makes what was counted no newer.
            if self._last is None or not 0 <= now_us - self._last.counted_at_us < KEPT_US:
                self._last = await self._count(now_us)
            return self._last

    async def gave_up(self) -> int:
        """Return how much of identity's work was tried too often and waits for a person."""
        async with self._db.snapshot() as tx:
            return await dead_letters.count(tx)

    async def _count(self, now_us: int) -> Counts:
        async with self._db.snapshot() as tx:
            by_state = await store.count_by_state(tx)
            return Counts(
                accounts=sum(count for state, count in by_state.items() if state != "deleted"),
                suspended=by_state.get("suspended", 0),
                new_today=await store.count_made(tx, now_us - now_us % DAY_US),
                new_7_days=await store.count_made(tx, now_us - 7 * DAY_US),
                counted_at_us=now_us,
            )
