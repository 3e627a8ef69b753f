"""What several subjects share: fields of request bodies, the view of an account, and who the client is."""

from collections.abc import Sequence
from typing import Annotated

from fastapi import Request
from pydantic import BaseModel, ConfigDict, Field

from tollway.contracts.clients import DEVICE_COOKIE
from tollway.contracts.permissions import Role
from tollway.fabric.rest import Body, UtcTime
from tollway.fabric.rest.forwarded import caller_address
from tollway.services.identity.model import MAX_PASSWORD, SignInClient, State, User, read_client_info

Email = Annotated[str, Field(min_length=3, max_length=320, examples=["ann@example.com"])]
Password = Annotated[str, Field(min_length=1, max_length=MAX_PASSWORD, examples=["correct horse battery"])]
LinkToken = Annotated[str, Field(min_length=1, max_length=100)]


class PasswordCredentials(Body):
    email: Email
    password: Password


class AddressOnly(Body):
    email: Email


class Accepted(BaseModel):
    detail: str = "If this address can be used, a message is on its way to it."


class UserView(BaseModel):
    model_config = ConfigDict(from_attributes=True, populate_by_name=True)

    id: str
    email: str
    email_verified: bool
    roles: list[Role]
    state: State
    created_at: UtcTime = Field(validation_alias="created_at_us")


class OwnAccountView(UserView):
    """An account as its owner sees it."""

    permissions: list[str] = Field(description="What may be asked of the API, such as `orders:read`")


def view_own(user: User, permissions: Sequence[str]) -> OwnAccountView:
    """Return an account as the API shows it to its owner."""
    return OwnAccountView(**dict(view_user(user)), permissions=list(permissions))


def view_user(user: User) -> UserView:
    """Return an account as the API shows it."""
    return UserView.model_validate(user)


def client_info(request: Request) -> SignInClient:
    """Return where a request came from, and with what."""
    return read_client_info(
        caller_address(request),
        request.headers.get("user-agent", ""),
        request.cookies.get(DEVICE_COOKIE, ""),
    )
