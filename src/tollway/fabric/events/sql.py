"""Outbox and inbox in the plumbing tables of a service's database."""

import time
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from sqlalchemy import Row, delete, select

from tollway.contracts.events_pb2 import EventEnvelope
from tollway.fabric.db import Database, Tx, tables
from tollway.fabric.events.ports import ParkedEvent
from tollway.fabric.feed import POLL_S, Feed

MAX_EVENTS = 500
# How far a reader has come is written down this often: it is only needed to know what may be forgotten.
NOTE_EVERY_S = 30.0
MAX_REASON_LENGTH = 2000


class SqlOutbox:
    """The events that `tx.publish` left in one database."""

    def __init__(self, database: Database) -> None:
        self._db = database
        # A SQLite file has one process only; in PostgreSQL another replica of the service may publish.
        poll_s = POLL_S if database.is_shared else None
        self._feed = Feed(self._select, lambda event: event.position, poll_s=poll_s)
        self._noted: dict[str, tuple[int, float]] = {}  # reader → position, and when it was noted
        database.on_published(self._feed.wake)

    async def read(self, after: int, limit: int, wait_s: float) -> Sequence[EventEnvelope]:
        """Return up to `limit` events after a position, as soon as there is one, or none after `wait_s`."""
        return await self._feed.read(after, min(limit or MAX_EVENTS, MAX_EVENTS), wait_s)

    async def acknowledge(self, reader: str, position: int) -> None:
        """Note that a reader has taken in everything up to a position; retention keeps for it what comes after."""
        now = time.monotonic()
        noted, at = self._noted.get(reader, (-1, 0.0))
        if noted == position or (noted >= 0 and now - at < NOTE_EVERY_S):
            return
        self._noted[reader] = position, now
        async with self._db.transaction() as tx:
            row = tx.insert(tables.subscription).values(name=reader, position=position)
            await tx.run(row.on_conflict_do_update(index_elements=["name"], set_={"position": position}))

    async def _select(self, after: int, limit: int) -> Sequence[EventEnvelope]:
        outbox = tables.outbox
        query = select(outbox).where(outbox.c.position > after).order_by(outbox.c.position)
        async with self._db.snapshot() as tx:
            rows = await tx.all(query.limit(limit))
        return [
            EventEnvelope(
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


class SqlInbox:
    """What one service has taken in, in the database that its handlers write to."""

    def __init__(self, database: Database) -> None:
        self._db = database
        self._nothing_at: object | None = None  # the stamp of a database in which nothing was put back

    async def position(self, source: str) -> int:
        """Return the position in a source's log up to which everything was taken in, parked or passed over."""
        async with self._db.snapshot() as tx:
            query = select(tables.consumer_offset.c.position).where(tables.consumer_offset.c.source == source)
            return await tx.scalar(query) or 0

    async def take_in(
        self, source: str, event: EventEnvelope, handle: Callable[[Any], Awaitable[None]]
    ) -> None:
        """Run `handle(tx)` and note the event and its position, all in one transaction."""
        async with self._db.transaction() as tx:
            seen = {"event_id": event.id, "source": source, "received_at_us": tx.now_us}
            fresh = await tx.run(tx.insert(tables.inbox).on_conflict_do_nothing(), seen)
            if fresh.rowcount:
                await handle(tx)
            await tx.run(delete(tables.dead_letter).where(tables.dead_letter.c.event_id == event.id))
            await _move(tx, source, event.position)

    async def pass_over(self, source: str, position: int) -> None:
        """Note a position whose event nobody here handles. A position never moves backwards."""
        async with self._db.transaction() as tx:
            await _move(tx, source, position)

    async def park(self, source: str, event: EventEnvelope, reason: str) -> None:
        """Keep an event for a person (`fabric.dead_letters`) and pass it over."""
        async with self._db.transaction() as tx:
            letter = {
                "event_id": event.id,
                "source": source,
                "type": event.type,
                "data": event.data_json,
                "error": reason[:MAX_REASON_LENGTH],
                "at_us": tx.now_us,
                "envelope": event.SerializeToString(),
                "again": False,
            }
            parked = tx.insert(tables.dead_letter).values(letter)
            await tx.run(parked.on_conflict_do_update(index_elements=["event_id"], set_=letter))
            await _move(tx, source, event.position)

    async def put_back(self, limit: int) -> Sequence[ParkedEvent]:
        """Return up to `limit` parked events that a person put back, in the order in which they were published."""
        letter, stamp = tables.dead_letter, self._db.stamp()
        if stamp is not None and stamp == self._nothing_at:
            return []
        async with self._db.snapshot() as tx:
            rows = await tx.all(select(letter).where(letter.c.again).order_by(letter.c.event_id).limit(limit))
        self._nothing_at = None if rows else stamp
        return [_parked(row) for row in rows]


async def _move(tx: Tx, source: str, position: int) -> None:
    row = tx.insert(tables.consumer_offset).values(source=source, position=position)
    # Never backwards: another replica of this service may have read further.
    ahead = tables.consumer_offset.c.position < row.excluded.position
    await tx.run(
        row.on_conflict_do_update(index_elements=["source"], set_={"position": position}, where=ahead)
    )


def _parked(row: Row[Any]) -> ParkedEvent:
    event = EventEnvelope.FromString(row.envelope)
    event.position = 0  # it was passed when the event was parked
    return ParkedEvent(row.source, event)
