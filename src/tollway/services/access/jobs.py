"""Timed work of access: tidying up after nodes that vanished. There are no durable jobs."""

from tollway.fabric.jobs import Timed
from tollway.services.access.service import Access


async def close_abandoned(service: Access) -> None:
    """Close what vanished nodes left open, and give back what they held."""
    await service.cleanup.close_abandoned()


async def delete_ended(service: Access) -> None:
    """Delete leases that ended long ago."""
    await service.cleanup.delete_ended()


TIMED = {"close_abandoned": Timed(15.0, close_abandoned), "delete_ended": Timed(3600.0, delete_ended)}
