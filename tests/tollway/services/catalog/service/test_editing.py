"""Products and plans are the operator's: added, renamed, hidden, and told of by events."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from tests.kit.clock import FakeClock
from tests.kit.databases import Kind
from tests.kit.market import GB, STANDARD, USD, Market, running_market
from tests.kit.rest import Reply, RestClient, rest
from tollway.fabric.db import tables
from tollway.fabric.rest.sql import SqlAnswers
from tollway.kit.errors import Unavailable
from tollway.services.catalog.http import router

ADMIN = "usr_root:admin"
PRODUCTS, PLANS = "/api/admin/catalog/products", "/api/admin/catalog/plans"
MOBILE: dict[str, Any] = {
    "asset": "bandwidth.mobile.standard",
    "name": "Mobile bandwidth",
    "validity_s": 30 * 86_400,
    "prices": {"USD": "8.00"},
}


@pytest.fixture
async def market(kind: Kind, tmp_path: Path, clock: FakeClock) -> AsyncIterator[Market]:
    async with running_market(kind, tmp_path, clock) as opened:
        yield opened


@pytest.fixture
def api(market: Market) -> RestClient:
    return rest(router(market.catalog, SqlAnswers(market.catalog.db)))


async def add(api: RestClient, key: str = "key-1", **changes: Any) -> Reply:
    return await api.post(PRODUCTS, MOBILE | changes, ADMIN, key)


async def on_sale(api: RestClient, path: str = "/api/catalog/assets") -> list[str]:
    return [item["asset"] for item in (await api.get(path)).json["items"]]


async def published(market: Market, topic: str) -> list[str]:
    async with market.catalog_db.snapshot() as tx:
        rows = await tx.all(select(tables.outbox.c.data).where(tables.outbox.c.type == topic))
    return [row.data for row in rows]


async def test_a_product_is_added_priced_stocked_and_bought(api: RestClient, market: Market) -> None:
    made = await add(api)
    assert (made.status, made.json["active"], made.json["lot_units"]) == (201, True, "1000000000")
    assert made.json["validity_s"] == 30 * 86_400
    assert market.ledger.assets["bandwidth.mobile.standard"].unit == "byte"
    assert "bandwidth.mobile.standard" in await on_sale(api)
    capacity = {"asset": "bandwidth.mobile.standard", "quantity": str(1000 * GB)}
    assert (await api.post("/api/admin/capacity", capacity, ADMIN, "key-2")).status == 201
    market.ledger.give("usr_ann", "USD", 20 * USD)
    order = await market.orders.market.place(
        "usr_ann", "bandwidth.mobile.standard", 2 * GB, "USD", None, "key-3"
    )
    assert (order.state, order.terms.price) == ("filled", 16 * USD)
    assert '"active":true' in (await published(market, "PRODUCT_CHANGED"))[-1]


async def test_a_repeat_adds_nothing_and_a_second_product_of_that_asset_is_refused(api: RestClient) -> None:
    first = await add(api)
    assert (await add(api)).json == first.json
    again = await add(api, "key-2")
    assert (again.status, again.json["code"]) == (409, "conflict")


async def test_a_ledger_that_does_not_answer_leaves_no_product_behind(
    api: RestClient, market: Market
) -> None:
    market.catalog_asks.faults.add("ledger.DefineAsset", Unavailable())
    assert (await add(api)).status == 503
    assert "bandwidth.mobile.standard" not in await on_sale(api)
    assert (await add(api)).status == 201


@pytest.mark.parametrize(
    "wrong",
    [
        {"asset": "Mobile"},
        {"asset": "a b"},
        {"name": ""},
        {"name": "line\nbreak"},
        {"protocols": []},
        {"protocols": ["gopher"]},
        {"unit": "seat"},
        {"lot_units": "0"},
        {"min_units": "5", "max_units": "4"},
        {"max_units": str(2**63)},
        {"validity_s": -1},
        {"validity_s": 10**12},
        {"prices": {"USD": "0"}},
        {"prices": {"USD": "-1.00"}},
        {"prices": {"GBP": "1.00"}},
        {"prices": {"USD": "99999999.00"}, "max_units": str(10**18), "lot_units": "1"},
        {"surprise": 1},
    ],
)
async def test_a_product_that_cannot_be_sold_is_refused(wrong: dict[str, Any], api: RestClient) -> None:
    reply = await add(api, **wrong)
    assert (reply.status, reply.json["code"]) == (422, "invalid")


async def test_an_asset_that_is_money_is_no_product(api: RestClient, market: Market) -> None:
    reply = await add(api, asset="USD")
    assert reply.status == 422
    assert len(await market.catalog.editor.products()) == 3


async def test_a_product_is_renamed_and_its_sizes_changed(api: RestClient, market: Market) -> None:
    change = {"name": "Bandwidth, quarterly", "max_units": str(50 * GB), "validity_s": 86_400}
    reply = await api.call("PATCH", f"{PRODUCTS}/{STANDARD}", change, ADMIN)
    assert (reply.status, reply.json["name"], reply.json["validity_s"]) == (200, change["name"], 86_400)
    shown = (await api.get(f"/api/catalog/assets/{STANDARD}")).json
    assert (shown["name"], shown["max_units"]) == (change["name"], str(50 * GB))
    assert change["name"] in (await published(market, "PRODUCT_CHANGED"))[-1]
    assert (await api.call("PATCH", f"{PRODUCTS}/{STANDARD}", change, ADMIN)).status == 200
    assert len(await published(market, "PRODUCT_CHANGED")) == 1, "what changes nothing is no news"


@pytest.mark.parametrize(
    "wrong",
    [
        {},
        {"name": None},
        {"asset": "other"},
        {"lot_units": "5"},
        {"unit": "seat"},
        {"capacity_units": "5"},
        {"min_units": str(20_000 * GB)},
        {"active": "no"},
    ],
)
async def test_a_change_that_cannot_be_is_refused(wrong: dict[str, Any], api: RestClient) -> None:
    reply = await api.call("PATCH", f"{PRODUCTS}/{STANDARD}", wrong, ADMIN)
    assert (reply.status, reply.json["code"]) == (422, "invalid")


async def test_a_hidden_product_is_not_listed_and_not_sold_and_comes_back(
    api: RestClient, market: Market
) -> None:
    quoted = await market.orders.quotes.offer("usr_ann", STANDARD, GB, "USD")
    assert (await api.call("PATCH", f"{PRODUCTS}/{STANDARD}", {"active": False}, ADMIN)).status == 200
    for path in ("/api/catalog/assets", "/api/catalog/plans", "/api/billing/plans"):
        assert STANDARD not in await on_sale(api, path)
    wanted = {"asset": STANDARD, "quantity": str(GB), "currency": "USD"}
    refused = await api.post("/api/billing/calculate-price", wanted)
    assert "not for sale now" in refused.json["detail"]
    market.ledger.give("usr_ann", "USD", 20 * USD)
    kept = await market.orders.market.place_quoted("usr_ann", quoted.id, "key")
    assert kept.state == "filled", "a quote that was given is kept"
    hidden = {one["asset"]: one["active"] for one in (await api.get(PRODUCTS, ADMIN)).json["items"]}
    assert hidden[STANDARD] is False
    await api.call("PATCH", f"{PRODUCTS}/{STANDARD}", {"active": True}, ADMIN)
    assert STANDARD in await on_sale(api, "/api/catalog/plans")


async def test_plans_are_added_hidden_and_offered_again(api: RestClient, market: Market) -> None:
    made = await api.post(PLANS, {"asset": STANDARD, "quantity": str(25 * GB)}, ADMIN, "key")
    assert made.status == 201
    offered = {item["id"]: item for item in (await api.get("/api/catalog/plans")).json["items"]}
    assert offered[made.json["id"]]["price"] == "75.00"
    for active, there in ((False, False), (True, True)):
        changed = await api.call("PATCH", f"{PLANS}/{made.json['id']}", {"active": active}, ADMIN)
        assert (changed.status, changed.json["active"]) == (200, active)
        ids = [item["id"] for item in (await api.get("/api/catalog/plans")).json["items"]]
        assert (made.json["id"] in ids) is there
        assert made.json["id"] in [one["id"] for one in (await api.get(PLANS, ADMIN)).json["items"]]
    assert len(await published(market, "PLAN_CHANGED")) == 3


async def test_plans_that_cannot_be_are_refused(api: RestClient) -> None:
    for body, status in (
        ({"asset": "nothing.at.all", "quantity": "1000000000"}, 404),
        ({"asset": STANDARD, "quantity": "1"}, 422),
        ({"asset": STANDARD, "quantity": str(10 * GB)}, 409),
    ):
        assert (await api.post(PLANS, body, ADMIN, f"key-{status}")).status == status
    assert (await api.call("PATCH", f"{PLANS}/pln_none", {"active": False}, ADMIN)).status == 404
    assert (await api.call("PATCH", f"{PRODUCTS}/nothing.at.all", {"active": False}, ADMIN)).status == 404


async def test_support_may_look_and_only_operators_change(api: RestClient) -> None:
    for token, status in (("", 401), ("usr_1", 403), ("usr_2:support", 200), (ADMIN, 200)):
        for path in (PRODUCTS, PLANS):
            assert (await api.get(path, token)).status == status
    for token, status in (("", 401), ("usr_1", 403), ("usr_2:support", 403)):
        assert (await api.post(PRODUCTS, MOBILE, token, "k")).status == status
        assert (await api.call("PATCH", f"{PRODUCTS}/{STANDARD}", {"active": False}, token)).status == status
        assert (
            await api.post(PLANS, {"asset": STANDARD, "quantity": "1000000000"}, token, "k")
        ).status == status
        assert (await api.call("PATCH", f"{PLANS}/{STANDARD}.1", {"active": False}, token)).status == status
