"""What a route demands, what it may cost and what it leaves behind, declared once on the route itself.

The checks of a service, the gateway's table (`routes.json`), the API description and the authorization tests are
all made from these declarations.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal, cast, get_args

from fastapi import APIRouter, Depends
from fastapi.routing import APIRoute, APIWebSocketRoute

from tollway.fabric.access_tokens import Principal
from tollway.kit.errors import Problem

Kind = Literal["http", "websocket", "stream"]
Owner = Literal["public", "self", "any"]
Limit = Literal["default", "login", "verification", "webhooks"]
Content = Literal["api", "page"]

# All routes of the platform as the gateway reads them; written by tools/routes.py.
TABLE = Path(__file__).parent / "routes.json"
KEY = "x-tollway"
PROBLEMS = "x-problems"
RoleTable = Mapping[str, frozenset[str]]
"""What each role may do: permissions by role, derived from the manifests of the services."""
PUBLIC = "public"
BODY_LIMIT_BYTES = 1 << 20
TIME_LIMIT_S = 20.0
RECENT_S = 600
"""How long ago somebody may have signed in to change what the account hangs on."""
# Where somebody waits at a checkout: with what the gateway adds, a neighbour that does not answer costs them 5 s.
CHECKOUT_TIME_LIMIT_S = 4.0


@dataclass(frozen=True, slots=True, kw_only=True)
class RoutePolicy:
    """The policy of one route.

    `kind`: an exchange of two messages (`http`), a WebSocket (RFC 6455), or a body of any length in either
    direction (`stream`). `permission`: what the caller's role must grant, or `public`. `owner`: whose things the
    route touches (`self`, `any`, `public`). `scope`: what a delegated token must have been granted (RFC 6749, 3.3).
    `second_factor`: the caller signed in with more than one factor. `max_auth_age_s`: how long ago the caller may
    have signed in (RFC 9470); 0 is any time. `limit`: the rate-limit class at the gateway. `body_limit_bytes`: of
    the request, for a WebSocket of each message; 0 is no limit. `time_limit_s`: until the answer; 0 is no limit.
    `audit`: the tag `area:subject:action`, empty for reads. `content`: `api`, or a `page` for people.
    """

    kind: Kind
    permission: str
    owner: Owner
    scope: str
    second_factor: bool
    max_auth_age_s: int
    limit: Limit
    body_limit_bytes: int
    time_limit_s: float
    audit: str
    content: Content

    def granted_to(self, roles: Iterable[str], table: RoleTable) -> bool:
        """Return whether one of these roles grants what the route demands."""
        return any(self.permission in table.get(role, ()) for role in roles)

    def in_scope(self, principal: Principal) -> bool:
        """Return whether the token was granted the route's scope."""
        return not self.scope or principal.has_scope(self.scope)

    def __call__(self) -> None:
        """Do nothing: a WebSocket route carries its policy as a dependency, which the framework calls."""


def route(  # noqa: PLR0913  every argument is named and has a default
    *,
    permission: str,
    kind: Kind = "http",
    owner: Owner | None = None,
    scope: str | None = None,
    second_factor: bool = False,
    max_auth_age_s: int = 0,
    limit: Limit = "default",
    body_limit_bytes: int | None = None,
    time_limit_s: float | None = None,
    audit: str = "",
    content: Content = "api",
    problems: Sequence[type[Problem]] = (),
) -> dict[str, Any]:
    """Declare a route's policy: `@router.get("/x", **route(permission="orders:read"))`.

    `problems` are refusals of the route's own; those of its policy and its parameters are added to the description by
    themselves. The scope is the permission unless another is given. Streams and WebSockets have no limits of size and
    time unless they declare some.
    """
    public = permission == PUBLIC
    plain = kind == "http"
    declared = RoutePolicy(
        kind=kind,
        permission=permission,
        owner=owner or ("public" if public else "self"),
        scope=("" if public else permission) if scope is None else scope,
        second_factor=second_factor,
        max_auth_age_s=max_auth_age_s,
        limit=limit,
        body_limit_bytes=body_limit_bytes if body_limit_bytes is not None else BODY_LIMIT_BYTES * plain,
        time_limit_s=time_limit_s if time_limit_s is not None else TIME_LIMIT_S * plain,
        audit=audit,
        content=content,
    )
    _check(declared)
    if kind == "websocket":
        return {"dependencies": [Depends(declared)]}
    described: dict[str, Any] = {
        KEY: asdict(declared),
        PROBLEMS: [one.code for one in problems],
        "security": [] if public else [{"bearer": []}, {"session": []}],
    }
    return {"openapi_extra": described}


def policy_of(declaring: APIRoute | APIWebSocketRoute) -> RoutePolicy:
    """Return a route's policy. An assertion fails when it has none."""
    found: RoutePolicy | None = None
    if isinstance(declaring, APIWebSocketRoute):
        calls = [one.dependency for one in declaring.dependencies]
        found = next((call for call in calls if isinstance(call, RoutePolicy)), None)
    elif fields := (declaring.openapi_extra or {}).get(KEY):
        found = RoutePolicy(**fields)
    assert found is not None, f"{_methods(declaring)} {declaring.path} declares no policy"
    return found


def check_permissions(declared: Iterable[RoutePolicy], table: RoleTable) -> None:
    """Check that some role grants what each route demands. An assertion fails otherwise."""
    known = {PUBLIC}.union(*table.values())
    for one in declared:
        assert one.permission in known, f"no manifest declares the permission {one.permission!r}"


def policies(routers: Iterable[APIRouter]) -> dict[tuple[str, str], RoutePolicy]:
    """List every route's policy as (method, path) → policy; the handshake of a WebSocket is a GET."""
    found: dict[tuple[str, str], RoutePolicy] = {}
    for router in routers:
        for one in router.routes:
            assert isinstance(one, APIRoute | APIWebSocketRoute), f"{one} is no route; mount routers flat"
            declared = policy_of(one)
            methods = _methods(one)
            websocket = isinstance(one, APIWebSocketRoute)
            assert websocket == (declared.kind == "websocket"), f"{one.path} is not of kind {declared.kind}"
            writes = set(methods) - {"GET", "HEAD", "OPTIONS"}
            assert declared.audit or not writes, (
                f"{sorted(writes)} {one.path} changes state without an audit tag"
            )
            found.update({(method, one.path): declared for method in methods})
    return found


def _methods(declaring: APIRoute | APIWebSocketRoute) -> list[str]:
    return sorted(declaring.methods or ()) if isinstance(declaring, APIRoute) else ["GET"]


def _check(declared: RoutePolicy) -> None:
    for name, choices in (("kind", Kind), ("owner", Owner), ("limit", Limit), ("content", Content)):
        value, known = getattr(declared, name), cast("tuple[str, ...]", get_args(choices))
        assert value in known, f"{name} is one of {known}, not {value!r}"
    for name in ("body_limit_bytes", "time_limit_s", "max_auth_age_s"):
        assert getattr(declared, name) >= 0, f"{name} must not be negative"
    public = declared.permission == PUBLIC
    assert public == (declared.owner == "public"), "what is public belongs to nobody, and the other way round"
    assert not public or not (declared.second_factor or declared.max_auth_age_s or declared.scope), (
        "a public route knows nobody whose sign-in it could check"
    )
