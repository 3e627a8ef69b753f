"""Takes due jobs under a lease and runs them."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Row, delete, func, select, update

from tollway.fabric.db import Database, tables
from tollway.fabric.telemetry import correlation_id
from tollway.kit.errors import Problem
from tollway.kit.ids import new_id
from tollway.kit.tasks import cancel, spawn

_log = logging.getLogger(__name__)

Job = Callable[[Any, dict[str, Any]], Awaitable[None]]
Jobs = Mapping[str, Job]

ATTEMPTS = 12
LEASE_S = 60
# Inside the lease, so that a hanging job is given up before another worker may take it.
JOB_TIMEOUT_S = 45
BATCH = 16
IDLE_S = 1.0
FIRST_DELAY_S = 0.5
MAX_DELAY_S = 300.0


@dataclass(frozen=True, slots=True)
class Timed:
    """Work that is done every `every_s` seconds, first at start."""

    every_s: float
    run: Callable[[Any], Awaitable[None]]


class Worker:
    """Runs the jobs and the timed work of one service."""

    def __init__(
        self, service: Any, database: Database, jobs: Jobs, timed: Mapping[str, Timed] | None = None
    ) -> None:
        self._service = service
        self._db = database
        self._jobs = jobs
        self._timed = timed or {}
        self._wake = asyncio.Event()
        self._name = new_id("wrk")
        self._tasks: list[asyncio.Task[None]] = []
        database.when_enqueued(self._wake.set)

    async def start(self) -> None:
        """Begin to work."""
        if self._jobs:
            self._tasks.append(spawn(self._work(), "jobs"))
        for name, timed in self._timed.items():
            self._tasks.append(spawn(self._repeat(name, timed), f"timed-{name}"))

    async def stop(self) -> None:
        """Stop working; what is in hand will be taken up again when its lease ends."""
        for task in self._tasks:
            await cancel(task)
        self._tasks.clear()

    async def run_due(self) -> int:
        """Run what is due now, once; return how many jobs were taken. Tests call this by hand."""
        taken = await self._take()
        await asyncio.gather(*(self._run(row) for row in taken))
        return len(taken)

    async def _work(self) -> None:
        while True:
            self._wake.clear()
            try:
                busy = await self.run_due()
            except Problem as problem:
                _log.warning("jobs wait: %s", problem.detail)
                busy = 0
            if busy:
                continue
            try:
                async with asyncio.timeout(IDLE_S):
                    await self._wake.wait()
            except TimeoutError:
                continue

    async def _repeat(self, name: str, timed: Timed) -> None:
        while True:
            try:
                await timed.run(self._service)
            except Exception:  # noqa: BLE001
                # Timed work comes round again; its failure must not end it.
                _log.exception("timed work %s failed", name)
            await asyncio.sleep(timed.every_s)

    async def _take(self) -> Sequence[Row[Any]]:
        job = tables.job
        now_us = self._db.clock.now_us()
        due = (
            select(job.c.id)
            .where(job.c.state == "ready", job.c.due_us <= now_us, job.c.leased_until_us <= now_us)
            .where(job.c.kind.in_(list(self._jobs)))
            .order_by(job.c.due_us)
            .limit(BATCH)
        )
        async with self._db.snapshot() as tx:
            # A look without the write lock first: most of the time there is nothing.
            if await tx.scalar(select(func.count()).select_from(due.subquery())) == 0:
                return []
        async with self._db.transaction() as tx:
            if self._db.dialect == "postgresql":
                due = due.with_for_update(skip_locked=True)
            lease = {
                "lease": self._name,
                "leased_until_us": now_us + LEASE_S * 1_000_000,
                "attempts": job.c.attempts + 1,
            }
            claim = update(job).where(job.c.id.in_(due.scalar_subquery())).values(lease).returning(job)
            return await tx.all(claim)

    async def _run(self, row: Row[Any]) -> None:
        correlation_id.set(row.correlation_id)
        try:
            async with asyncio.timeout(JOB_TIMEOUT_S):
                await self._jobs[row.kind](self._service, row.payload)
        except Exception as error:  # noqa: BLE001
            # Whatever went wrong, the job stays: later, or for a person.
            await self._failed(row, error)
        else:
            await self._done(row)

    async def _failed(self, row: Row[Any], error: Exception) -> None:
        reason = error.detail if isinstance(error, Problem) else repr(error)
        if row.attempts >= ATTEMPTS:
            _log.error("job %s (%s) is dead after %d attempts: %s", row.id, row.kind, row.attempts, reason)
            await self._close(row, {"state": "dead", "error": reason[:2000]})
            return
        expected = isinstance(error, Problem)
        _log.warning("job %s (%s) failed: %s", row.id, row.kind, reason, exc_info=None if expected else error)
        delay_s = min(FIRST_DELAY_S * 2 ** (row.attempts - 1), MAX_DELAY_S)
        due_us = self._db.clock.now_us() + int(delay_s * 1_000_000)
        await self._close(row, {"due_us": due_us, "leased_until_us": 0, "error": reason[:2000]})

    async def _done(self, row: Row[Any]) -> None:
        if row.unique_key is not None:
            # The row stays: it is what makes a second job with this key a no-op.
            await self._close(row, {"state": "done", "error": "", "due_us": self._db.clock.now_us()})
            return
        async with self._db.transaction() as tx:
            await tx.run(delete(tables.job).where(tables.job.c.id == row.id))

    async def _close(self, row: Row[Any], values: dict[str, Any]) -> None:
        job = tables.job
        async with self._db.transaction() as tx:
            # Only under our own lease: a worker that overslept must not undo another's result.
            mine = (job.c.id == row.id) & (job.c.lease == self._name)
            await tx.run(update(job).where(mine).values(values))
