"""Timed work of the tokens service."""

from tollway.fabric.jobs import Timed
from tollway.services.tokens.service import Tokens


async def maintain(service: Tokens) -> None:
    """Replace signing keys that are old; delete sessions and revocations that ended long ago."""
    await service.maintain()


TIMED = {"maintain": Timed(every_s=600, run=maintain)}
