"""Timed work of access: tidying up after nodes that vanished. There are no durable jobs."""

from tollway.fabric.jobs import Timed
from tollway.services.access.service import Access


async def sweep(room: Access) -> None:
    """Close what vanished nodes left open, and give back what they held."""
    await room.charging.sweep()


async def forget(room: Access) -> None:
    """Delete leases that ended long ago."""
    await room.charging.forget()


TIMED = {"sweep": Timed(15.0, sweep), "forget": Timed(3600.0, forget)}
