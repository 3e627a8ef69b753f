"""Setting a new password with a link from a mail."""

from fastapi import APIRouter, Request

from tollway.contracts.errors import LinkInvalid
from tollway.fabric.rest import Body, route
from tollway.services.identity.http.views import Accepted, AddressOnly, LinkToken, Password, client_info
from tollway.services.identity.service import Identity


class Reset(Body):
    token: LinkToken
    new_password: Password


def add_routes(routes: APIRouter, service: Identity) -> None:
    """Add the routes of password recovery."""

    @routes.post(
        "/api/auth/password/forgot",
        status_code=202,
        tags=["auth"],
        **route(permission="public", limit="login", audit="auth:password:forgot"),
    )
    async def forgot(body: AddressOnly) -> Accepted:
        """Ask for a link to set a new password."""
        await service.recovery.forgot(body.email)
        return Accepted()

    @routes.post(
        "/api/auth/password/reset",
        status_code=204,
        tags=["auth"],
        **route(permission="public", limit="login", audit="auth:password:reset", problems=(LinkInvalid,)),
    )
    async def reset(body: Reset, request: Request) -> None:
        """Set a new password with the token from the mail. Every session and every proxy credential ends."""
        await service.recovery.reset(body.token, body.new_password, client_info(request).ip)
