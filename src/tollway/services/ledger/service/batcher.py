"""The batcher: many callers, one transaction (group commit).

A commit costs a flush to disk whether it carries one transaction or five hundred. Commands that arrive while
a batch is being written make up the next one, and each caller is answered after the commit of its
batch, with its own result: that one was refused says nothing about its neighbours.

While the database writes one batch, the next is planned already, on the state as it will be then. A plan is written
only if the ledger is in the state that it was made for; otherwise it is made again. A small batch that finds the
database idle has nothing to be planned beside: it is planned in the transaction that writes it, which spares a reading
one. On PostgreSQL, when all that it reads is loaded already, one statement is the whole transaction: it writes the
batch only if nobody else has written since, and if no name in it was used before.
"""

import asyncio
import logging
from collections import deque
from collections.abc import Sequence
from contextlib import suppress
from typing import Any, NamedTuple

from tollway.fabric.db import Database
from tollway.fabric.transactions import open_transaction
from tollway.kit.errors import Problem, Unavailable
from tollway.kit.tasks import cancel, spawn
from tollway.services.ledger.model.seals import Signer
from tollway.services.ledger.model.working_set import Command
from tollway.services.ledger.service.execution import (
    ExecutionPlan,
    PlannedRequest,
    Planner,
    count,
    request_for,
    write,
    write_if_good,
)
from tollway.services.ledger.store.loading import acquire_writer

_log = logging.getLogger(__name__)
STOP_WAIT_S = 10.0
MAX_WAITING = 20_000
SMALL_BATCH = 32  # planned in about a millisecond, while the writer lock is held
# So many batches are written in the usual way after one that could not be written by one statement: where names come
# again, or others write too, it would be tried in vain.
USUAL_BATCHES = 50


class PendingRequest(NamedTuple):
    """A request in the queue, and where its answer is waited for."""

    request: PlannedRequest
    answer: asyncio.Future[Any]


class Batcher:
    """Collects commands and executes them a batch at a time."""

    def __init__(self, db: Database, signer: Signer, size: int, wait_s: float) -> None:
        self._db = db
        self._planner = Planner(signer)
        self._size = size
        self._wait_s = wait_s
        self._waiting: deque[PendingRequest] = deque()
        self._not_empty = asyncio.Event()
        self._full = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self._open = False
        self._usual_batches = 0

    async def start(self) -> None:
        """Begin to take commands."""
        self._open = True
        self._task = spawn(self._work(), "ledger-batcher")

    async def stop(self) -> None:
        """Take no more, finish what was taken."""
        self._open = False
        self._not_empty.set()
        if self._task is not None:
            await asyncio.wait({self._task}, timeout=STOP_WAIT_S)
            await cancel(self._task)

    async def submit(self, command: Command) -> Any:
        """Execute a command and return its answer, after the commit. Raises what refuses it, or Unavailable."""
        assert not open_transaction.get(), "called inside a transaction, which the batch would wait for"
        if not self._open or len(self._waiting) >= MAX_WAITING:
            raise Unavailable("the ledger is overloaded; try again soon")
        answer: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        self._waiting.append(PendingRequest(request_for(command), answer))
        self._not_empty.set()
        if len(self._waiting) >= self._size:
            self._full.set()
        return await answer

    async def _work(self) -> None:
        """Plan each batch while the one before it is being written."""
        writing: asyncio.Task[None] | None = None
        while self._open or self._waiting:
            if not self._waiting:
                self._not_empty.clear()
                await self._not_empty.wait()
                continue
            await self._fill(busy=writing is not None and not writing.done())
            batch = [self._waiting.popleft() for _ in range(min(self._size, len(self._waiting)))]
            plan = None
            if len(batch) > SMALL_BATCH or (writing is not None and not writing.done()):
                plan = await self._plan(batch)
                if writing is not None:
                    await writing
                if plan is None or not self._planner.ends_with(plan):
                    plan = await self._plan(batch)  # the batch before was written otherwise than planned
            writing = spawn(self._settle(batch, plan), "ledger-writer")
        if writing is not None:
            await writing

    async def _fill(self, *, busy: bool) -> None:
        # A lone caller does not wait; while others are being written, a fuller batch is cheaper for all.
        if busy and len(self._waiting) < self._size and self._open:
            self._full.clear()
            with suppress(TimeoutError):
                async with asyncio.timeout(self._wait_s):
                    await self._full.wait()

    async def _plan(self, batch: Sequence[PendingRequest]) -> ExecutionPlan | None:
        try:
            async with self._db.snapshot() as tx:
                return await self._planner.plan(tx, [pending.request for pending in batch])
        except Exception:  # noqa: BLE001  it is raised again where the batch is written
            return None

    async def _settle(self, batch: Sequence[PendingRequest], plan: ExecutionPlan | None) -> None:
        """Write a batch and answer its callers."""
        try:
            plan = await self._write(batch, plan)
        except Unavailable as problem:
            self._planner.clear()
            for pending in batch:
                _refuse(pending, Unavailable(problem.detail))
        except Exception as error:  # noqa: BLE001  one command broke it, and only that one fails
            self._planner.clear()
            await self._settle_apart(batch, error)
        else:
            count(plan)
            for pending, answer in zip(batch, plan.answers, strict=True):
                if isinstance(answer, Problem):
                    _refuse(pending, answer)
                elif not pending.answer.done():
                    pending.answer.set_result(answer)

    async def _write(self, batch: Sequence[PendingRequest], plan: ExecutionPlan | None) -> ExecutionPlan:
        """Write a batch, as it was planned if that is good; return the plan that was written."""
        requests = [pending.request for pending in batch]
        if plan is None and (written := await self._write_at_once(requests)) is not None:
            return written
        async with self._db.transaction() as tx:
            last = await acquire_writer(tx)
            if plan is None or plan.after != last:
                plan = await self._planner.plan(tx, requests, last)
            await write(tx, plan)
            return plan

    async def _write_at_once(self, requests: Sequence[PlannedRequest]) -> ExecutionPlan | None:
        """Write a batch by one statement; None when that cannot be done, and nothing was."""
        if self._usual_batches or self._db.dialect == "sqlite":
            self._usual_batches = max(0, self._usual_batches - 1)
            return None
        plan = await self._planner.plan_unread(requests, self._db.clock.now_us())
        if plan is None or not plan.changes.txns:
            return None
        async with self._db.autocommit() as tx:
            if await write_if_good(tx, plan):
                return plan
        self._planner.clear()
        self._usual_batches = USUAL_BATCHES
        return None

    async def _settle_apart(self, batch: Sequence[PendingRequest], error: Exception) -> None:
        if len(batch) == 1:
            _log.error("cannot execute %s", type(batch[0].request.command).__name__, exc_info=error)
            _refuse(batch[0], error)
            return
        half = len(batch) // 2
        await self._settle(batch[:half], None)
        await self._settle(batch[half:], None)


def _refuse(pending: PendingRequest, error: Exception) -> None:
    if not pending.answer.done():
        pending.answer.set_exception(error)
