"""Timed work of the tokens room."""

from tollway.fabric.jobs import Timed
from tollway.services.tokens.service import Tokens


async def tend(room: Tokens) -> None:
    """Replace signing keys that are old; forget sessions and revocations that are long over."""
    await room.tend()


TIMED = {"tend": Timed(every_s=600, run=tend)}
