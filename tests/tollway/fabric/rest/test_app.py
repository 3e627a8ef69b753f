"""The manners that every route gets: policies, problems, correlation ids, idempotency."""

import asyncio
from typing import Any

import pytest
from fastapi import APIRouter, Request, Response, WebSocket
from sqlalchemy import select

from tests.kit.clock import FakeClock
from tests.kit.eventually import eventually
from tests.kit.rest import RestClient, rest
from tollway.fabric.db import Database, tables
from tollway.fabric.rest import (
    Answer,
    Body,
    CurrentUser,
    IdempotencyKey,
    PositiveMoney,
    PositiveUnits,
    idempotency,
    idempotent,
    route,
)
from tollway.fabric.rest.policy import BODY_LIMIT_BYTES
from tollway.fabric.rest.sql import LEASE_S, SqlAnswers
from tollway.fabric.rpc import current
from tollway.kit.errors import InsufficientFunds, Unavailable


class Buy(Body):
    amount: PositiveMoney
    bytes: PositiveUnits = 1


class Purchases:
    """A service whose every purchase can be counted."""

    def __init__(self) -> None:
        self.bought: list[int] = []
        self.problem: Exception | None = None
        self.held: asyncio.Event | None = None
        self.waiting = False


def router(purchases: Purchases, db: Database | None = None) -> APIRouter:
    routes = APIRouter()

    @routes.get("/open", **route(permission="public"))
    async def open_() -> dict[str, str]:
        return {"correlation_id": current().correlation_id}

    @routes.get("/mine", **route(permission="orders:read"))
    async def mine(who: CurrentUser) -> dict[str, str]:
        return {"user_id": who.user_id, "acting": current().user_id}

    @routes.delete(
        "/mine", status_code=204, **route(permission="orders:write", audit="purchases:mine:delete")
    )
    async def drop(who: CurrentUser) -> None:
        """Nothing to do."""

    @routes.get("/things/{number}", **route(permission="orders:read"))
    async def thing(number: int) -> dict[str, int]:
        return {"number": number}

    @routes.get("/admin", **route(permission="admin:write", owner="any"))
    async def admin() -> dict[str, str]:
        return {}

    @routes.post("/admin", **route(permission="admin:write", owner="any", audit="purchases:price:set"))
    async def set_price(body: Buy) -> dict[str, str]:
        return {"amount": str(body.amount)}

    @routes.post("/say", **route(permission="public", audit="purchases:word:say"))
    async def say(body: Buy) -> dict[str, str]:
        return {"amount": str(body.amount)}

    @routes.get("/bug", **route(permission="public"))
    async def bug() -> None:
        raise ZeroDivisionError("secret internals")

    @routes.post("/buy", **route(permission="orders:write", audit="purchases:item:buy"))
    async def buy(body: Buy, who: CurrentUser, key: IdempotencyKey) -> Response:
        async def work() -> Answer:
            if purchases.problem:
                raise purchases.problem
            if purchases.held is not None:
                purchases.waiting = True
                await purchases.held.wait()
            purchases.bought.append(body.amount)
            await asyncio.sleep(0)
            return Answer(201, body)

        assert db is not None
        return await idempotent(SqlAnswers(db), who, key, body, work)

    return routes


@pytest.fixture
def purchases() -> Purchases:
    return Purchases()


@pytest.fixture
def client(purchases: Purchases, plain_db: Database) -> RestClient:
    return rest(router(purchases, plain_db))


async def test_public_routes_need_no_token_and_carry_the_correlation_id(client: RestClient) -> None:
    reply = await client.get("/open", x_correlation_id="cor_x")
    assert (reply.status, reply.json) == (200, {"correlation_id": "cor_x"})


async def test_a_route_knows_who_asks(client: RestClient) -> None:
    reply = await client.get("/mine", token="usr_1")
    assert reply.json == {"user_id": "usr_1", "acting": "usr_1"}


@pytest.mark.parametrize("token", ["", "garbage"])
async def test_without_a_good_token_there_is_a_401(client: RestClient, token: str) -> None:
    reply = await client.get("/mine", token=token)
    assert (reply.status, reply.json["code"]) == (401, "unauthenticated")
    assert reply.headers["content-type"] == "application/problem+json"
    assert "Bearer" in reply.headers["www-authenticate"]


async def test_a_role_that_does_not_suffice_is_forbidden(client: RestClient) -> None:
    assert (await client.get("/admin", token="usr_1")).status == 403
    assert (await client.get("/admin", token="usr_1:admin")).status == 200


async def test_unknown_addresses_and_methods_are_problems_too(client: RestClient) -> None:
    missing, wrong = await client.get("/nowhere"), await client.call("DELETE", "/open")
    assert (missing.status, missing.json["code"]) == (404, "not_found")
    assert (wrong.status, wrong.json["code"]) == (405, "method_not_allowed")


async def test_a_wrong_method_names_all_the_right_ones(client: RestClient) -> None:
    assert (await client.call("PUT", "/buy")).headers["allow"] == "POST"
    assert (await client.call("PUT", "/mine")).headers["allow"] == "DELETE, GET, HEAD"


async def test_head_is_get(client: RestClient) -> None:
    assert (await client.call("HEAD", "/mine", token="usr_1")).status == 200
    assert (await client.call("HEAD", "/mine")).status == 401
    assert (await client.call("HEAD", "/buy")).status == 405


async def test_what_cannot_be_an_id_is_not_found(client: RestClient) -> None:
    reply = await client.get("/things/x", token="usr_1")
    assert (reply.status, reply.json["code"]) == (404, "not_found")
    assert (await client.get("/things/7", token="usr_1")).status == 200


async def test_a_slash_at_the_end_is_another_address(client: RestClient) -> None:
    reply = await client.get("/open/")
    assert (reply.status, "location" in reply.headers) == (404, False)


@pytest.mark.parametrize("kind", ["text/plain", "application/x-www-form-urlencoded", "text/json", "", "json"])
async def test_only_what_says_it_is_json_is_read(client: RestClient, purchases: Purchases, kind: str) -> None:
    body = b'{"amount": "1.00"}'
    reply = await client.call("POST", "/buy", body, "usr_1", {"content-type": kind, "idempotency-key": "k"})
    assert (reply.status, reply.json["code"]) == (415, "unsupported_media_type")
    assert purchases.bought == []


async def test_who_may_not_is_told_so_before_what_is_wrong_with_the_body(client: RestClient) -> None:
    reply = await client.call("POST", "/buy", b"a=b", "", {"content-type": "text/plain"})
    assert reply.status == 401


async def test_a_body_over_the_limit_is_413(client: RestClient) -> None:
    reply = await client.post("/buy", b" " * (BODY_LIMIT_BYTES + 1), token="usr_1", key="k")
    assert (reply.status, reply.json["code"]) == (413, "too_large")


async def test_a_refusal_stays_short_whatever_was_sent(client: RestClient) -> None:
    many = {f"{'x' * 1_000}{number}": 1 for number in range(500)}
    reply = await client.post("/buy", {"amount": "9" * 100_000, **many}, token="usr_1", key="k")
    assert reply.status == 422
    assert len(reply.body) < 20_000


@pytest.mark.parametrize(
    ("body", "status", "field"),
    [
        (b"{", 400, ""),
        ({}, 422, "amount"),
        ({"amount": "1", "odd": 1}, 422, "odd"),
        ({"amount": 1}, 422, "amount"),
        ({"amount": 1.5}, 422, "amount"),
        ({"amount": "0"}, 422, "amount"),
        ({"amount": "-1"}, 422, "amount"),
        ({"amount": "1.0000001"}, 422, "amount"),
        ({"amount": "99999999999999999"}, 422, "amount"),
        ({"amount": "NaN"}, 422, "amount"),
        ({"amount": "1e3"}, 422, "amount"),
        ({"amount": "01"}, 422, "amount"),
        ({"amount": "\u0661"}, 422, "amount"),
        ({"amount": "1", "bytes": "\u0661"}, 422, "bytes"),
        ({"amount": "1", "bytes": "01"}, 422, "bytes"),
        ({"amount": "1", "bytes": "1.5"}, 422, "bytes"),
        ({"amount": "1", "bytes": 7}, 422, "bytes"),
    ],
)
async def test_bad_bodies_are_refused_by_name_and_change_nothing(
    client: RestClient, purchases: Purchases, body: object, status: int, field: str
) -> None:
    reply = await client.post("/buy", body, token="usr_1", key="k")
    assert reply.status == status
    assert [error["field"] for error in reply.json.get("errors", ())] == ([field] if field else [])
    assert purchases.bought == []


async def test_a_money_route_demands_an_idempotency_key(client: RestClient, purchases: Purchases) -> None:
    reply = await client.post("/buy", {"amount": "1.00"}, token="usr_1")
    assert (reply.status, reply.json["code"]) == (400, "idempotency_key_missing")
    assert purchases.bought == []


async def test_a_repeated_request_gets_the_first_answer(client: RestClient, purchases: Purchases) -> None:
    first = await client.post("/buy", {"amount": "1.00"}, token="usr_1", key="k")
    again = await client.post("/buy", {"amount": "1.00"}, token="usr_1", key="k")
    assert (first.status, first.body) == (again.status, again.body) == (201, b'{"amount":"1.00","bytes":"1"}')
    assert again.headers["idempotency-replayed"] == "true"
    assert purchases.bought == [1_000_000]


async def test_a_key_reused_with_another_body_is_refused(client: RestClient, purchases: Purchases) -> None:
    await client.post("/buy", {"amount": "1.00"}, token="usr_1", key="k")
    other = await client.post("/buy", {"amount": "2.00"}, token="usr_1", key="k")
    assert (other.status, other.json["code"]) == (422, "idempotency_key_reused")
    assert purchases.bought == [1_000_000]


async def test_a_retry_after_a_crash_carries_the_work_on_within_seconds(
    client: RestClient, purchases: Purchases, plain_db: Database, clock: FakeClock
) -> None:
    """The first holder of the key is dead: nobody renews its claim."""
    request = Buy.model_validate({"amount": "1.00"})
    assert await SqlAnswers(plain_db).claim("usr_1", "k", idempotency._hash(request)) is None
    retry = asyncio.create_task(client.post("/buy", {"amount": "1.00"}, token="usr_1", key="k"))
    await asyncio.sleep(2 * idempotency.LOOK_EVERY_S)
    assert (retry.done(), purchases.bought) == (False, [])
    clock.advance(LEASE_S + 0.1)
    assert (await retry).status == 201
    assert len(purchases.bought) == 1


async def test_a_retry_while_the_first_request_runs_waits_for_its_answer(
    client: RestClient, purchases: Purchases, clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(idempotency, "RENEW_EVERY_S", 0.01)
    purchases.held = asyncio.Event()
    first = asyncio.create_task(client.post("/buy", {"amount": "1.00"}, token="usr_1", key="k"))
    retry = asyncio.create_task(client.post("/buy", {"amount": "1.00"}, token="usr_1", key="k"))
    for _ in range(5):
        await asyncio.sleep(0.05)
        clock.advance(LEASE_S - 0.5)  # it is renewed in between
    purchases.held.set()
    replies = await asyncio.gather(first, retry)
    assert [reply.status for reply in replies] == [201, 201]
    assert len(purchases.bought) == 1
    assert "true" in [reply.headers.get("idempotency-replayed") for reply in replies]


async def test_who_waits_too_long_for_the_first_request_is_asked_to_try_again(
    client: RestClient, purchases: Purchases, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(idempotency, "PATIENCE_S", 0.0)
    purchases.held = asyncio.Event()
    first = asyncio.create_task(client.post("/buy", {"amount": "1.00"}, token="usr_1", key="k"))
    await eventually(lambda: purchases.waiting)
    reply = await client.post("/buy", {"amount": "1.00"}, token="usr_1", key="k")
    assert (reply.status, reply.json["code"]) == (409, "request_in_progress")
    purchases.held.set()
    assert (await first).status == 201


async def test_keys_belong_to_their_principal(client: RestClient, purchases: Purchases) -> None:
    for user in ("usr_1", "usr_2"):
        assert (await client.post("/buy", {"amount": "1.00"}, token=user, key="k")).status == 201
    assert len(purchases.bought) == 2


async def test_keys_are_forgotten_after_a_day(
    client: RestClient, purchases: Purchases, plain_db: Database, clock: FakeClock
) -> None:
    for key in ("k1", "k2"):
        await client.post("/buy", {"amount": "1.00"}, token="usr_1", key=key)
    await client.post("/buy", {"amount": "1.00"}, token="usr_2", key="k1")
    clock.advance(24 * 3600 + 1)
    assert (await client.post("/buy", {"amount": "2.00"}, token="usr_1", key="k1")).status == 201
    async with plain_db.snapshot() as tx:
        kept = await tx.all(select(tables.http_idempotency.c.principal, tables.http_idempotency.c.key))
    assert sorted(map(tuple, kept)) == [("usr_1", "k1"), ("usr_2", "k1")]


async def test_a_refusal_is_remembered(client: RestClient, purchases: Purchases) -> None:
    purchases.problem = InsufficientFunds("short", missing="1")
    first = await client.post("/buy", {"amount": "1.00"}, token="usr_1", key="k")
    purchases.problem = None
    again = await client.post("/buy", {"amount": "1.00"}, token="usr_1", key="k")
    assert (first.status, again.status, again.json["missing"]) == (402, 402, "1")
    assert purchases.bought == []


async def test_our_own_failure_is_not_remembered(client: RestClient, purchases: Purchases) -> None:
    purchases.problem = Unavailable("away")
    assert (await client.post("/buy", {"amount": "1.00"}, token="usr_1", key="k")).status == 503
    purchases.problem = None
    assert (await client.post("/buy", {"amount": "1.00"}, token="usr_1", key="k")).status == 201


async def test_parallel_repeats_buy_once(client: RestClient, purchases: Purchases) -> None:
    replies = await asyncio.gather(
        *(client.post("/buy", {"amount": "1.00"}, token="usr_1", key="k") for _ in range(8))
    )
    assert purchases.bought == [1_000_000]
    assert {reply.status for reply in replies} <= {201, 409}


def test_a_route_without_a_policy_stops_the_start() -> None:
    routes = APIRouter()
    routes.add_api_route("/naked", lambda: None)
    with pytest.raises(AssertionError, match="declares no policy"):
        rest(routes)


async def test_a_sign_in_may_be_too_old_for_a_route() -> None:
    routes = APIRouter()

    @routes.get("/vault", **route(permission="orders:read", max_auth_age_s=300))
    async def vault() -> dict[str, str]:
        return {}

    clock = FakeClock()
    client = rest(routes, clock=clock)
    assert (await client.get("/vault", token="usr_1")).status == 200
    clock.advance(301)
    refused = await client.get("/vault", token="usr_1")
    assert (refused.status, refused.json["code"]) == (401, "insufficient_user_authentication")
    assert 'error="insufficient_user_authentication", max_age="300"' in refused.headers["www-authenticate"]


async def test_each_route_has_its_own_limits_of_size_and_time() -> None:
    routes = APIRouter()

    @routes.post("/small", **route(permission="public", audit="x:y:z", body_limit_bytes=10, time_limit_s=3))
    async def small(request: Request) -> dict[str, int]:
        return {"length": len(await request.body()), "left_s": round(current().left_s() or 0)}

    @routes.post("/endless", **route(permission="public", audit="x:y:z", kind="stream"))
    async def endless(request: Request) -> dict[str, Any]:
        return {"length": len(await request.body()), "left_s": current().left_s()}

    client = rest(routes)
    assert (await client.post("/small", b"x" * 10)).json == {"length": 10, "left_s": 3}
    assert (await client.post("/small", b"x" * 11)).json["code"] == "too_large"
    assert (await client.post("/endless", b"x" * 3_000_000)).json == {"length": 3_000_000, "left_s": None}


@pytest.mark.parametrize(
    "wrong",
    [
        {"permission": "orders:read", "kind": "telegram"},
        {"permission": "orders:read", "limit": "often"},
        {"permission": "orders:read", "owner": "public"},
        {"permission": "orders:read", "body_limit_bytes": -1},
        {"permission": "public", "owner": "any"},
        {"permission": "public", "max_auth_age_s": 60},
        {"permission": "public", "second_factor": True},
    ],
)
def test_a_declaration_that_makes_no_sense_is_refused(wrong: Any) -> None:
    with pytest.raises(AssertionError):
        route(**wrong)


def test_a_websocket_without_a_policy_or_of_another_kind_stops_the_start() -> None:
    async def socket(websocket: WebSocket) -> None:
        await websocket.accept()

    naked, plain = APIRouter(), APIRouter()
    naked.add_api_websocket_route("/ws", socket)
    with pytest.raises(AssertionError, match="declares no policy"):
        rest(naked)
    plain.add_api_route("/ws", lambda: None, **route(permission="public", kind="websocket"))
    with pytest.raises(AssertionError, match="declares no policy"):
        rest(plain)


def test_a_permission_that_no_manifest_declares_stops_the_start() -> None:
    routes = APIRouter()
    routes.add_api_route("/x", lambda: None, **route(permission="nobody:knows"))
    with pytest.raises(AssertionError, match="nobody:knows"):
        rest(routes)


def test_a_write_without_an_audit_tag_stops_the_start() -> None:
    routes = APIRouter()
    routes.add_api_route("/w", lambda: None, methods=["POST"], **route(permission="orders:write"))
    with pytest.raises(AssertionError, match="audit tag"):
        rest(routes)


GOOD = b'{"amount": "1.00"}'
UNREADABLE = [
    b"{",
    b"[" * 100_000,
    GOOD.decode().encode("utf-16"),
    GOOD.decode().encode("utf-16-le"),
    GOOD.decode().encode("utf-32"),
    b"\xef\xbb\xbf" + GOOD,
    b'{"amount": "\xff"}',
    b'{"amount": "1.00", "amount": "2.00"}',
    b'{"amount": "1.00", "bytes": {"a": 1, "a": 1}}',
    b'{"amount": NaN}',
    b'{"amount": -Infinity}',
]


@pytest.mark.parametrize("body", UNREADABLE)
async def test_a_body_that_can_be_read_in_two_ways_is_malformed(body: bytes) -> None:
    client = rest(router(Purchases()))
    for path, token in (("/say", ""), ("/admin", "usr_boss:admin")):
        reply = await client.call("POST", path, body, token)
        assert (reply.status, reply.json["code"]) == (400, "malformed"), path
    assert (await client.call("POST", "/say", GOOD)).status == 200


@pytest.mark.parametrize("body", [*UNREADABLE, b"{}", b'{"amount": 7}'])
async def test_who_may_not_come_in_is_told_that_first(body: bytes) -> None:
    client = rest(router(Purchases()))
    assert (await client.call("POST", "/admin", body)).status == 401
    assert (await client.call("POST", "/admin", body, "forged")).status == 401
    assert (await client.call("POST", "/admin", body, "usr_ann")).status == 403
