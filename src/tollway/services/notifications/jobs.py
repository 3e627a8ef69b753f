"""Durable and timed work of notifications."""

from typing import Any

from tollway.fabric.jobs import Timed
from tollway.fabric.user_data import ERASE, erase
from tollway.services.notifications.service import EmailRequest, Notifications
from tollway.services.notifications.user_data import USER_TABLES


async def write_to_user(service: Notifications, payload: dict[str, Any]) -> None:
    """Write to a person by id, once their address is known."""
    await service.write_to(
        EmailRequest(payload["key"], payload["template"], payload["params"], payload["user_id"])
    )


async def deliver_email(service: Notifications, payload: dict[str, Any]) -> None:
    """Hand a message to the mail server."""
    await service.deliver(payload["email_id"])


async def delete_expired(service: Notifications) -> None:
    """Delete messages of long ago."""
    await service.delete_expired()


async def erase_user(service: Notifications, payload: dict[str, Any]) -> None:
    """Erase what is kept of somebody who has left. What waits to be sent goes when it was sent."""
    await erase(service.db, USER_TABLES, payload["user_id"])


JOBS = {"write_to_user": write_to_user, "deliver_email": deliver_email, ERASE: erase_user}
TIMED = {"delete_expired": Timed(every_s=3600, run=delete_expired)}
