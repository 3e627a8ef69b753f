"""Work that a person asks for and that takes as long as it takes: one at a time, with its progress and its last result.

Whoever asks gets an answer at once and looks at the state later. One process does the work, outside the time limit of
a job; while it does, it writes how far it is and that it is alive. When it dies another process, or the next start,
begins the work anew. It shares its thread with everything else that the process does, and leaves it half of the time.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field, fields
from math import inf
from time import monotonic
from typing import Any, Literal

from sqlalchemy import select, update

from tollway.fabric.db import Database, Tx, tables
from tollway.kit.errors import Problem
from tollway.kit.ids import new_id
from tollway.kit.tasks import cancel, spawn
from tollway.kit.times import SECOND_US

_log = logging.getLogger(__name__)
_table = tables.long_work

State = Literal["never", "waiting", "running", "done", "failed"]
LEASE_US = 30 * SECOND_US
KEEP_EVERY_S = 1.0
LONGEST_PAUSE_S = 0.2

Report = Callable[[int, int], Awaitable[None]]
"""Awaited by the work between its steps with how much is done, and of how much."""


@dataclass(frozen=True, slots=True)
class LongRun:
    """The last time that some work was asked for. `result` is what it came to, `error` why it failed."""

    kind: str
    id: str = ""
    state: State = "never"
    requested_by: str = ""
    requested_at_us: int = 0
    started_at_us: int = 0
    finished_at_us: int = 0
    done: int = 0
    total: int = 0
    result: Mapping[str, Any] = field(default_factory=dict[str, Any])
    error: str = ""

    @property
    def is_over(self) -> bool:
        """Return whether it may be asked for again."""
        return self.state in {"never", "done", "failed"}


Ended = Callable[[Tx, LongRun], Awaitable[None]]


async def _nothing(_tx: Tx, _run: LongRun) -> None:
    """Do nothing at the end."""


class LongWork:
    """One kind of such work of a service. `ended` runs in the transaction that keeps the result."""

    def __init__(
        self,
        db: Database,
        kind: str,
        work: Callable[[Report], Awaitable[Mapping[str, Any]]],
        ended: Ended = _nothing,
    ) -> None:
        self._db = db
        self._kind = kind
        self._work = work
        self._ended = ended
        self._name = new_id("wrk")

    async def read(self) -> LongRun:
        """Return what became of it the last time."""
        async with self._db.snapshot() as tx:
            row = await tx.first(select(_table).where(_table.c.kind == self._kind))
        return LongRun(self._kind) if row is None else _run(row)

    async def request(self, tx: Tx, requested_by: str) -> LongRun | None:
        """Ask for the work, in the transaction that notes who did; None while it is under way already."""
        mine = _table.c.kind == self._kind
        fresh = {**_BLANK, "kind": self._kind, "state": "never", "worker": "", "seen_at_us": 0}
        await tx.run(tx.insert(_table).on_conflict_do_nothing(), fresh)
        known = await tx.first(select(_table).where(mine).with_for_update())
        assert known is not None, "it was inserted above, or before"
        if not _run(known).is_over:
            return None
        asked = {
            **_BLANK,
            "id": new_id("run"),
            "state": "waiting",
            "requested_by": requested_by,
            "requested_at_us": tx.now_us,
        }
        row = await tx.first(update(_table).where(mine).values(asked).returning(_table))
        return None if row is None else _run(row)

    async def work(self) -> float:
        """Do the work if somebody asked for it, or if whoever began it has died; what timed work calls.

        Returns in how many seconds whoever does it now would be taken for dead.
        """
        run = await self._claim()
        if run is None:
            return await self._lease_left_s()
        progress = _Progress()
        keeper = spawn(self._keep(run.id, progress), f"long-work-{self._kind}")
        try:
            result = await self._work(progress.report)
        except Exception as error:  # noqa: BLE001
            # It can be asked for again; whoever did sees why.
            _log.exception("%s failed", self._kind)
            await cancel(keeper)
            await self._end(run.id, {"state": "failed", "error": repr(error)[:2_000]})
        else:
            await cancel(keeper)
            finished = {
                "state": "done",
                "result": dict(result),
                "done": progress.total,
                "total": progress.total,
            }
            await self._end(run.id, finished)
        finally:
            await cancel(keeper)
        return inf

    async def _claim(self) -> LongRun | None:
        async with self._db.snapshot() as tx:
            # Nobody waits for the writer while there is nothing to do, which is nearly always.
            if await tx.first(select(_table.c.kind).where(self._is_to_do(tx.now_us))) is None:
                return None
        async with self._db.transaction() as tx:
            begun = {
                "state": "running",
                "worker": self._name,
                "started_at_us": tx.now_us,
                "seen_at_us": tx.now_us,
            }
            claim = update(_table).where(self._is_to_do(tx.now_us)).values(begun).returning(_table)
            row = await tx.first(claim)
        return None if row is None else _run(row)

    async def _lease_left_s(self) -> float:
        async with self._db.snapshot() as tx:
            running = (_table.c.kind == self._kind) & (_table.c.state == "running")
            row = await tx.first(select(_table.c.seen_at_us).where(running))
        return inf if row is None else max(row.seen_at_us + LEASE_US + SECOND_US - tx.now_us, 0) / SECOND_US

    def _is_to_do(self, now_us: int) -> Any:
        dead = (_table.c.state == "running") & (_table.c.seen_at_us < now_us - LEASE_US)
        return (_table.c.kind == self._kind) & ((_table.c.state == "waiting") | dead)

    async def _keep(self, run_id: str, progress: "_Progress") -> None:
        while True:
            await asyncio.sleep(KEEP_EVERY_S)
            try:
                async with self._db.transaction() as tx:
                    values = {"seen_at_us": tx.now_us, "done": progress.done, "total": progress.total}
                    await tx.run(update(_table).where(self._is_mine(run_id)).values(values))
            except Problem as problem:
                # The database may answer again before the lease is over.
                _log.warning("the progress of %s is not written: %s", self._kind, problem.detail)

    async def _end(self, run_id: str, values: Mapping[str, Any]) -> None:
        async with self._db.transaction() as tx:
            over = update(_table).where(self._is_mine(run_id)).values(**values, finished_at_us=tx.now_us)
            row = await tx.first(over.returning(_table))
            if row is not None:
                await self._ended(tx, _run(row))

    def _is_mine(self, run_id: str) -> Any:
        # Whoever was taken for dead and is not must not write over whoever took the work up.
        held = (_table.c.worker == self._name) & (_table.c.state == "running")
        return (_table.c.kind == self._kind) & (_table.c.id == run_id) & held


class _Progress:
    def __init__(self) -> None:
        self.done = self.total = 0
        self._since = monotonic()

    async def report(self, done: int, total: int) -> None:
        """Note how far the work is, and leave the thread to others for as long as the last step took."""
        self.done, self.total = done, total
        await asyncio.sleep(min(monotonic() - self._since, LONGEST_PAUSE_S))
        self._since = monotonic()


_BLANK: Mapping[str, Any] = {
    "id": "",
    "requested_by": "",
    "requested_at_us": 0,
    "started_at_us": 0,
    "finished_at_us": 0,
    "done": 0,
    "total": 0,
    "result": {},
    "error": "",
}


def _run(row: Any) -> LongRun:
    return LongRun(**{one.name: getattr(row, one.name) for one in fields(LongRun)})
