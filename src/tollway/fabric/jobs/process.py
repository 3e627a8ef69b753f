"""A durable process: one row that moves from state to state, each time by a call that may be repeated.

A step is made in two parts: the call, which carries a key of its own, so that whoever is called takes a repeat for
what it is; then one transaction here, which moves the row out of the state that it was in and publishes what happened.
So a process may be killed anywhere, and driven by anybody at the same time:

- before the call nothing has happened;
- after the call and before the transaction the step is repeated under the same key, with the same answer;
- after the transaction the next step is due; a second driver finds the row moved and goes on from there.

The request that begins a process drives it (`drive`); a durable job, left in the transaction that wrote the row
(`enqueue`), takes over when the request dies; timed work takes up what the job could not do (`resume`). Going back is a
state like any other, whose step undoes what was done. A state without a step is an end.
"""

import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from tollway.fabric.db import Database, Tx
from tollway.kit.errors import DeadlineExceeded, Problem, Unavailable

_log = logging.getLogger(__name__)

Row = TypeVar("Row")
Move = TypeVar("Move")

# The request drives its process itself; the job is for the case that it dies in between.
JOB_AFTER_S = 5
RESUME_BATCH = 100


@dataclass(frozen=True)
class DurableProcess(Generic[Row, Move]):
    """How the rows of one kind move.

    `steps` has a call for each state that is not an end: it returns the move to make, or None when there is none yet,
    as the row waits for somebody outside; it raises a Problem when there is no answer. Both leave the row where it is.
    `overdue` returns the move of a row whose time is over, made in place of its step. `move` makes a move if the row
    still is in the state that it was read in, publishes what happened, and returns whether it did; it runs inside a
    transaction and makes no call.
    """

    name: str
    db: Database
    job: str  # the kind of the durable job, whose payload is {"id": …}
    find: Callable[[Tx, str], Awaitable[Row | None]]
    state: Callable[[Row], str]
    steps: Mapping[str, Callable[[Row], Awaitable[Move | None]]]
    move: Callable[[Tx, Row, Move], Awaitable[bool]]
    overdue: Callable[[Row, int], Move | None] = lambda _row, _now_us: None

    def enqueue(self, tx: Tx, row_id: str) -> None:
        """Leave the job that drives this row, in the transaction that writes it."""
        tx.enqueue(self.job, {"id": row_id}, due_in_s=JOB_AFTER_S, unique=row_id)

    async def advance(self, row_id: str) -> Row:
        """Make steps until the row is at an end or waits, and return it. Raises Problem when a call gives no answer."""
        row = await self.read(row_id)
        while (step := self.steps.get(self.state(row))) is not None:
            move = self.overdue(row, self.db.clock.now_us())
            if move is None:
                move = await step(row)
            if move is None:
                return row
            async with self.db.transaction() as tx:
                await self.move(tx, row, move)
            row = await self.read(row_id)
        return row

    async def drive(self, row_id: str) -> Row:
        """Make the steps that can be made now; what is left is the job's."""
        try:
            return await self.advance(row_id)
        except Problem as problem:
            _log.warning("%s %s is not finished yet: %s", self.name, row_id, problem.detail)
            return await self.read(row_id)

    async def resume(self, idle: Callable[[Tx, str, int], Awaitable[Sequence[str]]]) -> None:
        """Drive the rows that stood still. `idle` names them by id, from after an id on, so many at a time."""
        after = ""
        while True:
            async with self.db.snapshot() as tx:
                ids = await idle(tx, after, RESUME_BATCH)
            for row_id in ids:
                try:
                    await self.advance(row_id)
                except (Unavailable, DeadlineExceeded) as problem:
                    _log.warning("idle %s rows are left for later: %s", self.name, problem.detail)
                    return
                except Problem:
                    # One row that cannot be finished must not keep the others waiting.
                    _log.exception("%s %s cannot be finished", self.name, row_id)
            if len(ids) < RESUME_BATCH:
                return
            after = ids[-1]

    async def read(self, row_id: str) -> Row:
        """Return the row as it is now. It must have been written."""
        async with self.db.snapshot() as tx:
            row = await self.find(tx, row_id)
        assert row is not None, f"{self.name} {row_id} was never written"
        return row
