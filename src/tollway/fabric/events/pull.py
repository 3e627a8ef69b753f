"""Events without a broker: a service's outbox is read through the `Events` API by those who subscribe to it.

In one process a read is a direct await, across processes it is gRPC.
"""

from collections.abc import AsyncGenerator, Collection, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from tollway.contracts import events_pb2, events_pb2_grpc
from tollway.fabric.events.ports import EventOutbox
from tollway.fabric.rpc import current
from tollway.kit.errors import Forbidden, NotFound

if TYPE_CHECKING:
    from tollway.contracts.events_pb2_grpc import EventsAsyncStub

BATCH = 100
WAIT_S = 30.0
# Above the wait, so that only a source that is away runs into it.
READ_TIMEOUT_S = 40.0


class PulledEvents:
    """An `EventSource`: reads a service's outbox, which waits with its answer until there is an event."""

    def __init__(self, service: str, api: "EventsAsyncStub") -> None:
        self._service, self._api = service, api

    async def follow(self, after: int) -> AsyncGenerator[Sequence[events_pb2.EventEnvelope]]:
        """Yield what was published after a position in batches, then what is new as it comes, without end."""
        while True:
            request = events_pb2.ReadRequest(
                service=self._service, after=after, limit=BATCH, wait_ms=int(WAIT_S * 1000)
            )
            answer = await self._api.Read(request, timeout=READ_TIMEOUT_S)
            if answer.events:
                after = answer.events[-1].position
                yield answer.events


class OutboxServer(events_pb2_grpc.EventsServicer):
    """An `EventPublisher`: serves the outboxes of the services in this process."""

    def __init__(self, subscribers: Mapping[str, Collection[str]] | None = None) -> None:
        """`subscribers` are the callers that may read each service's events; None: everybody."""
        self._outboxes: dict[str, EventOutbox] = {}
        self._subscribers = subscribers

    def add(self, service: str, outbox: EventOutbox) -> None:
        """Publish from now on what appears in a service's outbox."""
        self._outboxes[service] = outbox

    async def Read(self, request: events_pb2.ReadRequest, context: Any) -> events_pb2.ReadResponse:  # noqa: ARG002, N802
        """Return the events after a position.

        Raises NotFound for a service that is not here, Forbidden for a caller that does not subscribe to it.
        """
        caller = current().caller_service
        if self._subscribers is not None and caller not in self._subscribers.get(request.service, ()):
            raise Forbidden(f"{caller or 'an unnamed caller'} does not subscribe to {request.service}")
        outbox = self._outboxes.get(request.service)
        if outbox is None:
            raise NotFound(f"the service {request.service!r} publishes nothing here; check the topology")
        if caller:
            await outbox.acknowledge(caller, request.after)
        events = await outbox.read(request.after, request.limit, request.wait_ms / 1000)
        return events_pb2.ReadResponse(events=events)
