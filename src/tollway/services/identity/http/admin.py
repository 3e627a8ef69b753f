"""Accounts as operators see them."""

from typing import Annotated

from fastapi import APIRouter, Query
from pydantic import BaseModel, Field

from tollway.contracts.permissions import Role
from tollway.fabric.rest import (
    PRINTABLE,
    Body,
    CurrentUser,
    PageQuery,
    UserPath,
    UtcTime,
    route,
    sorted_by,
)
from tollway.kit.errors import Conflict, Forbidden, NotFound
from tollway.kit.ids import id_pattern
from tollway.services.identity.http.views import UserView, view_user
from tollway.services.identity.model import State, UserOrder
from tollway.services.identity.service import Identity


class Suspend(Body):
    reason: str = Field(min_length=1, max_length=500, pattern=PRINTABLE)


class Restore(Body):
    reason: str = Field("", max_length=500, pattern=PRINTABLE)


class SetRoles(Body):
    """The whole set: what is left out is taken away."""

    roles: list[Role] = Field(min_length=1, max_length=10, examples=[["customer", "support"]])
    reason: str = Field("", max_length=500, pattern=PRINTABLE)


class SignOut(Body):
    """Whom an operator signs out: of one session, or of all when none is named."""

    reason: str = Field(
        min_length=1, max_length=500, pattern=PRINTABLE, description="Why; it stands in the audit trail"
    )
    session_id: str | None = Field(None, pattern=id_pattern("ses"), description="One session only, `ses_…`")


class UserList(BaseModel):
    items: list[UserView]
    next_cursor: str


class CustomersOverview(BaseModel):
    """How many accounts there are. They are counted once a minute at most."""

    accounts: Annotated[int, Field(description="Accounts that are not deleted, operators' ones included")]
    suspended: Annotated[int, Field(description="Accounts that are suspended")]
    new_today: Annotated[int, Field(description="Accounts made since midnight, UTC")]
    new_7_days: Annotated[int, Field(description="Accounts made in the last 7 times 24 hours")]
    counted_at: Annotated[UtcTime, Field(description="When they were counted")]
    gave_up: Annotated[
        int, Field(description="Jobs and events that were tried too often and wait for a person")
    ]


UserPage = Annotated[PageQuery, sorted_by("-created_at", "created_at", "email", "-email", "state", "-state")]


def add_routes(routes: APIRouter, service: Identity) -> None:
    """Add the operators' routes."""
    _changes(routes, service)

    @routes.get("/api/admin/users", tags=["operators"], **route(permission="users:read", owner="any"))
    async def users(
        page: UserPage,
        email: Annotated[str, Query(max_length=320, description="The one with this address")] = "",
        q: Annotated[
            str,
            Query(
                max_length=320, pattern=PRINTABLE, description="An account's id, or how its address begins"
            ),
        ] = "",
        state: Annotated[State | None, Query(description="In this state only")] = None,
    ) -> UserList:
        """List accounts, newest first or in another order."""
        order = UserOrder(page.sort.removeprefix("-"), page.descending)
        found = await service.accounts.list(
            page.limit, page.cursor, email=email, query=q, state=state, order=order
        )
        return UserList(items=[view_user(one) for one in found.items], next_cursor=found.next_cursor)

    @routes.get(
        "/api/admin/overview/customers",
        tags=["operators"],
        **route(permission="users:read", owner="any"),
    )
    async def overview() -> CustomersOverview:
        """Count the accounts, those that are suspended, and those that are new."""
        found = await service.account_counts.read()
        return CustomersOverview(
            accounts=found.accounts,
            suspended=found.suspended,
            new_today=found.new_today,
            new_7_days=found.new_7_days,
            counted_at=found.counted_at_us,
            gave_up=await service.account_counts.gave_up(),
        )

    @routes.get(
        "/api/admin/users/{user_id}", tags=["operators"], **route(permission="users:read", owner="any")
    )
    async def user(user_id: UserPath) -> UserView:
        """Show one account."""
        return view_user(await service.accounts.get(user_id))


def _changes(routes: APIRouter, service: Identity) -> None:
    @routes.post(
        "/api/admin/users/{user_id}/suspend",
        tags=["operators"],
        **route(permission="users:manage", owner="any", audit="auth:user:suspend", problems=(Conflict,)),
    )
    async def suspend(user_id: UserPath, body: Suspend, who: CurrentUser) -> UserView:
        """Suspend an account: its sessions and its access end at once."""
        return view_user(await service.accounts.set_state(user_id, "suspended", body.reason, who.user_id))

    @routes.post(
        "/api/admin/users/{user_id}/restore",
        tags=["operators"],
        **route(permission="users:manage", owner="any", audit="auth:user:restore", problems=(Conflict,)),
    )
    async def restore(user_id: UserPath, who: CurrentUser, body: Restore | None = None) -> UserView:
        """Let a suspended account be used again."""
        reason = body.reason if body else ""
        return view_user(await service.accounts.set_state(user_id, "active", reason, who.user_id))

    @routes.post(
        "/api/admin/users/{user_id}/sign-out",
        status_code=204,
        tags=["operators"],
        **route(
            permission="sessions:manage",
            owner="any",
            audit="auth:session:sign_out",
            problems=(Forbidden, NotFound),
        ),
    )
    async def sign_out(user_id: UserPath, body: SignOut, who: CurrentUser) -> None:
        """Sign a customer out, of one session or everywhere, within a second. Their credentials go on working.

        Support signs out no admin.
        """
        await service.accounts.sign_out(user_id, body.session_id or "", body.reason, who.roles)

    @routes.put(
        "/api/admin/users/{user_id}/roles",
        tags=["operators"],
        **route(permission="users:manage", owner="any", audit="auth:user:roles", problems=(Conflict,)),
    )
    async def set_roles(user_id: UserPath, body: SetRoles, who: CurrentUser) -> UserView:
        """Replace the roles of an account. It has to sign in again; you cannot change your own."""
        return view_user(await service.accounts.set_roles(user_id, body.roles, body.reason, who.user_id))
