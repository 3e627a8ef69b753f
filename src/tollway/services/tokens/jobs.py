"""Durable and timed work of the tokens service."""

from typing import Any

from tollway.fabric.jobs import Timed
from tollway.fabric.user_data import ERASE, erase
from tollway.services.tokens.service import Tokens
from tollway.services.tokens.user_data import USER_TABLES


async def maintain(service: Tokens) -> None:
    """Replace signing keys that are old; delete sessions and revocations that ended long ago."""
    await service.maintain()


async def erase_user(service: Tokens, payload: dict[str, Any]) -> None:
    """Erase what is kept of somebody who has left."""
    await erase(service.db, USER_TABLES, payload["user_id"])


JOBS = {ERASE: erase_user}
TIMED = {"maintain": Timed(every_s=600, run=maintain)}
