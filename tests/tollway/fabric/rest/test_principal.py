"""What a principal may do: the role grants, the scope limits, and some routes ask how somebody signed in."""

from dataclasses import replace

import pytest
from fastapi import APIRouter

from tests.kit.clock import FakeClock
from tests.kit.rest import ROLES, FakeVerifier, RestClient
from tollway.fabric.access_tokens import Principal, Revocations
from tollway.fabric.rest import build_app, route

ROUTES = APIRouter()


@ROUTES.get("/orders", **route(permission="orders:read"))
async def orders() -> None: ...


@ROUTES.get("/admin", **route(permission="admin:read", owner="any"))
async def admin() -> None: ...


@ROUTES.get("/report", **route(permission="orders:read", scope="reports"))
async def report() -> None: ...


@ROUTES.get("/unscoped", **route(permission="orders:read", scope=""))
async def unscoped() -> None: ...


@ROUTES.get("/keys", **route(permission="auth:read", second_factor=True))
async def keys() -> None: ...


class ScopedVerifier(FakeVerifier):
    """Limits every token to some scopes, and says how its user signed in."""

    def __init__(self, scopes: set[str], amr: tuple[str, ...] = ("pwd",)) -> None:
        super().__init__()
        self._scopes, self._amr = frozenset(scopes), amr

    async def verify(self, token: str) -> Principal:
        return replace(await super().verify(token), scopes=self._scopes, amr=self._amr)


async def ask(path: str, scopes: set[str], token: str = "usr_1", amr: tuple[str, ...] = ("pwd",)) -> str:
    app = build_app([ROUTES], ScopedVerifier(scopes, amr), Revocations(FakeClock()), roles=ROLES)
    reply = await RestClient(app).get(path, token)
    return "ok" if reply.status == 200 else f"{reply.status} {reply.json['code']}"


@pytest.mark.parametrize(
    ("path", "scopes", "token", "answer"),
    [
        ("/orders", {"*"}, "usr_1", "ok"),
        ("/orders", {"orders:read", "usage:read"}, "usr_1", "ok"),
        ("/orders", {"orders:write"}, "usr_1", "403 insufficient_scope"),
        ("/orders", set(), "usr_1", "403 insufficient_scope"),
        ("/admin", {"*"}, "usr_1", "403 forbidden"),
        ("/admin", {"admin:read"}, "usr_1", "403 forbidden"),
        ("/admin", {"admin:read"}, "usr_1:support", "ok"),
        ("/admin", {"orders:read"}, "usr_1:admin", "403 insufficient_scope"),
        ("/report", {"reports"}, "usr_1", "ok"),
        ("/report", {"orders:read"}, "usr_1", "403 insufficient_scope"),
        ("/unscoped", set(), "usr_1", "ok"),
    ],
)
async def test_both_the_role_and_the_scope_have_to_cover_a_route(
    path: str, scopes: set[str], token: str, answer: str
) -> None:
    assert await ask(path, scopes, token) == answer


async def test_a_route_can_ask_for_a_second_factor() -> None:
    assert await ask("/keys", {"*"}) == "401 second_factor_missing"
    assert await ask("/keys", {"*"}, amr=("pwd", "otp", "mfa")) == "ok"
