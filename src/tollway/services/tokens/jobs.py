"""Timed work of the tokens service."""

from tollway.fabric.jobs import Timed
from tollway.services.tokens.service import Tokens


async def maintain(service: Tokens) -> None:
    """Replace signing keys that are old; forget sessions and revocations that are long over."""
    await service.maintain()


TIMED = {"maintain": Timed(every_s=600, run=maintain)}
