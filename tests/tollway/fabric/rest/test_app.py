"""The manners that every route gets: policies, problems, correlation ids, idempotency."""

import asyncio

import pytest
from fastapi import APIRouter, Response

from tests.kit.rest import RestClient, rest
from tollway.fabric.db import Database
from tollway.fabric.rest import (
    Answer,
    Body,
    IdempotencyKey,
    PositiveMoney,
    PositiveUnits,
    Who,
    idempotent,
    policy,
)
from tollway.fabric.rpc import current
from tollway.kit.errors import InsufficientFunds, Unavailable


class Buy(Body):
    amount: PositiveMoney
    bytes: PositiveUnits = 1


class Shop:
    """A room whose every purchase can be counted."""

    def __init__(self) -> None:
        self.bought: list[int] = []
        self.problem: Exception | None = None


def router(shop: Shop, db: Database | None = None) -> APIRouter:
    routes = APIRouter()

    @routes.get("/open", **policy(permission="public", owner="public"))
    async def open_() -> dict[str, str]:
        return {"correlation_id": current().correlation_id}

    @routes.get("/mine", **policy(permission="orders:read"))
    async def mine(who: Who) -> dict[str, str]:
        return {"user_id": who.user_id, "acting": current().user_id}

    @routes.get("/admin", **policy(permission="admin:write", owner="any"))
    async def admin() -> dict[str, str]:
        return {}

    @routes.get("/bug", **policy(permission="public", owner="public"))
    async def bug() -> None:
        raise ZeroDivisionError("secret internals")

    @routes.post("/buy", **policy(permission="orders:write", audit="shop:item:buy"))
    async def buy(body: Buy, who: Who, key: IdempotencyKey) -> Response:
        async def work() -> Answer:
            if shop.problem:
                raise shop.problem
            shop.bought.append(body.amount)
            await asyncio.sleep(0)
            return Answer(201, body)

        assert db is not None
        return await idempotent(db, who, key, body, work)

    return routes


@pytest.fixture
def shop() -> Shop:
    return Shop()


@pytest.fixture
def client(shop: Shop, plain_db: Database) -> RestClient:
    return rest(router(shop, plain_db))


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
        ({"amount": "1", "bytes": "1.5"}, 422, "bytes"),
        ({"amount": "1", "bytes": 7}, 422, "bytes"),
    ],
)
async def test_bad_bodies_are_refused_by_name_and_change_nothing(
    client: RestClient, shop: Shop, body: object, status: int, field: str
) -> None:
    reply = await client.post("/buy", body, token="usr_1", key="k")
    assert reply.status == status
    assert field in reply.json["detail"]
    assert shop.bought == []


async def test_a_money_route_demands_an_idempotency_key(client: RestClient, shop: Shop) -> None:
    reply = await client.post("/buy", {"amount": "1.00"}, token="usr_1")
    assert (reply.status, reply.json["code"]) == (400, "idempotency_key_missing")
    assert shop.bought == []


async def test_a_repeated_request_gets_the_first_answer(client: RestClient, shop: Shop) -> None:
    first = await client.post("/buy", {"amount": "1.00"}, token="usr_1", key="k")
    again = await client.post("/buy", {"amount": "1.00"}, token="usr_1", key="k")
    assert (first.status, first.body) == (again.status, again.body) == (201, b'{"amount":"1.00","bytes":"1"}')
    assert again.headers["idempotency-replayed"] == "true"
    assert shop.bought == [1_000_000]


async def test_a_key_reused_with_another_body_is_refused(client: RestClient, shop: Shop) -> None:
    await client.post("/buy", {"amount": "1.00"}, token="usr_1", key="k")
    other = await client.post("/buy", {"amount": "2.00"}, token="usr_1", key="k")
    assert (other.status, other.json["code"]) == (422, "idempotency_key_reused")
    assert shop.bought == [1_000_000]


async def test_keys_belong_to_their_principal(client: RestClient, shop: Shop) -> None:
    for user in ("usr_1", "usr_2"):
        assert (await client.post("/buy", {"amount": "1.00"}, token=user, key="k")).status == 201
    assert len(shop.bought) == 2


async def test_a_refusal_is_remembered(client: RestClient, shop: Shop) -> None:
    shop.problem = InsufficientFunds("short", missing="1")
    first = await client.post("/buy", {"amount": "1.00"}, token="usr_1", key="k")
    shop.problem = None
    again = await client.post("/buy", {"amount": "1.00"}, token="usr_1", key="k")
    assert (first.status, again.status, again.json["missing"]) == (402, 402, "1")
    assert shop.bought == []


async def test_our_own_failure_is_not_remembered(client: RestClient, shop: Shop) -> None:
    shop.problem = Unavailable("away")
    assert (await client.post("/buy", {"amount": "1.00"}, token="usr_1", key="k")).status == 503
    shop.problem = None
    assert (await client.post("/buy", {"amount": "1.00"}, token="usr_1", key="k")).status == 201


async def test_parallel_repeats_buy_once(client: RestClient, shop: Shop) -> None:
    replies = await asyncio.gather(
        *(client.post("/buy", {"amount": "1.00"}, token="usr_1", key="k") for _ in range(8))
    )
    assert shop.bought == [1_000_000]
    assert {reply.status for reply in replies} <= {201, 409}


def test_a_route_without_a_policy_stops_the_start() -> None:
    routes = APIRouter()
    routes.add_api_route("/naked", lambda: None)
    with pytest.raises(AssertionError, match="declares no policy"):
        rest(routes)


def test_a_write_without_an_audit_tag_stops_the_start() -> None:
    routes = APIRouter()
    routes.add_api_route("/w", lambda: None, methods=["POST"], **policy(permission="orders:write"))
    with pytest.raises(AssertionError, match="audit tag"):
        rest(routes)
