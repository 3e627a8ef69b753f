"""Durable work of the users service."""

from typing import Any

from tollway.fabric.jobs import Jobs
from tollway.fabric.user_data import ERASE, erase
from tollway.services.users.service import Users
from tollway.services.users.user_data import USER_TABLES


async def erase_user(service: Users, payload: dict[str, Any]) -> None:
    """Erase what is kept of somebody who has left."""
    await erase(service.db, USER_TABLES, payload["user_id"])


JOBS: Jobs = {ERASE: erase_user}
