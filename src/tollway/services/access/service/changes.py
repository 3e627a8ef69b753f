"""Changes: how what an operator or a customer stops reaches the nodes within a second."""

from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing

from tollway.contracts.errors import UnknownNode
from tollway.fabric.db import Database
from tollway.fabric.feed import POLL_S, Feed, MonotonicTimer, Timer
from tollway.services.access import store
from tollway.services.access.store.changes import Change

TOUCH_EVERY_S = 9.0  # with the second heartbeat at the latest


class Changes:
    """The change log as nodes follow it."""

    def __init__(self, db: Database, timer: Timer | None = None) -> None:
        self._db = db
        self._timer = timer or MonotonicTimer()
        poll_s = POLL_S if db.is_shared else None
        self._feed = Feed(self._after, lambda change: change.sequence, poll_s=poll_s, timer=self._timer)
        # Changes are also left in transactions that begin elsewhere, such as those of consumed events.
        db.when_committed(self._feed.wake)

    def notify(self) -> None:
        """Wake the followers in this process: a change was committed."""
        self._feed.wake()

    async def head(self) -> int:
        """Return the number of the last change."""
        async with self._db.snapshot() as tx:
            return await store.changes.head(tx)

    async def follow(self, node: str, after: int) -> AsyncGenerator[Change]:
        """Yield every change after a number, in order, then each new one as it comes, without end.

        An entry with sequence 0 is a heartbeat: the first thing that is sent, and whenever nothing else was for
        a while (see `Feed`). A number beyond the last one (the log was restored from a backup) means the last.
        Raises UnknownNode, at once or when the node is deleted meanwhile: it opens itself again.
        """
        after = min(after, await self.head())
        await self._touch(node)
        touched = self._timer.now()
        async with aclosing(self._feed.follow(after)) as batches:
            async for batch in batches:
                for change in batch or (Change(""),):
                    if change.node in ("", node):
                        yield change
                if self._timer.now() - touched >= TOUCH_EVERY_S:
                    await self._touch(node)
                    touched = self._timer.now()

    async def _after(self, sequence: int, limit: int) -> Sequence[Change]:
        async with self._db.snapshot() as tx:
            return await store.changes.after(tx, sequence, limit)

    async def _touch(self, node: str) -> None:
        async with self._db.transaction() as tx:
            if not await store.nodes.touch(tx, node):
                raise UnknownNode
