"""Registering an account and confirming its e-mail address."""

from fastapi import APIRouter

from tollway.fabric.rest import Body, route
from tollway.services.identity.http.views import Accepted, AddressOnly, LinkToken, PasswordCredentials
from tollway.services.identity.service import Identity


class Verify(Body):
    token: LinkToken


def add_routes(routes: APIRouter, service: Identity) -> None:
    """Add the routes of registration."""

    @routes.post(
        "/api/auth/register",
        status_code=202,
        tags=["auth"],
        **route(permission="public", limit="login", audit="auth:user:register"),
    )
    async def register(body: PasswordCredentials) -> Accepted:
        """Ask for an account. The answer is the same for every address; the rest comes by mail."""
        await service.signup.register(body.email, body.password)
        return Accepted()

    @routes.post(
        "/api/auth/email/verify",
        status_code=204,
        tags=["auth"],
        **route(permission="public", limit="login", audit="auth:email:verify"),
    )
    async def verify(body: Verify) -> None:
        """Confirm the address with the token from the mail."""
        await service.signup.verify(body.token)

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
