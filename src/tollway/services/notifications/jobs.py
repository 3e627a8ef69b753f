"""Durable and timed work of notifications."""

from typing import Any

from tollway.fabric.jobs import Timed
from tollway.services.notifications.service import EmailRequest, Notifications


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


JOBS = {"write_to_user": write_to_user, "deliver_email": deliver_email}
TIMED = {"delete_expired": Timed(every_s=3600, run=delete_expired)}
