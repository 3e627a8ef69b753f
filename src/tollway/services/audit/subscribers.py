"""Audit subscribes to everything."""

from tollway.contracts.events_pb2 import EventEnvelope
from tollway.fabric.db import Tx
from tollway.services.audit.model import happening
from tollway.services.audit.service import Audit


async def on_event(service: Audit, tx: Tx, event: EventEnvelope) -> None:
    """Record an event of any kind; the envelope is enough, so unknown and future topics are kept too."""
    what = happening(
        event_id=event.id,
        topic=event.type,
        source=event.source,
        subject=event.subject,
        at_us=event.at_us,
        correlation_id=event.correlation_id,
        data_json=event.data_json,
    )
    await service.record(tx, what)
