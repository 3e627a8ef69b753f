"""The job queue in the table `job` of a service's database."""

from collections.abc import Callable, Collection, Sequence
from typing import Any

from sqlalchemy import Row, case, delete, func, select, update

from tollway.fabric.db import Database, tables
from tollway.fabric.jobs.queue import Job
from tollway.kit.times import SECOND_US

_job = tables.job
# A replica that left a job cannot wake this one; a file has one process, besides an operator's command now and then.
REPLICA_LOOK_S = 1.0
LOOK_S = 15.0


class SqlJobQueue:
    """The jobs that `tx.enqueue` left in one database."""

    def __init__(self, database: Database) -> None:
        self._db = database
        # When the next falls due, and what that holds for: the stamp of the database and the kinds.
        self._next_us: int | None = None
        self._seen: tuple[object, ...] = ()

    def when_enqueued(self, wake: Callable[[], None]) -> None:
        """Call `wake` after each commit in this process that left a job."""
        self._db.when_enqueued(wake)

    def when_committed(self, wake: Callable[[], None]) -> bool:
        """Call `wake` after each commit in this process; return whether that is every commit."""
        self._db.when_committed(wake)
        return not self._db.is_shared

    async def take(self, worker: str, kinds: Collection[str], limit: int, lease_s: float) -> Sequence[Job]:
        """Lease up to `limit` due jobs of these kinds, the most overdue first; nobody else is given them meanwhile."""
        now_us = self._db.clock.now_us()
        due = (
            select(_job.c.id)
            .where(_job.c.state == "ready", _job.c.due_us <= now_us, _job.c.leased_until_us <= now_us)
            .where(_job.c.kind.in_(list(kinds)))
            .order_by(_job.c.due_us)
            .limit(limit)
        )
        async with self._db.transaction() as tx:
            if self._db.dialect == "postgresql":
                due = due.with_for_update(skip_locked=True)
            lease = {
                "lease": worker,
                "leased_until_us": now_us + int(lease_s * SECOND_US),
                "attempts": _job.c.attempts + 1,
            }
            claim = update(_job).where(_job.c.id.in_(due.scalar_subquery())).values(lease).returning(_job)
            return [_job_of(row) for row in await tx.all(claim)]

    async def idle_s(self, kinds: Collection[str]) -> float:
        """Return for how many seconds nothing of these kinds falls due, unless `wake` is called before; 0: it has."""
        stamp = self._db.stamp()
        seen = (stamp, *sorted(kinds))
        if stamp is None or seen != self._seen:
            self._next_us, self._seen = await self._next_due_us(kinds), seen
        most_s = REPLICA_LOOK_S if self._db.is_shared else LOOK_S
        if self._next_us is None:
            return most_s
        return min(max((self._next_us - self._db.clock.now_us()) / SECOND_US, 0.0), most_s)

    async def _next_due_us(self, kinds: Collection[str]) -> int | None:
        at_us = case((_job.c.leased_until_us > _job.c.due_us, _job.c.leased_until_us), else_=_job.c.due_us)
        waiting = select(func.min(at_us)).where(_job.c.state == "ready", _job.c.kind.in_(list(kinds)))
        async with self._db.snapshot() as tx:
            return await tx.scalar(waiting)

    async def complete(self, job: Job) -> None:
        """Note that a job is done. One with a unique key is remembered: another under that key is not done again."""
        if job.unique_key is not None:
            # The row stays: it is what makes a second job with this key a no-op.
            await self._change(job, {"state": "done", "error": "", "due_us": self._db.clock.now_us()})
            return
        async with self._db.transaction() as tx:
            await tx.run(delete(_job).where(_job.c.id == job.id, _job.c.lease == job.lease))

    async def retry(self, job: Job, reason: str, delay_s: float) -> None:
        """Have a job tried again after `delay_s`."""
        due_us = self._db.clock.now_us() + int(delay_s * SECOND_US)
        await self._change(job, {"due_us": due_us, "leased_until_us": 0, "error": reason})

    async def bury(self, job: Job, reason: str) -> None:
        """Keep a job for a person (`fabric.dead_letters`); it is not tried again by itself."""
        await self._change(job, {"state": "dead", "error": reason})

    async def _change(self, job: Job, values: dict[str, Any]) -> None:
        async with self._db.transaction() as tx:
            await tx.run(update(_job).where(_job.c.id == job.id, _job.c.lease == job.lease).values(values))


def _job_of(row: Row[Any]) -> Job:
    return Job(
        row.id,
        row.kind,
        row.payload,
        row.attempts,
        row.unique_key,
        row.correlation_id,
        row.actor,
        row.action,
        row.lease,
    )
