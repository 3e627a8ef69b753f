"""The readable log behind a service's `Events` service API."""

import asyncio
from collections.abc import Collection, Mapping
from typing import Any

from sqlalchemy import select

from tollway.contracts import events_pb2, events_pb2_grpc
from tollway.fabric.db import Database, tables
from tollway.fabric.rpc import current
from tollway.kit.errors import Forbidden, NotFound

MAX_EVENTS = 500
# On PostgreSQL an event may be committed by another replica of the service, which cannot wake us; this is how long
# it may wait. A SQLite file has one process only.
REPLICA_POLL_S = 0.3
# How far a reader has come is written down this often: it is only needed to know what may be forgotten.
NOTE_EVERY_S = 30.0


class OutboxReader:
    """Reads one service's outbox, waiting for the next event when there is none yet."""

    def __init__(self, database: Database) -> None:
        self._db = database
        self._shared = database.dialect == "postgresql"
        self._news = asyncio.Event()
        self._noted: dict[str, tuple[int, float]] = {}  # reader → position, and when it was noted
        database.on_published(self._wake)

    async def read(
        self, after: int, limit: int, wait_s: float, reader: str = ""
    ) -> list[events_pb2.EventEnvelope]:
        """Return up to `limit` events after a position, as soon as there is one, or none after `wait_s`.

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
            events = await self._select(after, limit)
            left_s = deadline - loop.time()
            if events or left_s <= 0:
                return events
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
            row = tx.insert(tables.subscription).values(name=reader, position=after)
            await tx.run(row.on_conflict_do_update(index_elements=["name"], set_={"position": after}))

    async def _select(self, after: int, limit: int) -> list[events_pb2.EventEnvelope]:
        outbox = tables.outbox
        query = select(outbox).where(outbox.c.position > after).order_by(outbox.c.position)
        async with self._db.snapshot() as tx:
            rows = await tx.all(query.limit(min(limit or MAX_EVENTS, MAX_EVENTS)))
        return [
            events_pb2.EventEnvelope(
                position=row.position,
                id=row.id,
                type=row.type,
                source=row.source,
                subject=row.subject,
                at_us=row.at_us,
                data_json=row.data,
                correlation_id=row.correlation_id,
                traceparent=row.traceparent,
                actor=row.actor,
                action=row.action,
            )
            for row in rows
        ]

    def _wake(self) -> None:
        news, self._news = self._news, asyncio.Event()
        news.set()


class EventsRpc(events_pb2_grpc.EventsServicer):
    """Serves the logs of the services in this process."""

    def __init__(
        self, logs: Mapping[str, OutboxReader], subscribers: Mapping[str, Collection[str]] | None = None
    ) -> None:
        """`subscribers` says who may read each log; None: everybody."""
        self._logs = logs
        self._subscribers = subscribers

    async def Read(self, request: events_pb2.ReadRequest, context: Any) -> events_pb2.ReadResponse:  # noqa: ARG002, N802
        """Return the events after a position.

        Raises NotFound for a service that is not here, Forbidden for a caller that does not subscribe to it.
        """
        caller = current().caller_service
        if self._subscribers is not None and caller not in self._subscribers.get(request.service, ()):
            raise Forbidden(f"{caller or 'an unnamed caller'} does not subscribe to {request.service}")
        log = self._logs.get(request.service)
        if log is None:
            raise NotFound(f"the service {request.service!r} publishes nothing here; check the topology")
        events = await log.read(request.after, request.limit, request.wait_ms / 1000, caller)
        return events_pb2.ReadResponse(events=events)
