"""What a route demands and what it leaves behind, declared on the route itself."""

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import Any

from fastapi import APIRouter
from fastapi.routing import APIRoute

KEY = "x-tollway"
LIMIT_CLASSES = frozenset({"default", "login", "none"})
OWNERS = frozenset({"public", "self", "any"})

# `area:read` and `area:write`. A customer may read and write what is their own; support reads everybody's;
# an admin does everything.
_CUSTOMER = frozenset(
    f"{area}:{verb}"
    for area in (
        "auth",
        "profile",
        "wallet",
        "transactions",
        "orders",
        "billing",
        "access",
        "usage",
        "notifications",
    )
    for verb in ("read", "write")
)
_SUPPORT = _CUSTOMER | {"admin:read"}
_ADMIN = _SUPPORT | {"admin:write"}
PERMISSIONS = {"customer": _CUSTOMER, "support": _SUPPORT, "admin": _ADMIN}


@dataclass(frozen=True, slots=True)
class Policy:
    """`permission`: `area:read|write`, or `public`. `owner`: whose things (`self`, `any`, `public`).

    `limit`: the rate-limit class at the gateway. `audit`: the tag `area:subject:action`, empty for reads.
    """

    permission: str
    owner: str
    limit: str
    audit: str

    def allows(self, roles: Iterable[str]) -> bool:
        """Tell whether somebody with these roles may use the route."""
        return any(self.permission in PERMISSIONS.get(role, ()) for role in roles)


def policy(
    *, permission: str, owner: str = "self", limit: str = "default", audit: str = ""
) -> dict[str, Any]:
    """Declare a route's policy: `@router.get("/x", **policy(permission="orders:read"))`."""
    assert permission == "public" or permission in _ADMIN, f"unknown permission {permission!r}"
    assert owner in OWNERS, f"owner is one of {sorted(OWNERS)}"
    assert limit in LIMIT_CLASSES, f"limit is one of {sorted(LIMIT_CLASSES)}"
    described: dict[str, Any] = {KEY: asdict(Policy(permission, owner, limit, audit))}
    if permission != "public":
        described["security"] = [{"bearer": []}, {"session": []}]
    return {"openapi_extra": described}


def policy_of(route: APIRoute) -> Policy:
    """Return a route's policy. An assertion fails when it has none."""
    declared = (route.openapi_extra or {}).get(KEY)
    assert declared, f"{sorted(route.methods or ())} {route.path} declares no policy"
    return Policy(**declared)


def policies(routers: Iterable[APIRouter]) -> dict[tuple[str, str], Policy]:
    """List every route's policy as (method, path) → policy; the authorization tests are made from it."""
    found: dict[tuple[str, str], Policy] = {}
    for router in routers:
        for route in router.routes:
            assert isinstance(route, APIRoute), f"{route} is not a plain route; mount services' routers flat"
            declared = policy_of(route)
            writes = set(route.methods or ()) - {"GET", "HEAD", "OPTIONS"}
            assert declared.audit or not writes, (
                f"{sorted(writes)} {route.path} changes state without an audit tag"
            )
            found.update({(method, route.path): declared for method in route.methods or ()})
    return found
