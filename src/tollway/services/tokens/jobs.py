"""Timed work of the tokens service."""

from tollway.fabric.jobs import Timed
from tollway.services.tokens.service import Tokens


async def tend(service: Tokens) -> None:
    """Replace signing keys that are old; forget sessions and revocations that are long over."""
    await service.tend()


TIMED = {"tend": Timed(every_s=600, run=tend)}
