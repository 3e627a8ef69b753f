"""Changes: how what an operator or a customer stops reaches the nodes within a second."""

import asyncio
from collections.abc import AsyncGenerator
from time import monotonic

from tollway.contracts.errors import UnknownNode
from tollway.fabric.db import Database
from tollway.services.access import store
from tollway.services.access.store.changes import Change

BATCH = 500
# A change that another replica wrote is found by looking; one that was written here wakes the followers.
POLL_S = 0.3
HEARTBEAT_S = 2.0
SEE_EVERY_S = 10.0


class Changes:
    """The change log as nodes follow it."""

    def __init__(self, db: Database) -> None:
        self._db = db
        self._followers: set[asyncio.Event] = set()

    def ring(self) -> None:
        """Wake the followers in this process: a change was committed."""
        for news in self._followers:
            news.set()

    async def head(self) -> int:
        """Return the number of the last change."""
        async with self._db.snapshot() as tx:
            return await store.changes.head(tx)

    async def follow(self, node: str, after: int) -> AsyncGenerator[Change]:
        """Yield every change after a number, in order, then each new one as it comes, without end.

        An entry with sequence 0 is a heartbeat: the first thing that is sent, and whenever nothing else was for
        `HEARTBEAT_S`. A number that was never given out (the log was restored from a backup) means the end.
        Raises UnknownNode, at once or when the node is forgotten meanwhile: it opens itself again.
        """
        after = min(after, await self.head())
        await self._see(node)
        news = asyncio.Event()
        self._followers.add(news)
        try:
            yield Change("")
            spoke = seen = monotonic()
            while True:
                news.clear()
                for change in await self._after(after):
                    yield change
                    after, spoke = change.sequence, monotonic()
                if monotonic() - spoke >= HEARTBEAT_S:
                    yield Change("")
                    spoke = monotonic()
                if monotonic() - seen >= SEE_EVERY_S:
                    await self._see(node)
                    seen = monotonic()
                await _wait(news, POLL_S)
        finally:
            self._followers.discard(news)

    async def _after(self, sequence: int) -> list[Change]:
        async with self._db.snapshot() as tx:
            return list(await store.changes.after(tx, sequence, BATCH))

    async def _see(self, node: str) -> None:
        async with self._db.transaction() as tx:
            if not await store.charging.see(tx, node):
                raise UnknownNode


async def _wait(news: asyncio.Event, seconds: float) -> None:
    try:
        async with asyncio.timeout(seconds):
            await news.wait()
    except TimeoutError:
        return
