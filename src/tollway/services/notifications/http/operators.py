"""What was written to a customer, for operators."""

from typing import Annotated

from fastapi import APIRouter, Query
from pydantic import BaseModel, Field

from tollway.fabric.rest import Paging, UserPath, route
from tollway.services.notifications.http.customer import MessageView, message_fields
from tollway.services.notifications.model import State
from tollway.services.notifications.service import Notifications

StateQuery = Annotated[State | None, Query(description="In this state only")]


class SentMessageView(MessageView):
    """A message, how often it was tried to send it, and why it failed."""

    address: Annotated[str, Field(description="To which address it was, or will be, sent")]
    attempts: Annotated[int, Field(description="How often it was handed to the mail server")]
    error: Annotated[
        str | None, Field(description="What the mail server last said; null when nothing failed")
    ]


class SentMessageList(BaseModel):
    items: list[SentMessageView]
    next_cursor: str


def add_routes(api: APIRouter, service: Notifications) -> None:
    """Add the operators' routes."""

    @api.get(
        "/api/admin/users/{user_id}/messages",
        tags=["operators"],
        **route(permission="messages:read", owner="any"),
    )
    async def customers_messages(
        user_id: UserPath, page: Paging, state: StateQuery = None
    ) -> SentMessageList:
        """List the e-mails to a customer, newest first, with what became of each."""
        found = await service.messages_of(user_id, page.limit, page.cursor, state=state)
        items = [
            SentMessageView(
                **message_fields(one), address=one.address, attempts=one.attempts, error=one.error or None
            )
            for one in found.items
        ]
        return SentMessageList(items=items, next_cursor=found.next_cursor)
