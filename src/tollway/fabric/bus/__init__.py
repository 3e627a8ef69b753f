"""The bus: how facts reach the rooms that hear them.

A room's outbox is its log. `FactsLog` lets others read it through the `Facts` door; a `Listener` reads its
neighbours' logs and keeps its own durable position in each. In one process a read is a direct await, across
processes it is gRPC: a split needs no broker.

Promises: every committed fact is heard at least once, in order for each subject; a handler runs in a
transaction of the hearing room that also records the fact's id, so a repeat changes nothing; a handler that
keeps failing is retried with growing delay, then the fact is parked in `dead_letter` and the rest goes on.
"""

from tollway.fabric.bus.listener import Hears, Listener
from tollway.fabric.bus.log import FactsLog, FactsRpc

__all__ = ["FactsLog", "FactsRpc", "Hears", "Listener"]
