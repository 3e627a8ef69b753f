"""A user's own account: who they are, and what protects it."""

from fastapi import APIRouter, Request
from pydantic import BaseModel, Field

from tollway.contracts.errors import AccountLocked, AccountSuspended, BadLogin, DeletionBlocked
from tollway.fabric.rest import RECENT_S, Body, CurrentUser, UtcTime, permissions_of, route
from tollway.kit.errors import Conflict, TooManyRequests
from tollway.kit.times import DAY_US
from tollway.services.identity.http.views import (
    Accepted,
    Email,
    OwnAccountView,
    Password,
    client_info,
    view_own,
)
from tollway.services.identity.service import Identity
from tollway.services.identity.service.leaving import render_obstacle


class ChangePassword(Body):
    current_password: Password
    new_password: Password
    keep_credentials: bool = Field(
        False, description="Keep your proxy credentials, though the old password could have issued them"
    )


class ChangeEmail(Body):
    email: Email
    current_password: Password


class DeleteAccount(Body):
    current_password: Password
    forfeit: bool = Field(
        False,
        description="Give up what is left in the wallet and of bought access; without it, that is refused",
    )


class DeletionAccepted(BaseModel):
    erase_at: UtcTime = Field(description="When everything is erased; until then the account can be kept")


class ObstacleView(BaseModel):
    kind: str = Field(description="balance, hold, quote, order, deposit, debt or operator")
    detail: str = Field(description="What it is, and what to do about it")
    asset: str
    amount: str = Field(description="In the smallest unit of the asset; 0 where it is no amount")
    forfeitable: bool = Field(description="Whether it can be given up with `forfeit`")


class DeletionView(BaseModel):
    obstacles: list[ObstacleView] = Field(description="What stands in the way now; empty when nothing does")
    grace_days: int = Field(description="For how long a deletion can be undone")


class SecurityView(BaseModel):
    email: str
    email_verified: bool
    password_changed_at: UtcTime
    pending_email: str | None = Field(
        description="The new address that waits to be confirmed; null when no change is under way"
    )
    pending_email_expires_at: UtcTime | None = Field(description="Until when it can be confirmed")


def add_routes(routes: APIRouter, service: Identity) -> None:
    """Add the routes of a user's own account."""
    _change_of_email(routes, service)
    _deletion(routes, service)

    @routes.get("/api/auth/me", tags=["auth"], **route(permission="auth:read"))
    async def me(who: CurrentUser, request: Request) -> OwnAccountView:
        """Return who you are, and what you may ask for with what you sent."""
        user = await service.accounts.get(who.user_id)
        return view_own(user, [one for one in permissions_of(request, who.roles) if who.has_scope(one)])

    @routes.get("/api/account/security", tags=["account"], **route(permission="auth:read"))
    async def security(who: CurrentUser) -> SecurityView:
        """Show what protects your account."""
        user = await service.accounts.get(who.user_id)
        pending = await service.email_change.pending(who.user_id)
        return SecurityView(
            email=user.email,
            email_verified=user.email_verified,
            password_changed_at=user.password_changed_at_us,
            pending_email=pending.email if pending else None,
            pending_email_expires_at=pending.expires_at_us if pending else None,
        )

    @routes.post(
        "/api/account/security",
        status_code=204,
        tags=["account"],
        **route(
            permission="auth:write",
            limit="login",
            audit="auth:password:change",
            problems=(BadLogin, AccountLocked),
        ),
    )
    async def change_password(body: ChangePassword, who: CurrentUser, request: Request) -> None:
        """Change your password. Every other session ends, and your proxy credentials unless you keep them."""
        await service.recovery.change(
            who.user_id,
            who.session_id,
            body.current_password,
            body.new_password,
            client_info(request),
            keep_credentials=body.keep_credentials,
        )


def _change_of_email(routes: APIRouter, service: Identity) -> None:
    @routes.post(
        "/api/account/email",
        status_code=202,
        tags=["account"],
        **route(
            permission="auth:write",
            limit="login",
            max_auth_age_s=RECENT_S,
            audit="auth:email:change",
            problems=(AccountLocked, TooManyRequests),
        ),
    )
    async def change_email(body: ChangeEmail, who: CurrentUser, request: Request) -> Accepted:
        """Ask for another e-mail address. The link in the mail to it completes the change.

        The present address gets a mail with a link that refuses the change, or undoes it later. The answer is the same
        whether the new address has an account or not.
        """
        await service.email_change.begin(
            who.user_id, who.session_id, body.current_password, body.email, client_info(request)
        )
        return Accepted()


def _deletion(routes: APIRouter, service: Identity) -> None:
    @routes.get("/api/account/deletion", tags=["account"], **route(permission="auth:read"))
    async def deletion(who: CurrentUser) -> DeletionView:
        """Show what stands in the way of deleting your account."""
        found = await service.leaving.obstacles(who.user_id)
        obstacles = [ObstacleView(**render_obstacle(one)) for one in found]
        return DeletionView(obstacles=obstacles, grace_days=service.leaving.grace_us // DAY_US)

    @routes.post(
        "/api/account/deletion",
        status_code=202,
        tags=["account"],
        **route(
            permission="auth:write",
            limit="login",
            max_auth_age_s=RECENT_S,
            audit="auth:user:delete",
            problems=(AccountLocked, AccountSuspended, DeletionBlocked, Conflict),
        ),
    )
    async def delete_account(body: DeleteAccount, who: CurrentUser, request: Request) -> DeletionAccepted:
        """Have your account deleted. Your sessions and accesses end at once; everything is erased some days later.

        Until then it can be kept: by the link in the mail, or by signing in with `keep_account`. What you hold, have
        ordered or owe stands in the way; a balance can be given up with `forfeit`.
        """
        erase_at_us = await service.leaving.begin(
            who.user_id, who.session_id, body.current_password, client_info(request), forfeit=body.forfeit
        )
        return DeletionAccepted(erase_at=erase_at_us)
