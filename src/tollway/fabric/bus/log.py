"""The readable log behind a room's `Facts` door."""

import asyncio
from collections.abc import Mapping
from typing import Any

from sqlalchemy import select

from tollway.contracts import facts_pb2, facts_pb2_grpc
from tollway.fabric.db import Database, tables
from tollway.kit.errors import NotFound

MAX_FACTS = 500
# On PostgreSQL a fact may be committed by another replica of the room, which cannot wake us; this is how long it may
# wait. A SQLite file has one process only.
REPLICA_POLL_S = 0.3
# How far a reader has come is written down this often: it is only needed to know what may be forgotten.
NOTE_EVERY_S = 30.0


class FactsLog:
    """Reads one room's outbox, waiting for the next fact when there is none yet."""

    def __init__(self, database: Database) -> None:
        self._db = database
        self._shared = database.dialect == "postgresql"
        self._news = asyncio.Event()
        self._noted: dict[str, tuple[int, float]] = {}  # reader → position, and when it was noted
        database.when_told(self._wake)

    async def read(self, after: int, limit: int, wait_s: float, reader: str = "") -> list[facts_pb2.Fact]:
        """Return up to `limit` facts after a position, as soon as there is one, or none after `wait_s`.

        A `reader` has taken in everything up to `after`; retention keeps for it what comes after.
        """
        loop = asyncio.get_running_loop()
        if reader:
            await self._note(reader, after, loop.time())
        deadline = loop.time() + wait_s
        while True:
            # Taken before the look, so that news in between is not missed; each news has an event of its own,
            # so that no reader can take it from another.
            news = self._news
            facts = await self._select(after, limit)
            left_s = deadline - loop.time()
            if facts or left_s <= 0:
                return facts
            try:
                async with asyncio.timeout(min(left_s, REPLICA_POLL_S) if self._shared else left_s):
                    await news.wait()
            except TimeoutError:
                continue

    async def _note(self, reader: str, after: int, now: float) -> None:
        position, at = self._noted.get(reader, (-1, 0.0))
        if position == after or (position >= 0 and now - at < NOTE_EVERY_S):
            return
        self._noted[reader] = after, now
        async with self._db.transaction() as tx:
            row = tx.insert(tables.reader).values(name=reader, position=after)
            await tx.run(row.on_conflict_do_update(index_elements=["name"], set_={"position": after}))

    async def _select(self, after: int, limit: int) -> list[facts_pb2.Fact]:
        outbox = tables.outbox
        query = select(outbox).where(outbox.c.position > after).order_by(outbox.c.position)
        async with self._db.snapshot() as tx:
            rows = await tx.all(query.limit(min(limit or MAX_FACTS, MAX_FACTS)))
        return [
            facts_pb2.Fact(
                position=row.position,
                id=row.id,
                type=row.type,
                source=row.source,
                subject=row.subject,
                at_us=row.at_us,
                data_json=row.data,
                correlation_id=row.correlation_id,
                traceparent=row.traceparent,
            )
            for row in rows
        ]

    def _wake(self) -> None:
        news, self._news = self._news, asyncio.Event()
        news.set()


class FactsRpc(facts_pb2_grpc.FactsServicer):
    """Serves the logs of the rooms in this process."""

    def __init__(self, logs: Mapping[str, FactsLog]) -> None:
        self._logs = logs

    async def Read(self, request: facts_pb2.ReadRequest, context: Any) -> facts_pb2.ReadResponse:  # noqa: ARG002, N802
        """Return the facts after a position. Raises NotFound for a room that is not here."""
        log = self._logs.get(request.room)
        if log is None:
            raise NotFound(f"the room {request.room!r} announces nothing here; check the topology")
        facts = await log.read(request.after, request.limit, request.wait_ms / 1000, request.reader)
        return facts_pb2.ReadResponse(facts=facts)
