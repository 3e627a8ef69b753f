"""Timed work of access: tidying up after nodes that vanished. There are no durable jobs."""

from tollway.fabric.jobs import Timed
from tollway.services.access.service import Access


async def sweep(service: Access) -> None:
    """Close what vanished nodes left open, and give back what they held."""
    await service.charging.sweep()


async def forget(service: Access) -> None:
    """Delete leases that ended long ago."""
    await service.charging.forget()


TIMED = {"sweep": Timed(15.0, sweep), "forget": Timed(3600.0, forget)}
