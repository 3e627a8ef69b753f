"""Executing commands: load what they read, apply them to it, write what changed.

A `Planner` does the first two ahead of time and keeps what it has loaded from one batch to the next, which spares most
of the reading; `write` does the last.
"""

import asyncio
from collections.abc import Sequence
from typing import Any, NamedTuple

from tollway.contracts.events import TransactionMade
from tollway.fabric.db import Tx
from tollway.fabric.metrics import UNITS
from tollway.fabric.rpc.call import Call, current, enter, leave
from tollway.fabric.telemetry import correlation_id, traceparent
from tollway.kit.ids import ids_after
from tollway.services.ledger.model.records import ChangeSet, PendingEvent
from tollway.services.ledger.model.seals import Signer, leaf_of
from tollway.services.ledger.model.working_set import Command, ReadSet, WorkingSet
from tollway.services.ledger.store.loading import all_loaded, last_written, load
from tollway.services.ledger.store.writing import write_changes, write_if_unchanged

MAX_WORKING_SET = 200_000  # values; about 100 MB
YIELD_EVERY = 25  # commands, well below a millisecond


class PlannedRequest(NamedTuple):
    """A command with what is known about who asked for it."""

    command: Command
    request_hash: bytes
    call: Call


class ExecutionPlan(NamedTuple):
    """What a batch will write, and the answers to give once it is written.

    It is good only if nobody has written anything since the transaction `after`.
    """

    after: str
    changes: ChangeSet
    answers: list[Any]
    events: list[tuple[PendingEvent, Call]]

    @property
    def last(self) -> str:
        """The id of the last transaction when the plan is written."""
        return self.changes.last_txn or self.after


def request_for(command: Command) -> PlannedRequest:
    """Make the request of the caller at hand."""
    call, correlation, trace = current(), correlation_id.get(), traceparent.get()
    if (call.correlation_id, call.traceparent) != (correlation, trace):
        call = call._replace(correlation_id=correlation, traceparent=trace)
    return PlannedRequest(command, command.fingerprint() if command.name else b"", call)


async def write(tx: Tx, plan: ExecutionPlan) -> None:
    """Write a plan, and publish what moved. The writer lock must be held, and the plan be good."""
    await write_changes(tx, plan.changes)
    _publish(tx, plan)


async def write_if_good(tx: Tx, plan: ExecutionPlan) -> bool:
    """Write a plan that was made without asking the database, by one statement; False when it was not good."""
    _publish(tx, plan)
    return await write_if_unchanged(tx, plan.changes, plan.after)


def _publish(tx: Tx, plan: ExecutionPlan) -> None:
    for made, call in plan.events:
        event = TransactionMade(
            transaction_id=made.txn_id,
            code=made.code,
            owners=made.owners,
            amounts=made.amounts,
        )
        # The batch serves many callers; each event is published in the context of its own call.
        tokens = enter(call)
        tx.publish(event, actor=made.actor)
        leave(tokens)


def count(plan: ExecutionPlan) -> None:
    """Count what a plan moved, once it is committed."""
    moved: dict[tuple[str, str], int] = {}
    for made, _ in plan.events:
        for asset, units in made.amounts.items():
            moved[made.code, asset] = moved.get((made.code, asset), 0) + units
    for (code, asset), units in moved.items():
        UNITS.labels(code, asset).inc(units)


class Planner:
    """Applies commands to a working set.

    The ids of transactions are in the order in which they were written, so the last id says which state of the ledger a
    working set is of. As long as only this planner's plans are written it stays true by itself. When somebody else
    wrote, or a plan was not written after all, the ids disagree; then it is loaded anew.
    """

    def __init__(self, signer: Signer) -> None:
        self._signer = signer
        self._working_set: WorkingSet | None = None
        self._last = ""  # the last transaction that is in it
        self._one_at_a_time = asyncio.Lock()  # another plan would build on what this one has only half done

    async def plan(
        self, tx: Tx, requests: Sequence[PlannedRequest], last: str | None = None
    ) -> ExecutionPlan:
        """Execute commands in order, each whole or not at all; an answer that is a Problem is a refusal.

        With `last`, plan on the state after that transaction and no other: `tx` is the one that will write.
        """
        async with self._one_at_a_time:
            state = self._working_set
            if state is None or state.size > MAX_WORKING_SET or last not in (None, self._last):
                state, self._last = WorkingSet(), await last_written(tx) if last is None else last
            self._working_set = None  # until the batch is complete
            await load(tx, state, _reads_of(requests))
            return await self._execute(state, requests, tx.now_us)

    async def plan_unread(self, requests: Sequence[PlannedRequest], now_us: int) -> ExecutionPlan | None:
        """Execute commands on what is loaded, as if their names were new; None when something is not loaded.

        The plan is good only if the ledger is as it was left, and knows none of the names.
        """
        async with self._one_at_a_time:
            state = self._working_set
            if state is None or state.size > MAX_WORKING_SET or not all_loaded(state, _reads_of(requests)):
                return None
            self._working_set = None
            return await self._execute(state, requests, now_us)

    async def _execute(
        self, state: WorkingSet, requests: Sequence[PlannedRequest], now_us: int
    ) -> ExecutionPlan:
        ids = ids_after("txn", self._last, len(requests), now_us)
        answers: list[Any] = []
        for number, (request, txn_id) in enumerate(zip(requests, ids, strict=True), 1):
            if number % YIELD_EVERY == 0:
                await asyncio.sleep(0)  # the database may have answered, and waits for the next statement
            answers.append(state.execute(request.command, request.request_hash, txn_id, now_us))
        changes = state.take_changes()
        changes.tags = [self._signer.tag(leaf_of(entry)) for entry in changes.entries()]
        asked = dict(zip(ids, requests, strict=True))
        events = [(made, asked[made.txn_id].call) for made in changes.events]
        plan = ExecutionPlan(self._last, changes, answers, events)
        self._working_set, self._last = state, plan.last
        return plan

    def ends_with(self, plan: ExecutionPlan) -> bool:
        """Return whether this plan is the last in the working set, so that both are good or neither is."""
        return self._working_set is not None and self._last == plan.last

    def clear(self) -> None:
        """Forget the working set: what is in it may never be written."""
        self._working_set = None


def _reads_of(requests: Sequence[PlannedRequest]) -> ReadSet:
    reads = ReadSet()
    for request in requests:
        request.command.add_reads(reads)
    return reads
