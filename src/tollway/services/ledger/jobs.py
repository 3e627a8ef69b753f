"""Timed work of the ledger: ending what is over, and sealing what was committed."""

from tollway.fabric.jobs import Jobs, Timed
from tollway.services.ledger.service import Ledger


async def expire(room: Ledger) -> None:
    """End holds and lots whose time is over."""
    await room.expire()


async def seal(room: Ledger) -> None:
    """Chain and sign the transactions since the last seal."""
    await room.seal()


JOBS: Jobs = {}
TIMED = {"expire": Timed(every_s=1, run=expire), "seal": Timed(every_s=2, run=seal)}
