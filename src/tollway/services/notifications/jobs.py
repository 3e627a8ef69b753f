"""Durable work of notifications."""

from typing import Any

from tollway.services.notifications.service import Letter, Notifications


async def write_to_user(room: Notifications, payload: dict[str, Any]) -> None:
    """Write to a person by id, once their address is known."""
    await room.write_to(Letter(payload["key"], payload["template"], payload["params"], payload["user_id"]))


async def deliver_email(room: Notifications, payload: dict[str, Any]) -> None:
    """Hand a message to the mail server."""
    await room.deliver(payload["email_id"])


JOBS = {"write_to_user": write_to_user, "deliver_email": deliver_email}
