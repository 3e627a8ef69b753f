"""Who sends a request: established once, before the route runs."""

from collections.abc import Iterable
from typing import Annotated, cast

from fastapi import Depends, Header, Request
from fastapi.routing import APIRoute, APIWebSocketRoute
from starlette.requests import HTTPConnection

from tollway.contracts.clients import BROWSER
from tollway.contracts.errors import (
    IdempotencyKeyMissing,
    InsufficientScope,
    SecondFactorMissing,
    SignInTooOld,
)
from tollway.fabric.access_tokens import Principal, Revocations, Verifier
from tollway.fabric.clock import Clock
from tollway.fabric.rest.json_strictness import check_json
from tollway.fabric.rest.live import while_session_lasts
from tollway.fabric.rest.policy import PUBLIC, RoleTable, policy_of
from tollway.fabric.rpc import call_context
from tollway.kit.errors import Forbidden, Invalid, Problem, Unauthenticated, UnsupportedMediaType
from tollway.kit.times import SECOND_US

MAX_KEY_LENGTH = 255


async def authorize(connection: HTTPConnection):
    """Check the route's policy against the bearer token; the services never trust the gateway for this.

    Raises Unauthenticated without a valid token or with a sign-in that does not suffice, Forbidden when the roles do
    not suffice, UnsupportedMediaType for a body that does not say that it is JSON: one that a form of a foreign page
    could send is never read as such, and Malformed for one that two readers could read differently. What stays open
    longer than an exchange ends with SessionEnded when the session does.
    """
    route = connection.scope.get("route")
    if not isinstance(route, APIRoute | APIWebSocketRoute):
        yield
        return
    principal = await admit(connection, route)
    if isinstance(connection, Request) and isinstance(route, APIRoute):
        await _check_body(connection, route)
    connection.state.principal = principal
    declared = policy_of(route)
    # A WebSocket outlives its token: what it asks of other services it asks as the service, from its first moment on.
    acts_with = _bearer(connection) if principal and declared.kind != "websocket" else ""
    with call_context(
        action=declared.audit,
        user_id=principal.user_id if principal else None,
        token=acts_with,
        principal=principal,
        timeout_s=declared.time_limit_s or None,
    ):
        if principal is None or declared.kind == "http":
            yield
            return
        async with while_session_lasts(connection.app.state.revocations, principal):
            yield


async def admit(connection: HTTPConnection, route: APIRoute | APIWebSocketRoute) -> Principal | None:
    """Return who may use the route; None where everybody may. Raises Unauthenticated, Forbidden."""
    demanded = policy_of(route)
    if demanded.permission == PUBLIC:
        return None
    principal = await _principal(connection)
    if not demanded.granted_to(principal.roles, connection.app.state.roles):
        raise Forbidden(f"this needs the permission {demanded.permission}")
    if not demanded.in_scope(principal):
        raise InsufficientScope(f"this token was not granted the scope {demanded.scope}")
    if demanded.second_factor and not principal.second_factor:
        raise SecondFactorMissing
    if demanded.max_auth_age_s:
        _check_age(connection, principal, demanded.max_auth_age_s)
    return principal


def _check_age(connection: HTTPConnection, principal: Principal, max_age_s: int) -> None:
    clock = cast("Clock", connection.app.state.clock)
    if clock.now_us() - principal.auth_time_us > max_age_s * SECOND_US:
        raise SignInTooOld(
            f"sign in again: the last time is longer ago than {max_age_s} s", max_age=max_age_s
        )


async def browser_session(request: Request) -> Principal | None:
    """Return whose browser's session a request to a public route came with, if it proved one."""
    try:
        principal = await _principal(request)
    except Problem:
        return None
    return principal if principal.client_id == BROWSER.client_id else None


def permissions_of(connection: HTTPConnection, roles: Iterable[str]) -> list[str]:
    """List what these roles grant on the whole platform, in order."""
    table = cast("RoleTable", connection.app.state.roles)
    return sorted(frozenset[str]().union(*(table.get(role, frozenset()) for role in roles)))


def _bearer(connection: HTTPConnection) -> str:
    scheme, _, token = connection.headers.get("authorization", "").partition(" ")
    return token if scheme.lower() == "bearer" else ""


async def _principal(connection: HTTPConnection) -> Principal:
    token = _bearer(connection)
    if not token:
        raise Unauthenticated("send an access token: sign in at /api/auth/login or /api/auth/token")
    verifier = cast("Verifier", connection.app.state.verifier)
    principal = await verifier.verify(token)
    cast("Revocations", connection.app.state.revocations).check(principal)
    return principal


async def _check_body(request: Request, route: APIRoute) -> None:
    if not route.body_field:
        return
    media_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    body = await request.body()
    if not body:
        return
    if media_type != "application/json":
        raise UnsupportedMediaType("send the body as application/json")
    check_json(body)


async def _current_user(connection: HTTPConnection) -> Principal:
    principal: Principal | None = getattr(connection.state, "principal", None)
    assert principal is not None, "a public route wants to know who its caller is"
    return principal


async def _idempotency_key(
    idempotency_key: Annotated[str, Header(description="Any unique text; a retry sends the same")],
) -> str:
    # A missing one is refused with 400 where refusals are made, in `problems`.
    if not idempotency_key:
        raise IdempotencyKeyMissing
    if len(idempotency_key) > MAX_KEY_LENGTH or not idempotency_key.isprintable():
        raise Invalid.of("idempotency-key", f"must be at most {MAX_KEY_LENGTH} printable characters")
    return idempotency_key


CurrentUser = Annotated[Principal, Depends(_current_user)]
IdempotencyKey = Annotated[str, Depends(_idempotency_key)]
