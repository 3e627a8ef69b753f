"""Events: how what one service publishes reaches the services that subscribe.

A service's outbox (`EventOutbox`) is a numbered log. An `EventPublisher` makes it available, an `EventConsumer` follows
its neighbours through an `EventSource` each, and keeps in its `EventInbox` its own durable position in each. Without a
broker the source reads the outbox through the `Events` API (`pull`).

Promises: every committed event is received at least once, in order for each subject; a handler runs in a
transaction of the consuming service that also records the event's id, so a repeat changes nothing; a handler that
keeps failing is retried with growing delay, then the event is parked in `dead_letter` and the rest goes on.
"""

from tollway.fabric.events.consumer import EventConsumer, Subscribers, bind
from tollway.fabric.events.ports import EventInbox, EventOutbox, EventPublisher, EventSource

__all__ = [
    "EventConsumer",
    "EventInbox",
    "EventOutbox",
    "EventPublisher",
    "EventSource",
    "Subscribers",
    "bind",
]
