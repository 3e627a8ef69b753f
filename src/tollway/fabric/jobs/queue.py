"""The job queue as a port: what a worker needs of the place where jobs wait."""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from typing import Any, Protocol


@dataclass(frozen=True, slots=True)
class Job:
    """A job that a worker holds. `lease` names the worker: only under its own lease may it be changed."""

    id: str
    kind: str
    payload: dict[str, Any]
    attempts: int
    unique_key: str | None
    correlation_id: str
    actor: str
    action: str
    lease: str


class JobQueue(Protocol):
    """Jobs that were left by committed transactions. A method that finds another's lease on the job changes nothing."""

    def when_enqueued(self, wake: Callable[[], None]) -> None:
        """Call `wake` after each commit in this process that left a job."""
        ...

    def when_committed(self, wake: Callable[[], None]) -> bool:
        """Call `wake` after each commit in this process; return whether that is every commit that matters here."""
        ...

    async def take(self, worker: str, kinds: Collection[str], limit: int, lease_s: float) -> Sequence[Job]:
        """Lease up to `limit` due jobs of these kinds, the most overdue first; nobody else is given them meanwhile."""
        ...

    async def idle_s(self, kinds: Collection[str]) -> float:
        """Return for how many seconds nothing of these kinds falls due, unless `wake` is called before; 0: it has."""
        ...

    async def complete(self, job: Job) -> None:
        """Note that a job is done. One with a unique key is remembered: another under that key is not done again."""
        ...

    async def retry(self, job: Job, reason: str, delay_s: float) -> None:
        """Have a job tried again after `delay_s`."""
        ...

    async def bury(self, job: Job, reason: str) -> None:
        """Keep a job for a person (`fabric.dead_letters`); it is not tried again by itself."""
        ...
