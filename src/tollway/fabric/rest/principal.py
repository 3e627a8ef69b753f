"""Who sends a request: established once, before the route runs."""

from dataclasses import dataclass
from typing import Annotated, cast

from fastapi import Depends, Header, Request
from fastapi.routing import APIRoute

from tollway.contracts.errors import IdempotencyKeyMissing
from tollway.fabric.access_tokens import BROWSER, Revocations, Verifier
from tollway.fabric.rest.json_strictness import check_json
from tollway.fabric.rest.policy import policy_of
from tollway.fabric.rpc import call_context
from tollway.kit.errors import Forbidden, Invalid, Problem, Unauthenticated, UnsupportedMediaType

MAX_KEY_LENGTH = 255


@dataclass(frozen=True, slots=True)
class Principal:
    """A person with a valid access token. `auth_time_us` is when they last proved who they are."""

    user_id: str
    session_id: str
    roles: frozenset[str]
    auth_time_us: int
    client: str = ""


async def authorize(request: Request):
    """Check the route's policy against the bearer token; the services never trust the gateway for this.

    Raises Unauthenticated without a valid token, Forbidden when the roles do not suffice, UnsupportedMediaType for
    a body that does not say that it is JSON: one that a form of a foreign page could send is never read as such, and
    Malformed for one that two readers could read differently.
    """
    route = request.scope.get("route")
    if not isinstance(route, APIRoute):
        yield
        return
    principal = await admit(request, route)
    await _check_body(request, route)
    if principal is None:
        yield
        return
    request.state.principal = principal
    with call_context(user_id=principal.user_id):
        yield


async def admit(request: Request, route: APIRoute) -> Principal | None:
    """Return who may use the route; None where everybody may. Raises Unauthenticated, Forbidden."""
    demanded = policy_of(route)
    if demanded.permission == "public":
        return None
    principal = await _principal(request)
    if not demanded.allows(principal.roles):
        raise Forbidden(f"this needs the permission {demanded.permission}")
    return principal


async def browser_session(request: Request) -> Principal | None:
    """Return whose browser's session a request to a public route came with, if it proved one."""
    try:
        principal = await _principal(request)
    except Problem:
        return None
    return principal if principal.client == BROWSER else None


async def _principal(request: Request) -> Principal:
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not token:
        raise Unauthenticated("send an access token: sign in at /api/auth/login or /api/auth/token")
    verifier = cast("Verifier", request.app.state.verifier)
    claims = await verifier.verify(token)
    cast("Revocations", request.app.state.revocations).check(claims)
    return Principal(claims.user_id, claims.session_id, claims.roles, claims.auth_time_us, claims.client)


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


async def _who(request: Request) -> Principal:
    principal: Principal | None = getattr(request.state, "principal", None)
    assert principal is not None, "a public route asks who it is"
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


CurrentUser = Annotated[Principal, Depends(_who)]
IdempotencyKey = Annotated[str, Depends(_idempotency_key)]
