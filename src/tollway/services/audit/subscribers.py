"""Audit subscribes to everything."""

from tollway.contracts.events_pb2 import EventEnvelope
from tollway.fabric.db import Tx
from tollway.services.audit.model import record_of
from tollway.services.audit.service import Audit


async def on_event(service: Audit, tx: Tx, event: EventEnvelope) -> None:
    """Record an event of any kind; the envelope is enough, so unknown and future topics are kept too."""
    await service.record(tx, record_of(event))
