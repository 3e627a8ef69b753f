"""Events as ports: what a service published, how it gets to a subscriber, and what the subscriber has taken in."""

from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from typing import Any, NamedTuple, Protocol

from tollway.contracts.events_pb2 import EventEnvelope


class EventOutbox(Protocol):
    """The events of one service, which its transactions left with `tx.publish`, numbered in the order of commit."""

    async def read(self, after: int, limit: int, wait_s: float) -> Sequence[EventEnvelope]:
        """Return up to `limit` events after a position, as soon as there is one, or none after `wait_s`.

        A `limit` of 0 means as many as one answer may hold.
        """
        ...

    async def acknowledge(self, reader: str, position: int) -> None:
        """Note that a reader has taken in everything up to a position; retention keeps for it what comes after."""
        ...


class EventPublisher(Protocol):
    """Makes what is in the outboxes of the services of this process available to their subscribers."""

    def add(self, service: str, outbox: EventOutbox) -> None:
        """Publish from now on what appears in a service's outbox."""
        ...


class EventSource(Protocol):
    """The events of one service, as one subscriber follows them."""

    def follow(self, after: int) -> AsyncGenerator[Sequence[EventEnvelope]]:
        """Yield what was published after a position in batches, then what is new as it comes, without end.

        Every event comes at least once, those of one subject in order. Whoever takes the next batch has taken in the
        one before. Raises Unavailable when the source cannot be reached; then it is followed anew.
        """
        ...


class ParkedEvent(NamedTuple):
    """An event that handlers refused too often, and where it was read."""

    source: str
    event: EventEnvelope


class EventInbox(Protocol):
    """How far a service has read each source, which events it has taken in, and which wait for a person."""

    async def position(self, source: str) -> int:
        """Return the position in a source's log up to which everything was taken in, parked or passed over."""
        ...

    async def take_in(
        self, source: str, event: EventEnvelope, handle: Callable[[Any], Awaitable[None]]
    ) -> None:
        """Run `handle(tx)` and note the event and its position, all in one transaction.

        An event that was taken in before is not handled again. Whatever `handle` raises undoes all of it.
        """
        ...

    async def pass_over(self, source: str, position: int) -> None:
        """Note a position whose event nobody here handles. A position never moves backwards."""
        ...

    async def park(self, source: str, event: EventEnvelope, reason: str) -> None:
        """Keep an event for a person (`fabric.dead_letters`) and pass it over."""
        ...

    async def put_back(self, limit: int) -> Sequence[ParkedEvent]:
        """Return up to `limit` parked events that a person put back, in the order in which they were published."""
        ...
