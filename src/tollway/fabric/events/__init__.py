"""Events: how what one service publishes reaches the services that subscribe.

A service's outbox is a numbered log. `OutboxReader` lets others read it through the `Events` API; an `EventConsumer`
reads its neighbours' logs and keeps its own durable position in each. In one process a read is a direct await, across
processes it is gRPC: a split needs no broker.

Promises: every committed event is received at least once, in order for each subject; a handler runs in a
transaction of the consuming service that also records the event's id, so a repeat changes nothing; a handler that
keeps failing is retried with growing delay, then the event is parked in `dead_letter` and the rest goes on.
"""

from tollway.fabric.events.consumer import EventConsumer, Subscribers, bind
from tollway.fabric.events.outbox_reader import EventsRpc, OutboxReader

__all__ = ["EventConsumer", "EventsRpc", "OutboxReader", "Subscribers", "bind"]
