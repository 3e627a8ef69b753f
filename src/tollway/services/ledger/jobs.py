"""Timed work of the ledger: ending what is over, and sealing what was committed."""

from tollway.fabric.jobs import Jobs, Timed
from tollway.services.ledger.service import Ledger


async def expire(service: Ledger) -> None:
    """End holds and lots whose time is over."""
    await service.expire()


async def seal(service: Ledger) -> None:
    """Chain and sign the transactions since the last seal."""
    await service.seal()


JOBS: Jobs = {}
TIMED = {"expire": Timed(every_s=1, run=expire), "seal": Timed(every_s=2, run=seal)}
