"""Follows the event sources that a service subscribes to and calls its handlers."""

import asyncio
import logging
import re
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import AbstractContextManager, aclosing
from functools import partial
from types import ModuleType
from typing import Any

from tollway.contracts.events import Event
from tollway.contracts.events_pb2 import EventEnvelope
from tollway.fabric.backoff import Backoff
from tollway.fabric.events.ports import EventInbox, EventSource
from tollway.fabric.metrics import EVENTS
from tollway.fabric.rpc import call_context
from tollway.fabric.rpc.call import Call
from tollway.kit.errors import Problem
from tollway.kit.tasks import cancel, spawn

_log = logging.getLogger(__name__)

# The service, its open transaction, and the event. A handler registered for `Event` itself receives every event, as the
# envelope (`events_pb2.EventEnvelope`) instead of the parsed event.
Handler = Callable[[Any, Any, Any], Awaitable[None]]
Subscribers = Mapping[type[Any], Handler]

_WORD_START = re.compile(r"(?<!^)(?=[A-Z])")
ATTEMPTS = 8
BACKOFF = Backoff(first_s=0.1, limit_s=10)
RETRY_BATCH = 100
# A person puts a parked event back from another process (`tollway dead-letters`), which cannot wake this one.
RETRY_EVERY_S = 15.0


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
    """Consumes events on behalf of one service: one task for each source, each with its own durable position."""

    def __init__(
        self,
        service: Any,
        inbox: EventInbox,
        subscribers: Subscribers,
        sources: Mapping[str, EventSource],
        service_name: str = "",
    ) -> None:
        self._service, self._service_name = service, service_name
        self._inbox = inbox
        self._subscribers = {
            event.topic: handler for event, handler in subscribers.items() if event is not Event
        }
        self._catch_all = subscribers.get(Event)
        self._sources = sources
        self._tasks: list[asyncio.Task[None]] = []

    async def start(self) -> None:
        """Begin to consume every source where this service left off."""
        for name, source in self._sources.items():
            self._tasks.append(spawn(self._follow(name, source), f"consume-{name}"))
        self._tasks.append(spawn(self._retry_put_back(), "consume-parked"))

    async def stop(self) -> None:
        """Stop consuming; an event in hand is either taken in whole or will be received again."""
        for task in self._tasks:
            await cancel(task)
        self._tasks.clear()

    async def _follow(self, name: str, source: EventSource) -> None:
        failures = 0
        while True:
            try:
                position = await self._inbox.position(name)
                async with aclosing(source.follow(position)) as batches:
                    async for events in batches:
                        await self._consume_batch(name, events)
                        failures = 0
            except Problem as problem:
                # The source is away, or our own database is: both pass.
                _log.warning("consuming %s waits: %s", name, problem.detail)
            failures += 1
            await asyncio.sleep(BACKOFF.delay_s(failures))

    async def _consume_batch(self, source: str, events: Sequence[EventEnvelope]) -> None:
        for event in events:
            if self._handler(event) is not None:
                await self._consume_with_retries(source, event)
        if events and self._handler(events[-1]) is None:
            await self._inbox.pass_over(source, events[-1].position)

    async def _consume_with_retries(self, source: str, event: EventEnvelope) -> None:
        with _cause(event):
            await self._try_until_parked(source, event)

    async def _try_until_parked(self, source: str, event: EventEnvelope) -> None:
        for attempt in range(1, ATTEMPTS + 1):
            try:
                await self._consume(source, event)
            except Exception as error:  # noqa: BLE001
                # Any failure of a handler, expected or not, must neither stop the log nor lose the event.
                if attempt == ATTEMPTS:
                    _log.exception("%s from %s is parked after %d attempts", event.type, source, attempt)
                    await self._inbox.park(source, event, repr(error))
                    self._count(source, event, "parked")
                    return
                _log.warning("%s from %s failed (attempt %d): %s", event.type, source, attempt, error)
                self._count(source, event, "retried")
                await asyncio.sleep(BACKOFF.delay_s(attempt))
            else:
                return

    async def _consume(self, source: str, event: EventEnvelope) -> None:
        handler = self._handler(event)
        assert handler is not None
        await self._inbox.take_in(source, event, partial(self._handle, handler, event))
        self._count(source, event, "handled")

    async def _handle(self, handler: Handler, event: EventEnvelope, tx: Any) -> None:
        await handler(self._service, tx, self._parse(event))

    # ── what was parked, and is to be consumed again ───────────────────────────────────────────────────

    async def retry_parked(self) -> int:
        """Consume each parked event once more that a person put back; return how many. A failing one is parked anew."""
        parked = await self._inbox.put_back(RETRY_BATCH)
        for source, event in parked:
            with _cause(event):
                await self._try_once(source, event)
        return len(parked)

    async def _try_once(self, source: str, event: EventEnvelope) -> None:
        try:
            if self._handler(event) is not None:
                await self._consume(source, event)
        except Exception as error:  # noqa: BLE001  as above: whatever it is, the event stays with a person
            _log.warning("%s from %s failed again: %s", event.type, source, error)
            await self._inbox.park(source, event, repr(error))
            self._count(source, event, "parked")

    def _count(self, source: str, event: EventEnvelope, outcome: str) -> None:
        EVENTS.labels(self._service_name, source, event.type, outcome).inc()

    async def _retry_put_back(self) -> None:
        while True:
            try:
                await self.retry_parked()
            except Problem as problem:
                _log.warning("consuming again waits: %s", problem.detail)
            await asyncio.sleep(RETRY_EVERY_S)

    def _handler(self, event: EventEnvelope) -> Handler | None:
        return self._subscribers.get(event.type, self._catch_all)

    def _parse(self, event: EventEnvelope) -> Any:
        if event.type not in self._subscribers:
            return event
        return Event.by_topic[event.type].model_validate_json(event.data_json)


def _cause(event: EventEnvelope) -> AbstractContextManager[Call]:
    """Make the context in which an event is consumed: what follows from it is done in the name of who caused it."""
    return call_context(
        user_id=event.actor,
        action=event.action,
        correlation_id=event.correlation_id,
        traceparent=event.traceparent,
    )
