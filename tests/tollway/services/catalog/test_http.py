"""The catalogue as a browser, a customer and an operator see it."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from tests.kit.clock import FakeClock
from tests.kit.market import GB, STANDARD, Market, running_market
from tests.kit.rest import RestClient, rest
from tollway.fabric.rest.sql import SqlAnswers
from tollway.services.catalog.http import router

ADMIN = "usr_root:admin"
CALCULATE = "/api/billing/calculate-price"


@pytest.fixture
async def market(tmp_path: Path, clock: FakeClock) -> AsyncIterator[Market]:
    async with running_market("sqlite", tmp_path, clock) as opened:
        yield opened


@pytest.fixture
def api(market: Market) -> RestClient:
    return rest(router(market.catalog, SqlAnswers(market.catalog.db)))


async def test_anybody_can_browse_what_is_for_sale(api: RestClient) -> None:
    reply = await api.get("/api/catalog/assets")
    assert reply.status == 200
    standard = next(item for item in reply.json["items"] if item["asset"] == STANDARD)
    assert standard["protocols"] == ["http", "https", "socks5"]
    assert standard["price"] == {
        "currency": "USD",
        "ask": "3.00",
        "bid": "2.70",
        "list_price": "3.00",
        "lot_units": "1000000000",
    }
    assert standard["available_units"] == "100000000000000"
    assert standard["validity_s"] == 90 * 86400


async def test_a_single_asset_has_a_tag_and_is_not_sent_twice(api: RestClient) -> None:
    path = f"/api/catalog/assets/{STANDARD}"
    first = await api.get(path)
    again = await api.get(path, **{"If-None-Match": first.headers["etag"]})
    assert (again.status, again.body, again.headers["etag"]) == (304, b"", first.headers["etag"])
    euros = await api.get(path + "?currency=EUR", **{"If-None-Match": first.headers["etag"]})
    assert (euros.status, euros.json["price"]["ask"]) == (200, "2.80")


async def test_the_tag_changes_with_the_price(api: RestClient) -> None:
    path = f"/api/catalog/assets/{STANDARD}"
    first = await api.get(path)
    change = {"asset": STANDARD, "currency": "USD", "list_price": "3.50"}
    assert (await api.call("PATCH", "/api/admin/prices", change, ADMIN)).status == 200
    second = await api.get(path, **{"If-None-Match": f'"other", W/{first.headers["etag"]}'})
    assert (second.status, second.json["price"]["ask"]) == (200, "3.50")


async def test_plans_are_prepaid_bandwidth(api: RestClient) -> None:
    reply = await api.get("/api/catalog/plans?currency=EUR")
    plan = next(item for item in reply.json["items"] if item["id"] == f"{STANDARD}.10")
    assert (plan["kind"], plan["quantity"], plan["price"]) == ("prepaid", "10000000000", "28.00")
    assert (await api.get("/api/billing/plans?currency=EUR")).json == reply.json


async def test_locations_are_the_operators_own(api: RestClient) -> None:
    assert [item["id"] for item in (await api.get("/api/catalog/locations")).json["items"]] == ["direct"]


async def test_prices_show_now_and_before(api: RestClient, market: Market) -> None:
    await market.catalog.editor.set_price(STANDARD, "USD", 4_000_000, "usr_root")
    first = await api.get(f"/api/catalog/prices?asset={STANDARD}&currency=USD&limit=1")
    assert first.json["now"]["ask"] == "4.00"
    assert [item["list_price"] for item in first.json["items"]] == ["4.00"]
    second = await api.get(
        f"/api/catalog/prices?asset={STANDARD}&currency=USD&limit=1&cursor={first.json['next_cursor']}"
    )
    assert [item["list_price"] for item in second.json["items"]] == ["3.00"]


async def test_a_price_can_be_calculated_without_an_account(api: RestClient) -> None:
    reply = await api.post(CALCULATE, {"asset": STANDARD, "quantity": "1500000000", "currency": "USD"})
    assert (reply.status, reply.json["price"]) == (200, "4.50")


@pytest.mark.parametrize(
    "change",
    [
        {"quantity": "0"},
        {"quantity": "-1000000000"},
        {"quantity": "1.5"},
        {"quantity": 1000000000},
        {"quantity": "999999"},
        {"quantity": "99999999999999999999"},
        {"quantity": None},
        {"currency": "usd"},
        {"currency": "GBP"},
        {"asset": "A B"},
        {"asset": "a\x00"},
        {"surprise": 1},
    ],
)
async def test_what_cannot_be_priced_is_refused(change: dict[str, Any], api: RestClient) -> None:
    body = {"asset": STANDARD, "quantity": "1000000000", "currency": "USD"} | change
    reply = await api.post(CALCULATE, body)
    assert (reply.status, reply.json["code"]) == (422, "invalid")


async def test_bad_addresses_and_bodies_are_refused_by_cause(api: RestClient) -> None:
    assert (await api.post(CALCULATE, b"{")).json["code"] == "malformed"
    unknown = await api.get("/api/catalog/assets/nothing.at.all")
    assert (unknown.status, unknown.json["code"]) == (404, "unknown_asset")
    assert (await api.get("/api/catalog/assets/%00")).status == 404
    for path in ("prices?asset=%00", f"prices?asset={STANDARD}&cursor=%00", "prices"):
        assert (await api.get(f"/api/catalog/{path}")).status == 422, path
    for limit in ("0", "-1", "201", "x"):
        assert (await api.get(f"/api/catalog/prices?asset={STANDARD}&limit={limit}")).status == 422


async def test_only_an_operator_sets_prices_and_issues_capacity(api: RestClient) -> None:
    price = {"asset": STANDARD, "currency": "USD", "list_price": "3.50"}
    capacity = {"asset": STANDARD, "quantity": "1000000000"}
    for token, status in (("", 401), ("usr_1", 403), ("usr_2:support", 403)):
        assert (await api.call("PATCH", "/api/admin/prices", price, token)).status == status
        assert (await api.post("/api/admin/capacity", capacity, token, "k")).status == status


async def test_an_operator_issues_capacity_once_per_key(api: RestClient, market: Market) -> None:
    body = {"asset": STANDARD, "quantity": str(5 * GB)}
    before = (await market.catalog.product(STANDARD)).capacity_units
    first = await api.post("/api/admin/capacity", body, ADMIN, "key-1")
    again = await api.post("/api/admin/capacity", body, ADMIN, "key-1")
    assert (first.status, first.json["done"]) == (201, True)
    assert again.json == first.json
    assert (await market.catalog.product(STANDARD)).capacity_units == before + 5 * GB
    assert (await api.post("/api/admin/capacity", body, ADMIN)).json["code"] == "idempotency_key_missing"
    other = await api.post("/api/admin/capacity", body | {"quantity": "1"}, ADMIN, "key-1")
    assert other.json["code"] == "idempotency_key_reused"


@pytest.mark.parametrize("list_price", ["0", "-1.00", "0.0000001", "1e3", "99999999999999", 3, None])
async def test_a_wrong_list_price_is_refused(list_price: Any, api: RestClient) -> None:
    body = {"asset": STANDARD, "currency": "USD", "list_price": list_price}
    assert (await api.call("PATCH", "/api/admin/prices", body, ADMIN)).status == 422
