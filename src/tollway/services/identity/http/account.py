"""A user's own account: who they are, and what protects it."""

from fastapi import APIRouter, Request
from pydantic import BaseModel, ConfigDict, Field

from tollway.contracts.errors import AccountLocked, BadLogin
from tollway.fabric.rest import Body, CurrentUser, UtcTime, route
from tollway.services.identity.http.views import Password, UserView, client_info, view_user
from tollway.services.identity.service import Identity


class ChangePassword(Body):
    current_password: Password
    new_password: Password
    keep_credentials: bool = Field(
        False, description="Keep your proxy credentials, though the old password could have issued them"
    )


class SecurityView(BaseModel):
    model_config = ConfigDict(from_attributes=True)

    email: str
    email_verified: bool
    password_changed_at: UtcTime = Field(validation_alias="password_changed_at_us")


def add_routes(routes: APIRouter, service: Identity) -> None:
    """Add the routes of a user's own account."""

    @routes.get("/api/auth/me", tags=["auth"], **route(permission="auth:read"))
    async def me(who: CurrentUser) -> UserView:
        """Tell who you are."""
        return view_user(await service.accounts.get(who.user_id))

    @routes.get("/api/account/security", tags=["account"], **route(permission="auth:read"))
    async def security(who: CurrentUser) -> SecurityView:
        """Show what protects your account."""
        return SecurityView.model_validate(await service.accounts.get(who.user_id))

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
