"""Who sends a request: established once, before the route runs."""

from dataclasses import dataclass
from typing import Annotated, cast

from fastapi import Depends, Header, Request
from fastapi.routing import APIRoute

from tollway.contracts.errors import IdempotencyKeyMissing
from tollway.fabric.bearer import Revocations, Verifier
from tollway.fabric.rest.policy import policy_of
from tollway.fabric.rpc import acting
from tollway.kit.errors import Forbidden, Invalid, Unauthenticated, UnsupportedMediaType

MAX_KEY_LENGTH = 255


@dataclass(frozen=True, slots=True)
class Principal:
    """A person with a valid access token. `auth_time_us` is when they last proved who they are."""

    user_id: str
    session_id: str
    roles: frozenset[str]
    auth_time_us: int


async def authorize(request: Request):
    """Check the route's policy against the bearer token; the rooms never trust the gateway for this.

    Raises Unauthenticated without a valid token, Forbidden when the roles do not suffice, UnsupportedMediaType for
    a body that does not say that it is JSON: one that a form of a foreign page could send is never read as such.
    """
    route = request.scope.get("route")
    if not isinstance(route, APIRoute):
        yield
        return
    demanded = policy_of(route)
    if demanded.permission == "public":
        await _check_media_type(request, route)
        yield
        return
    principal = await _principal(request)
    if not demanded.allows(principal.roles):
        raise Forbidden(f"this needs the permission {demanded.permission}")
    await _check_media_type(request, route)
    request.state.principal = principal
    with acting(user_id=principal.user_id):
        yield


async def _principal(request: Request) -> Principal:
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not token:
        raise Unauthenticated("send an access token: sign in at /api/auth/login or /api/auth/token")
    verifier = cast("Verifier", request.app.state.verifier)
    claims = await verifier.verify(token)
    cast("Revocations", request.app.state.revocations).check(claims)
    return Principal(claims.user_id, claims.session_id, claims.roles, claims.auth_time_us)


async def _check_media_type(request: Request, route: APIRoute) -> None:
    media_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if route.body_field and media_type != "application/json" and await request.body():
        raise UnsupportedMediaType("send the body as application/json")


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


Who = Annotated[Principal, Depends(_who)]
IdempotencyKey = Annotated[str, Depends(_idempotency_key)]
