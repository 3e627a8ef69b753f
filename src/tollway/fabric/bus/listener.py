"""Reads the neighbours' logs and hands each fact to the room's handlers."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from sqlalchemy import Row, delete, select

from tollway.contracts import facts_pb2
from tollway.contracts.events import Event
from tollway.fabric.db import Database, Tx, tables
from tollway.fabric.telemetry import correlation_id, traceparent
from tollway.kit.errors import Problem
from tollway.kit.tasks import cancel, spawn

if TYPE_CHECKING:
    from tollway.contracts.facts_pb2_grpc import FactsAsyncStub

_log = logging.getLogger(__name__)

# The room, its open transaction, and the fact. A handler registered for `Event` itself hears everything and is
# given the envelope (`facts_pb2.Fact`) instead of the parsed event.
Handler = Callable[[Any, Tx, Any], Awaitable[None]]
Hears = Mapping[type[Any], Handler]

BATCH = 100
WAIT_MS = 4_000
READ_TIMEOUT_S = 10.0
ATTEMPTS = 8
FIRST_DELAY_S = 0.1
MAX_DELAY_S = 10.0
LOOK_AGAIN_S = 5.0


class Listener:
    """Hears facts on behalf of one room: one reader for each source, each with its own durable position.

    `name` is the room's: its neighbours keep for it what it has not read.
    """

    def __init__(
        self,
        room: Any,
        database: Database,
        hears: Hears,
        sources: Mapping[str, "FactsAsyncStub"],
        name: str = "",
    ) -> None:
        self._room = room
        self._db = database
        self._hears = {event.topic: handler for event, handler in hears.items() if event is not Event}
        self._hears_all = hears.get(Event)
        self._sources = sources
        self._name = name
        self._readers: list[asyncio.Task[None]] = []

    async def start(self) -> None:
        """Begin to read every source where this room left off."""
        for source, facts in self._sources.items():
            self._readers.append(spawn(self._follow(source, facts), f"hear-{source}"))
        self._readers.append(spawn(self._look_again(), "hear-again"))

    async def stop(self) -> None:
        """Stop reading; a fact in hand is either heard whole or will be heard again."""
        for reader in self._readers:
            await cancel(reader)
        self._readers.clear()

    async def _follow(self, source: str, facts: "FactsAsyncStub") -> None:
        position = await self._position(source)
        delay_s = FIRST_DELAY_S
        while True:
            request = facts_pb2.ReadRequest(
                room=source, after=position, limit=BATCH, wait_ms=WAIT_MS, reader=self._name
            )
            try:
                answer = await facts.Read(request, timeout=READ_TIMEOUT_S)
                position = await self._hear_all(source, answer.facts, position)
                delay_s = FIRST_DELAY_S
            except Problem as problem:
                # The source is away, or our own database is: both pass.
                _log.warning("hearing %s waits: %s", source, problem.detail)
                await asyncio.sleep(delay_s)
                delay_s = min(delay_s * 2, MAX_DELAY_S)

    async def _hear_all(self, source: str, facts: Sequence[facts_pb2.Fact], position: int) -> int:
        for fact in facts:
            if self._handler(fact) is not None:
                await self._hear_with_patience(source, fact)
            position = fact.position
        if facts and self._handler(facts[-1]) is None:
            async with self._db.transaction() as tx:
                await self._move(tx, source, position)
        return position

    async def _hear_with_patience(self, source: str, fact: facts_pb2.Fact) -> None:
        delay_s = FIRST_DELAY_S
        for attempt in range(1, ATTEMPTS + 1):
            try:
                await self._hear(source, fact)
            except Exception as error:  # noqa: BLE001
                # Any failure of a handler, expected or not, must neither stop the log nor lose the fact.
                if attempt == ATTEMPTS:
                    _log.exception("%s from %s is parked after %d attempts", fact.type, source, attempt)
                    await self._park(source, fact, error)
                    return
                _log.warning("%s from %s failed (attempt %d): %s", fact.type, source, attempt, error)
                await asyncio.sleep(delay_s)
                delay_s = min(delay_s * 2, MAX_DELAY_S)
            else:
                return

    async def _hear(self, source: str, fact: facts_pb2.Fact) -> None:
        correlation_id.set(fact.correlation_id)
        traceparent.set(fact.traceparent)
        handler = self._handler(fact)
        assert handler is not None
        async with self._db.transaction() as tx:
            seen = {"fact_id": fact.id, "source": source, "heard_us": tx.now_us}
            fresh = await tx.run(tx.insert(tables.inbox).on_conflict_do_nothing(), seen)
            if fresh.rowcount:
                await handler(self._room, tx, self._parse(fact))
            await tx.run(delete(tables.dead_letter).where(tables.dead_letter.c.fact_id == fact.id))
            await self._move(tx, source, fact.position)

    async def _park(self, source: str, fact: facts_pb2.Fact, error: Exception) -> None:
        async with self._db.transaction() as tx:
            letter = {
                "fact_id": fact.id,
                "source": source,
                "type": fact.type,
                "data": fact.data_json,
                "error": repr(error)[:2000],
                "at_us": tx.now_us,
                "envelope": fact.SerializeToString(),
                "again": False,
            }
            parked = tx.insert(tables.dead_letter).values(letter)
            await tx.run(parked.on_conflict_do_update(index_elements=["fact_id"], set_=letter))
            await self._move(tx, source, fact.position)

    # ── what was parked, and is to be heard again ───────────────────────────────────────────────────

    async def hear_again(self) -> int:
        """Hear every parked fact once more that a person put back; return how many. One that fails is parked anew."""
        letter = tables.dead_letter
        async with self._db.snapshot() as tx:
            rows = await tx.all(select(letter).where(letter.c.again).order_by(letter.c.fact_id).limit(BATCH))
        for row in rows:
            fact = _fact_of(row)
            try:
                if self._handler(fact) is not None:
                    await self._hear(row.source, fact)
            except Exception as error:  # noqa: BLE001  as above: whatever it is, the fact stays with a person
                _log.warning("%s from %s failed again: %s", fact.type, row.source, error)
                await self._park(row.source, fact, error)
        return len(rows)

    async def _look_again(self) -> None:
        while True:
            try:
                await self.hear_again()
            except Problem as problem:
                _log.warning("hearing again waits: %s", problem.detail)
            await asyncio.sleep(LOOK_AGAIN_S)

    def _handler(self, fact: facts_pb2.Fact) -> Handler | None:
        return self._hears.get(fact.type, self._hears_all)

    def _parse(self, fact: facts_pb2.Fact) -> Any:
        if fact.type not in self._hears:
            return fact
        return Event.by_topic[fact.type].model_validate_json(fact.data_json)

    async def _position(self, source: str) -> int:
        async with self._db.snapshot() as tx:
            query = select(tables.hearing.c.position).where(tables.hearing.c.source == source)
            return await tx.scalar(query) or 0

    async def _move(self, tx: Tx, source: str, position: int) -> None:
        row = tx.insert(tables.hearing).values(source=source, position=position)
        # Never backwards: another replica of this room may have read further.
        ahead = tables.hearing.c.position < row.excluded.position
        await tx.run(
            row.on_conflict_do_update(index_elements=["source"], set_={"position": position}, where=ahead)
        )


def _fact_of(row: Row[Any]) -> facts_pb2.Fact:
    if row.envelope is not None:
        # Its position was passed when it was parked.
        fact = facts_pb2.Fact.FromString(row.envelope)
        fact.position = 0
        return fact
    return facts_pb2.Fact(
        id=row.fact_id, type=row.type, source=row.source, at_us=row.at_us, data_json=row.data
    )
