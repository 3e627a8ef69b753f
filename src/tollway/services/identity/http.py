"""The REST side of accounts and logins."""

from pathlib import Path
from typing import Annotated

from fastapi import APIRouter, Query, Request, Response
from fastapi.responses import HTMLResponse
from pydantic import BaseModel, Field

from tollway.fabric.access_tokens import ACCESS_TTL_S
from tollway.fabric.rest import PRINTABLE, Body, CurrentUser, UtcTime, browser_session, policy
from tollway.kit.paging import DEFAULT_LIMIT, MAX_LIMIT
from tollway.services.identity.model import MAX_PASSWORD, Source, State, User, read_source
from tollway.services.identity.service import Identity

COOKIE = "__Host-sid"
Email = Annotated[str, Field(min_length=3, max_length=320, examples=["ann@example.com"])]
Password = Annotated[str, Field(min_length=1, max_length=MAX_PASSWORD, examples=["correct horse battery"])]
LinkToken = Annotated[str, Field(min_length=1, max_length=100)]


class Credentials(Body):
    email: Email
    password: Password


class AddressOnly(Body):
    email: Email


class Verify(Body):
    token: LinkToken


class Reset(Body):
    token: LinkToken
    new_password: Password


class ChangePassword(Body):
    current_password: Password
    new_password: Password


class Suspend(Body):
    reason: str = Field(min_length=1, max_length=500, pattern=PRINTABLE)


class Restore(Body):
    reason: str = Field("", max_length=500, pattern=PRINTABLE)


class Accepted(BaseModel):
    detail: str = "If this address can be used, a message is on its way to it."


class UserView(BaseModel):
    id: str
    email: str
    email_verified: bool
    roles: list[str]
    state: str
    created_at: UtcTime


class UserList(BaseModel):
    items: list[UserView]
    next_cursor: str


class SignedInView(BaseModel):
    user: UserView
    csrf_token: str = Field(
        description="Send it back in X-Tollway-Csrf with every request that changes something"
    )


class TokenView(BaseModel):
    """Tokens as OAuth 2.0 spells them (RFC 6749, section 5.1)."""

    access_token: str
    token_type: str = "Bearer"  # noqa: S105
    expires_in: int
    refresh_token: str


class SecurityView(BaseModel):
    email: str
    email_verified: bool
    password_changed_at: UtcTime


_LINK_PAGE = Path(__file__).parent / "templates" / "link.html"


def router(service: Identity) -> APIRouter:
    """Make the routes of this room."""
    routes = APIRouter()
    _sign_up(routes, service)
    _sign_in(routes, service)
    _recover(routes, service)
    _operate(routes, service)
    _pages(routes)
    return routes


def _pages(routes: APIRouter) -> None:
    """Serve what the links in mails lead to: one page that sends the link's token where it belongs."""
    page = _LINK_PAGE.read_text("utf-8")

    async def show() -> HTMLResponse:
        return HTMLResponse(page, headers={"Referrer-Policy": "no-referrer"})

    for path in ("/verify-email", "/reset-password"):
        open_to_all = policy(permission="public", owner="public")
        routes.add_api_route(path, show, include_in_schema=False, response_class=HTMLResponse, **open_to_all)


def _sign_up(routes: APIRouter, service: Identity) -> None:
    public = {"permission": "public", "owner": "public", "limit": "login"}

    @routes.post(
        "/api/auth/register", status_code=202, tags=["auth"], **policy(**public, audit="auth:user:register")
    )
    async def register(body: Credentials) -> Accepted:
        """Ask for an account. The answer is the same for every address; the rest comes by mail."""
        await service.signup.register(body.email, body.password)
        return Accepted()

    @routes.post(
        "/api/auth/email/verify",
        status_code=204,
        tags=["auth"],
        **policy(**public, audit="auth:email:verify"),
    )
    async def verify(body: Verify) -> None:
        """Confirm the address with the token from the mail."""
        await service.signup.verify(body.token)

    @routes.post(
        "/api/auth/email/resend",
        status_code=202,
        tags=["auth"],
        **policy(**public, audit="auth:email:resend"),
    )
    async def resend(body: AddressOnly) -> Accepted:
        """Ask for the verification mail again."""
        await service.signup.resend(body.email)
        return Accepted()


def _sign_in(routes: APIRouter, service: Identity) -> None:
    public = {"permission": "public", "owner": "public", "limit": "login"}

    @routes.post("/api/auth/login", tags=["auth"], **policy(**public, audit="auth:session:login"))
    async def login(body: Credentials, request: Request, response: Response) -> SignedInView:
        """Sign a browser in: it gets a session cookie that no script can read, and its present session ends."""
        before = await browser_session(request)
        signed_in = await service.login.login(body.email, body.password, "browser", source_of(request))
        if before is not None:
            await service.login.replace(before.user_id, before.session_id)
        response.set_cookie(
            COOKIE, signed_in.session.cookie, path="/", secure=True, httponly=True, samesite="lax"
        )
        response.headers["Cache-Control"] = "no-store"
        return SignedInView(user=_user(signed_in.user), csrf_token=signed_in.session.csrf_token)

    @routes.post("/api/auth/token", tags=["auth"], **policy(**public, audit="auth:session:token"))
    async def token(body: Credentials, request: Request, response: Response) -> TokenView:
        """Sign a program in: it gets an access token and a refresh token."""
        signed_in = await service.login.login(body.email, body.password, "program", source_of(request))
        response.headers["Cache-Control"] = "no-store"
        return TokenView(
            access_token=signed_in.session.access_token,
            expires_in=ACCESS_TTL_S,
            refresh_token=signed_in.session.refresh_token,
        )

    @routes.get("/api/auth/me", tags=["auth"], **policy(permission="auth:read"))
    async def me(who: CurrentUser) -> UserView:
        """Tell who you are."""
        return _user(await service.people.get(who.user_id))


def _recover(routes: APIRouter, service: Identity) -> None:
    public = {"permission": "public", "owner": "public", "limit": "login"}

    @routes.post(
        "/api/auth/password/forgot",
        status_code=202,
        tags=["auth"],
        **policy(**public, audit="auth:password:forgot"),
    )
    async def forgot(body: AddressOnly) -> Accepted:
        """Ask for a link to set a new password."""
        await service.recovery.forgot(body.email)
        return Accepted()

    @routes.post(
        "/api/auth/password/reset",
        status_code=204,
        tags=["auth"],
        **policy(**public, audit="auth:password:reset"),
    )
    async def reset(body: Reset) -> None:
        """Set a new password with the token from the mail. Every session ends."""
        await service.recovery.reset(body.token, body.new_password)

    @routes.get("/api/account/security", tags=["account"], **policy(permission="auth:read"))
    async def security(who: CurrentUser) -> SecurityView:
        """Show what protects your account."""
        user = await service.people.get(who.user_id)
        return SecurityView(
            email=user.email, email_verified=user.verified, password_changed_at=user.password_changed_at_us
        )

    @routes.post(
        "/api/account/security",
        status_code=204,
        tags=["account"],
        **policy(permission="auth:write", limit="login", audit="auth:password:change"),
    )
    async def change(body: ChangePassword, who: CurrentUser, request: Request) -> None:
        """Change your password. Every other session ends."""
        await service.recovery.change(
            who.user_id, who.session_id, body.current_password, body.new_password, source_of(request)
        )


def _operate(routes: APIRouter, service: Identity) -> None:
    @routes.get("/api/admin/users", tags=["operators"], **policy(permission="admin:read", owner="any"))
    async def users(
        limit: Annotated[int, Query(ge=1, le=MAX_LIMIT)] = DEFAULT_LIMIT,
        cursor: Annotated[str, Query(max_length=200)] = "",
        email: Annotated[str, Query(max_length=320)] = "",
        state: State | None = None,
    ) -> UserList:
        """List accounts, newest first."""
        page = await service.people.list(limit, cursor, email=email, state=state)
        return UserList(items=[_user(one) for one in page.items], next_cursor=page.next_cursor)

    @routes.get(
        "/api/admin/users/{user_id}", tags=["operators"], **policy(permission="admin:read", owner="any")
    )
    async def user(user_id: str) -> UserView:
        """Show one account."""
        return _user(await service.people.get(user_id))

    @routes.post(
        "/api/admin/users/{user_id}/suspend",
        tags=["operators"],
        **policy(permission="admin:write", owner="any", audit="auth:user:suspend"),
    )
    async def suspend(user_id: str, body: Suspend, who: CurrentUser) -> UserView:
        """Suspend an account: its sessions and its access end at once."""
        return _user(await service.people.set_state(user_id, "suspended", body.reason, who.user_id))

    @routes.post(
        "/api/admin/users/{user_id}/restore",
        tags=["operators"],
        **policy(permission="admin:write", owner="any", audit="auth:user:restore"),
    )
    async def restore(user_id: str, who: CurrentUser, body: Restore | None = None) -> UserView:
        """Let a suspended account be used again."""
        reason = body.reason if body else ""
        return _user(await service.people.set_state(user_id, "active", reason, who.user_id))


def source_of(request: Request) -> Source:
    """Tell where a request came from: the gateway, which alone reaches this room, puts it last."""
    forwarded = request.headers.get("x-forwarded-for", "").rpartition(",")[2].strip()
    direct = request.client.host if request.client else ""
    return read_source(forwarded or direct, request.headers.get("user-agent", ""))


def _user(user: User) -> UserView:
    return UserView(
        id=user.id,
        email=user.email,
        email_verified=user.verified,
        roles=list(user.roles),
        state=user.state,
        created_at=user.created_at_us,
    )
