"""What a customer sees of their messages, and which they want."""

from typing import Any, Literal

from fastapi import APIRouter
from pydantic import BaseModel

from tollway.fabric.rest import (
    Body,
    CurrentUser,
    Paging,
    UtcTime,
    route,
)
from tollway.services.notifications.model import Email, State
from tollway.services.notifications.service import Notifications
from tollway.services.notifications.templates import Category


class MessageView(BaseModel):
    """A message that was sent to the customer, or will be."""

    id: str
    channel: Literal["email"]
    template: str
    subject: str
    state: State
    created_at: UtcTime
    sent_at: UtcTime | None


class MessageList(BaseModel):
    items: list[MessageView]
    next_cursor: str


class Choices(BaseModel):
    """Which kinds of e-mail the customer gets. Those about the account's security are always sent."""

    email: dict[Category, bool]


class ChoicesWanted(Body):
    email: dict[Category, bool]


def add_routes(api: APIRouter, service: Notifications) -> None:
    """Add the routes under /api/notifications."""

    @api.get("/api/notifications", tags=["notifications"], **route(permission="notifications:read"))
    async def messages(who: CurrentUser, page: Paging) -> MessageList:
        """List your own messages, newest first."""
        found = await service.messages_of(who.user_id, page.limit, page.cursor)
        return MessageList(
            items=[MessageView(**message_fields(email)) for email in found.items],
            next_cursor=found.next_cursor,
        )

    @api.get("/api/notifications/settings", tags=["notifications"], **route(permission="notifications:read"))
    async def settings(who: CurrentUser) -> Choices:
        """Return which kinds of e-mail you get."""
        return Choices.model_validate({"email": await service.preferences_of(who.user_id)})

    @api.post(
        "/api/notifications/settings",
        tags=["notifications"],
        **route(permission="notifications:write", audit="notifications:settings:change"),
    )
    async def change(body: ChoicesWanted, who: CurrentUser) -> Choices:
        """Change which kinds of e-mail you get; kinds that are left out stay as they are."""
        changed = await service.change_preferences(
            who.user_id, {str(kind): want for kind, want in body.email.items()}
        )
        return Choices.model_validate({"email": changed})


def message_fields(email: Email) -> dict[str, Any]:
    """Return what every view of a message shows."""
    return {
        "id": email.id,
        "channel": "email",
        "template": email.template,
        "subject": email.subject,
        "state": email.state,
        "created_at": email.created_at_us,
        "sent_at": email.ended_us if email.state == "sent" else None,
    }
