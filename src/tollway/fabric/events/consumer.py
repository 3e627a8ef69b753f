"""Reads the neighbours' logs and hands each event to the service's handlers."""

import asyncio
import logging
import re
from collections.abc import Awaitable, Callable, Mapping, Sequence
from types import ModuleType
from typing import TYPE_CHECKING, Any

from sqlalchemy import Row, delete, select

from tollway.contracts import events_pb2
from tollway.contracts.events import Event
from tollway.fabric.db import Database, Tx, tables
from tollway.fabric.rpc import call_context
from tollway.kit.errors import Problem
from tollway.kit.tasks import cancel, spawn

if TYPE_CHECKING:
    from tollway.contracts.events_pb2_grpc import EventsAsyncStub

_log = logging.getLogger(__name__)

# The service, its open transaction, and the event. A handler registered for `Event` itself receives every event, as the
# envelope (`events_pb2.EventEnvelope`) instead of the parsed event.
Handler = Callable[[Any, Tx, Any], Awaitable[None]]
Subscribers = Mapping[type[Any], Handler]

_WORD_START = re.compile(r"(?<!^)(?=[A-Z])")
BATCH = 100
WAIT_MS = 4_000
READ_TIMEOUT_S = 10.0
ATTEMPTS = 8
FIRST_DELAY_S = 0.1
MAX_DELAY_S = 10.0
LOOK_AGAIN_S = 5.0


def bind(declared: ModuleType | Subscribers, events: Sequence[type[Event]]) -> Subscribers:
    """Bind a service's functions `on_<event>` to the event classes that it declares; a mapping is bound already.

    An assertion fails when a function or an event is left over.
    """
    if not isinstance(declared, ModuleType):
        assert declared.keys() == set(events), "the subscribers do not fit the manifest"
        return declared
    functions = {name: function for name, function in vars(declared).items() if name.startswith("on_")}
    wanted = {f"on_{_WORD_START.sub('_', event.__name__).lower()}": event for event in events}
    assert functions.keys() == wanted.keys(), (
        f"{declared.__name__} does not fit its manifest: {sorted(functions.keys() ^ wanted.keys())}"
    )
    return {event: functions[name] for name, event in wanted.items()}


class EventConsumer:
    """Consumes events on behalf of one service: one reader for each source, each with its own durable position.

    `name` is the service's: its neighbours keep for it what it has not read.
    """

    def __init__(
        self,
        service: Any,
        database: Database,
        subscribers: Subscribers,
        sources: Mapping[str, "EventsAsyncStub"],
        name: str = "",
    ) -> None:
        self._service = service
        self._db = database
        self._subscribers = {
            event.topic: handler for event, handler in subscribers.items() if event is not Event
        }
        self._catch_all = subscribers.get(Event)
        self._sources = sources
        self._name = name
        self._readers: list[asyncio.Task[None]] = []

    async def start(self) -> None:
        """Begin to read every source where this service left off."""
        for source, events in self._sources.items():
            self._readers.append(spawn(self._follow(source, events), f"receive-{source}"))
        self._readers.append(spawn(self._look_again(), "receive-again"))

    async def stop(self) -> None:
        """Stop reading; an event in hand is either received whole or will be received again."""
        for reader in self._readers:
            await cancel(reader)
        self._readers.clear()

    async def _follow(self, source: str, events: "EventsAsyncStub") -> None:
        position = await self._position(source)
        delay_s = FIRST_DELAY_S
        while True:
            request = events_pb2.ReadRequest(service=source, after=position, limit=BATCH, wait_ms=WAIT_MS)
            try:
                answer = await events.Read(request, timeout=READ_TIMEOUT_S)
                position = await self._consume_batch(source, answer.events, position)
                delay_s = FIRST_DELAY_S
            except Problem as problem:
                # The source is away, or our own database is: both pass.
                _log.warning("consuming %s waits: %s", source, problem.detail)
                await asyncio.sleep(delay_s)
                delay_s = min(delay_s * 2, MAX_DELAY_S)

    async def _consume_batch(
        self, source: str, events: Sequence[events_pb2.EventEnvelope], position: int
    ) -> int:
        for event in events:
            if self._handler(event) is not None:
                await self._consume_with_retries(source, event)
            position = event.position
        if events and self._handler(events[-1]) is None:
            async with self._db.transaction() as tx:
                await self._move(tx, source, position)
        return position

    async def _consume_with_retries(self, source: str, event: events_pb2.EventEnvelope) -> None:
        delay_s = FIRST_DELAY_S
        for attempt in range(1, ATTEMPTS + 1):
            try:
                await self._consume(source, event)
            except Exception as error:  # noqa: BLE001
                # Any failure of a handler, expected or not, must neither stop the log nor lose the event.
                if attempt == ATTEMPTS:
                    _log.exception("%s from %s is parked after %d attempts", event.type, source, attempt)
                    await self._park(source, event, error)
                    return
                _log.warning("%s from %s failed (attempt %d): %s", event.type, source, attempt, error)
                await asyncio.sleep(delay_s)
                delay_s = min(delay_s * 2, MAX_DELAY_S)
            else:
                return

    async def _consume(self, source: str, event: events_pb2.EventEnvelope) -> None:
        handler = self._handler(event)
        assert handler is not None
        # What follows from an event is done in the name of who caused it.
        cause = call_context(
            user_id=event.actor,
            action=event.action,
            correlation_id=event.correlation_id,
            traceparent=event.traceparent,
        )
        with cause:
            await self._take_in(source, event, handler)

    async def _take_in(self, source: str, event: events_pb2.EventEnvelope, handler: Handler) -> None:
        async with self._db.transaction() as tx:
            seen = {"event_id": event.id, "source": source, "received_at_us": tx.now_us}
            fresh = await tx.run(tx.insert(tables.inbox).on_conflict_do_nothing(), seen)
            if fresh.rowcount:
                await handler(self._service, tx, self._parse(event))
            await tx.run(delete(tables.dead_letter).where(tables.dead_letter.c.event_id == event.id))
            await self._move(tx, source, event.position)

    async def _park(self, source: str, event: events_pb2.EventEnvelope, error: Exception) -> None:
        async with self._db.transaction() as tx:
            letter = {
                "event_id": event.id,
                "source": source,
                "type": event.type,
                "data": event.data_json,
                "error": repr(error)[:2000],
                "at_us": tx.now_us,
                "envelope": event.SerializeToString(),
                "again": False,
            }
            parked = tx.insert(tables.dead_letter).values(letter)
            await tx.run(parked.on_conflict_do_update(index_elements=["event_id"], set_=letter))
            await self._move(tx, source, event.position)

    # ── what was parked, and is to be received again ───────────────────────────────────────────────────

    async def retry_parked(self) -> int:
        """Consume each parked event once more that a person put back; return how many. A failing one is parked anew."""
        letter = tables.dead_letter
        async with self._db.snapshot() as tx:
            rows = await tx.all(select(letter).where(letter.c.again).order_by(letter.c.event_id).limit(BATCH))
        for row in rows:
            event = _event_of(row)
            try:
                if self._handler(event) is not None:
                    await self._consume(row.source, event)
            except Exception as error:  # noqa: BLE001  as above: whatever it is, the event stays with a person
                _log.warning("%s from %s failed again: %s", event.type, row.source, error)
                await self._park(row.source, event, error)
        return len(rows)

    async def _look_again(self) -> None:
        while True:
            try:
                await self.retry_parked()
            except Problem as problem:
                _log.warning("consuming again waits: %s", problem.detail)
            await asyncio.sleep(LOOK_AGAIN_S)

    def _handler(self, event: events_pb2.EventEnvelope) -> Handler | None:
        return self._subscribers.get(event.type, self._catch_all)

    def _parse(self, event: events_pb2.EventEnvelope) -> Any:
        if event.type not in self._subscribers:
            return event
        return Event.by_topic[event.type].model_validate_json(event.data_json)

    async def _position(self, source: str) -> int:
        async with self._db.snapshot() as tx:
            query = select(tables.consumer_offset.c.position).where(tables.consumer_offset.c.source == source)
            return await tx.scalar(query) or 0

    async def _move(self, tx: Tx, source: str, position: int) -> None:
        row = tx.insert(tables.consumer_offset).values(source=source, position=position)
        # Never backwards: another replica of this service may have read further.
        ahead = tables.consumer_offset.c.position < row.excluded.position
        await tx.run(
            row.on_conflict_do_update(index_elements=["source"], set_={"position": position}, where=ahead)
        )


def _event_of(row: Row[Any]) -> events_pb2.EventEnvelope:
    event = events_pb2.EventEnvelope.FromString(row.envelope)
    event.position = 0  # it was passed when the event was parked
    return event
