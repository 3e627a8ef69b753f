"""Takes due jobs under a lease and runs them, and runs timed work."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from tollway.fabric.backoff import Backoff
from tollway.fabric.jobs.queue import Job, JobQueue
from tollway.fabric.metrics import JOB_SECONDS, JOBS, TIMED
from tollway.fabric.rpc import call_context
from tollway.kit.errors import Problem
from tollway.kit.ids import new_id
from tollway.kit.tasks import cancel, spawn

_log = logging.getLogger(__name__)

JobHandler = Callable[[Any, dict[str, Any]], Awaitable[None]]
Jobs = Mapping[str, JobHandler]

ATTEMPTS = 12
LEASE_S = 60
# Inside the lease, so that a hanging job is given up before another worker may take it.
JOB_TIMEOUT_S = 45
BATCH = 16
UNAVAILABLE_S = 1.0
LEAST_S = 0.02
# A clock that was put right, or an operator's command in another process, wakes nobody here.
LONGEST_REST_S = 60.0
BACKOFF = Backoff(first_s=0.5, limit_s=300)
MAX_REASON_LENGTH = 2000


@dataclass(frozen=True, slots=True)
class Timed:
    """Work that is done every `every_s` seconds, first at start.

    Work on what is in the service's database may return for how many seconds nothing falls due by the time alone
    (`inf`: never). It then rests until that is over or something is committed, and still keeps `every_s` between.
    """

    every_s: float
    run: Callable[[Any], Awaitable[float | None]]


class Worker:
    """Runs the jobs and the timed work of one service."""

    def __init__(
        self,
        service: Any,
        queue: JobQueue,
        jobs: Jobs,
        timed: Mapping[str, Timed] | None = None,
        service_name: str = "",
    ) -> None:
        self._service, self._service_name = service, service_name
        self._queue = queue
        self._jobs = jobs
        self._timed = timed or {}
        self._wake = asyncio.Event()
        self._name = new_id("wrk")
        self._tasks: list[asyncio.Task[None]] = []
        queue.when_enqueued(self._wake.set)
        self._committed = asyncio.Event()
        self._sees_every_commit = queue.when_committed(self._on_commit)

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
        taken = await self._queue.take(self._name, list(self._jobs), BATCH, LEASE_S)
        await asyncio.gather(*(self._run(job) for job in taken))
        return len(taken)

    async def _work(self) -> None:
        while True:
            self._wake.clear()
            try:
                idle_s = await self._queue.idle_s(list(self._jobs))
                if idle_s == 0 and await self.run_due():
                    continue
            except Problem as problem:
                _log.warning("jobs wait: %s", problem.detail)
                idle_s = UNAVAILABLE_S
            try:
                # What is due and was not given out is in the hands of another worker.
                async with asyncio.timeout(max(idle_s, LEAST_S)):
                    await self._wake.wait()
            except TimeoutError:
                continue

    async def _repeat(self, name: str, timed: Timed) -> None:
        while True:
            # Taken before, so that what is committed meanwhile is looked at.
            committed, rest_s = self._committed, None
            try:
                rest_s = await timed.run(self._service)
            except Exception:  # noqa: BLE001
                # Timed work comes round again; its failure must not end it.
                _log.exception("timed work %s failed", name)
                TIMED.labels(self._service_name, name, "failed").inc()
            else:
                TIMED.labels(self._service_name, name, "done").inc()
            await asyncio.sleep(timed.every_s)
            if rest_s is not None and self._sees_every_commit:
                with suppress(TimeoutError):
                    async with asyncio.timeout(max(min(rest_s, LONGEST_REST_S) - timed.every_s, 0)):
                        await committed.wait()

    def _on_commit(self) -> None:
        # An event for each time, so that nobody can reset another's.
        committed, self._committed = self._committed, asyncio.Event()
        committed.set()

    async def _run(self, job: Job) -> None:
        # The log lines of a failure belong to whoever left the job, as its work does.
        with call_context(user_id=job.actor, action=job.action, correlation_id=job.correlation_id):
            try:
                with JOB_SECONDS.labels(self._service_name, job.kind).time():
                    async with asyncio.timeout(JOB_TIMEOUT_S):
                        await self._jobs[job.kind](self._service, job.payload)
            except Exception as error:  # noqa: BLE001
                # Whatever went wrong, the job stays: later, or for a person.
                await self._failed(job, error)
            else:
                await self._queue.complete(job)
                self._count(job, "done")

    async def _failed(self, job: Job, error: Exception) -> None:
        reason = error.detail if isinstance(error, Problem) else repr(error)
        if job.attempts >= ATTEMPTS:
            _log.error("job %s (%s) is dead after %d attempts: %s", job.id, job.kind, job.attempts, reason)
            await self._queue.bury(job, reason[:MAX_REASON_LENGTH])
            self._count(job, "dead")
            return
        expected = isinstance(error, Problem)
        _log.warning("job %s (%s) failed: %s", job.id, job.kind, reason, exc_info=None if expected else error)
        await self._queue.retry(job, reason[:MAX_REASON_LENGTH], BACKOFF.delay_s(job.attempts))
        self._count(job, "retried")

    def _count(self, job: Job, outcome: str) -> None:
        JOBS.labels(self._service_name, job.kind, outcome).inc()
