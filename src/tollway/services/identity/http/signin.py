"""Signing in: a cookie for a browser, tokens for a program."""

from typing import Literal

from fastapi import APIRouter, Request, Response
from pydantic import BaseModel, Field

from tollway.contracts.clients import BROWSER, DEVICE_COOKIE, PROGRAM, SESSION_COOKIE
from tollway.contracts.errors import (
    AccountDeleting,
    AccountLocked,
    AccountSuspended,
    BadLogin,
    EmailNotVerified,
    FactorRequired,
    SignInEnded,
)
from tollway.fabric.access_tokens import ACCESS_TTL_S
from tollway.fabric.rest import browser_session, permissions_of, route
from tollway.services.identity.http.views import OwnAccountView, PasswordCredentials, client_info, view_own
from tollway.services.identity.service import Identity

DEVICE_LIFE_S = 400 * 86_400  # browsers keep no cookie for longer


class SignInBody(PasswordCredentials):
    keep_account: bool = Field(
        False, description="Undo the deletion of the account, when it is going to be deleted"
    )


class SignedInView(BaseModel):
    user: OwnAccountView
    csrf_token: str = Field(
        description="Send it back in X-Tollway-Csrf with every request that changes something"
    )


class TokenView(BaseModel):
    """Tokens as OAuth 2.0 spells them (RFC 6749, section 5.1)."""

    access_token: str
    token_type: Literal["Bearer"] = "Bearer"  # noqa: S105
    expires_in: int
    refresh_token: str


SIGN_IN = (
    BadLogin,
    AccountDeleting,
    AccountLocked,
    AccountSuspended,
    EmailNotVerified,
    FactorRequired,
    SignInEnded,
)


def add_routes(routes: APIRouter, service: Identity) -> None:
    """Add the routes of signing in."""

    @routes.post(
        "/api/auth/login",
        tags=["auth"],
        **route(
            permission="public",
            limit="login",
            audit="auth:session:login",
            problems=SIGN_IN,
        ),
    )
    async def login(body: SignInBody, request: Request, response: Response) -> SignedInView:
        """Sign a browser in: it gets a session cookie that no script can read, and its present session ends."""
        before = await browser_session(request)
        signed_in = await service.signin.with_password(
            body.email, body.password, BROWSER, client_info(request), keep_account=body.keep_account
        )
        if before is not None:
            await service.sessions.replace(before.user_id, before.session_id)
        response.set_cookie(
            SESSION_COOKIE, signed_in.session.cookie, path="/", secure=True, httponly=True, samesite="lax"
        )
        response.set_cookie(
            DEVICE_COOKIE,
            service.devices.issue(signed_in.user),
            max_age=DEVICE_LIFE_S,
            path="/",
            secure=True,
            httponly=True,
            samesite="lax",
        )
        response.headers["Cache-Control"] = "no-store"
        user = signed_in.user
        shown = view_own(user, permissions_of(request, user.roles))
        return SignedInView(user=shown, csrf_token=signed_in.session.csrf_token)

    @routes.post(
        "/api/auth/token",
        tags=["auth"],
        **route(
            permission="public",
            limit="login",
            audit="auth:session:token",
            problems=SIGN_IN,
        ),
    )
    async def token(body: SignInBody, request: Request, response: Response) -> TokenView:
        """Sign a program in: it gets an access token and a refresh token."""
        signed_in = await service.signin.with_password(
            body.email, body.password, PROGRAM, client_info(request), keep_account=body.keep_account
        )
        response.headers["Cache-Control"] = "no-store"
        return TokenView(
            access_token=signed_in.session.access_token,
            expires_in=ACCESS_TTL_S,
            refresh_token=signed_in.session.refresh_token,
        )
