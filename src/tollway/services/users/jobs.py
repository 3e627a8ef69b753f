"""Durable and timed work of the users service."""

from typing import Any

from tollway.fabric.jobs import Jobs, Timed
from tollway.fabric.user_data import ERASE, erase
from tollway.services.users.service import Users
from tollway.services.users.service.exports import MAKE_EXPORT
from tollway.services.users.user_data import USER_TABLES


async def erase_user(service: Users, payload: dict[str, Any]) -> None:
    """Erase what is kept of somebody who has left."""
    await service.exports.delete_all(payload["user_id"])
    await erase(service.db, USER_TABLES, payload["user_id"])


async def make_export(service: Users, payload: dict[str, Any]) -> None:
    """Make a file with all that the platform keeps of somebody, for them."""
    await service.exports.make(payload["id"])


async def delete_expired(service: Users) -> None:
    """Delete exports whose days are over."""
    await service.exports.delete_expired()


JOBS: Jobs = {ERASE: erase_user, MAKE_EXPORT: make_export}
TIMED = {"delete_expired": Timed(every_s=3600, run=delete_expired)}
