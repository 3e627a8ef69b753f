"""Registering an account and confirming its e-mail address."""

from fastapi import APIRouter, Request
from pydantic import Field

from tollway.contracts.errors import LinkInvalid, PasswordNeeded
from tollway.fabric.rest import Body, route
from tollway.services.identity.http.views import (
    Accepted,
    AddressOnly,
    LinkToken,
    Password,
    PasswordCredentials,
    client_info,
)
from tollway.services.identity.service import Identity


class Verify(Body):
    token: LinkToken
    password: Password | None = Field(
        None,
        description="What the account's password shall be; without it the one of the registration. An address that "
        "was registered more than once needs it",
    )


def add_routes(routes: APIRouter, service: Identity) -> None:
    """Add the routes of registration."""

    @routes.post(
        "/api/auth/register",
        status_code=202,
        tags=["auth"],
        **route(permission="public", limit="login", audit="auth:user:register"),
    )
    async def register(body: PasswordCredentials, request: Request) -> Accepted:
        """Ask for an account. The answer is the same for every address; the rest comes by mail."""
        await service.signup.register(body.email, body.password, client_info(request).ip)
        return Accepted()

    @routes.post(
        "/api/auth/email/verify",
        status_code=204,
        tags=["auth"],
        **route(
            permission="public",
            limit="login",
            audit="auth:email:verify",
            problems=(LinkInvalid, PasswordNeeded),
        ),
    )
    async def verify(body: Verify, request: Request) -> None:
        """Confirm the address with the token from the mail, and choose the account's password."""
        await service.signup.verify(body.token, body.password, client_info(request).ip)

    @routes.post(
        "/api/auth/email/resend",
        status_code=202,
        tags=["auth"],
        **route(permission="public", limit="login", audit="auth:email:resend"),
    )
    async def resend(body: AddressOnly) -> Accepted:
        """Ask for the verification mail again."""
        await service.signup.resend(body.email)
        return Accepted()
