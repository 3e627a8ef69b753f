"""Audit hears everything."""

from tollway.contracts.events import Event
from tollway.contracts.facts_pb2 import Fact
from tollway.fabric.db import Tx
from tollway.services.audit.model import happening
from tollway.services.audit.service import Audit


async def on_anything(room: Audit, tx: Tx, fact: Fact) -> None:
    """Record a fact, whatever it is; the envelope is enough, so unknown and future topics are kept too."""
    what = happening(
        event_id=fact.id,
        topic=fact.type,
        source=fact.source,
        subject=fact.subject,
        at_us=fact.at_us,
        correlation_id=fact.correlation_id,
        data_json=fact.data_json,
    )
    await room.record(tx, what)


HEARS = {Event: on_anything}
