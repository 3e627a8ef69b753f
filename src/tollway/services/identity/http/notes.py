"""What operators note about a customer."""

from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict, Field

from tollway.contracts.errors import IdempotencyKeyReused
from tollway.fabric.rest import PRINTABLE, Body, CurrentUser, IdempotencyKey, Paging, UserPath, UtcTime, route
from tollway.kit.errors import Conflict, Invalid, NotFound
from tollway.services.identity.service import Identity


class NewNote(Body):
    """Something to note."""

    text: str = Field(
        min_length=1,
        max_length=2_000,
        pattern=PRINTABLE,
        description="What other operators should know; the customer finds it in an export of their data",
    )


class NoteView(BaseModel):
    """A note and who wrote it."""

    model_config = ConfigDict(from_attributes=True)

    id: str
    author_id: str = Field(description="The operator who wrote it, `usr_…`")
    text: str = Field(description="What it says")
    created_at: UtcTime = Field(validation_alias="created_at_us")


class NoteList(BaseModel):
    items: list[NoteView]
    next_cursor: str


def add_routes(routes: APIRouter, service: Identity) -> None:
    """Add the routes."""

    @routes.get(
        "/api/admin/users/{user_id}/notes",
        tags=["operators"],
        **route(permission="notes:read", owner="any"),
    )
    async def notes(user_id: UserPath, page: Paging) -> NoteList:
        """List what operators noted about a customer, newest first."""
        found = await service.notes.list(user_id, page.limit, page.cursor)
        return NoteList(
            items=[NoteView.model_validate(one) for one in found.items], next_cursor=found.next_cursor
        )

    @routes.post(
        "/api/admin/users/{user_id}/notes",
        status_code=201,
        tags=["operators"],
        **route(
            permission="notes:manage",
            owner="any",
            audit="users:note:add",
            problems=(Conflict, NotFound, IdempotencyKeyReused),
        ),
    )
    async def add_note(user_id: UserPath, body: NewNote, who: CurrentUser, key: IdempotencyKey) -> NoteView:
        """Note something about a customer. It is erased with them."""
        if not (text := body.text.strip()):
            raise Invalid.of("text", "must not be blank")
        return NoteView.model_validate(await service.notes.add(user_id, who.user_id, text, key))
