"""What a link from a mail completes: a new password, a new address or its refusal, an account that is kept."""

from fastapi import APIRouter, Request

from tollway.contracts.errors import AddressTaken, LinkInvalid
from tollway.fabric.rest import Body, route
from tollway.services.identity.http.views import Accepted, AddressOnly, LinkToken, Password, client_info
from tollway.services.identity.service import Identity


class Reset(Body):
    token: LinkToken
    new_password: Password


class FollowLink(Body):
    token: LinkToken


def add_routes(routes: APIRouter, service: Identity) -> None:
    """Add the routes of links from mails."""

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

    _add_links(routes, service)


def _add_links(routes: APIRouter, service: Identity) -> None:
    @routes.post(
        "/api/auth/email/change",
        status_code=204,
        tags=["auth"],
        **route(
            permission="public",
            limit="login",
            audit="auth:email:change_complete",
            problems=(LinkInvalid, AddressTaken),
        ),
    )
    async def complete_change(body: FollowLink) -> None:
        """Give an account its new address with the token of the mail to it."""
        await service.email_change.complete(body.token)

    @routes.post(
        "/api/auth/email/refuse",
        status_code=204,
        tags=["auth"],
        **route(
            permission="public",
            limit="login",
            audit="auth:email:change_refuse",
            problems=(LinkInvalid, AddressTaken),
        ),
    )
    async def refuse_change(body: FollowLink) -> None:
        """Refuse a change of the address, or undo it, with the token of the mail to the old address.

        Every session and every proxy credential ends, and the password works no more; a link to choose another is
        mailed.
        """
        await service.email_change.refuse(body.token)

    @routes.post(
        "/api/auth/deletion/undo",
        status_code=204,
        tags=["auth"],
        **route(permission="public", limit="login", audit="auth:user:keep", problems=(LinkInvalid,)),
    )
    async def keep_account(body: FollowLink) -> None:
        """Keep an account that is going to be deleted, with the token of the mail about it."""
        await service.leaving.keep(body.token)
