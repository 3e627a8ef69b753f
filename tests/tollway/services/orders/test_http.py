"""Orders as a customer sees them."""

import asyncio
from collections.abc import AsyncIterator, Awaitable
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.kit import virtual_time
from tests.kit.clock import FakeClock
from tests.kit.ledger_in_memory import LedgerInMemory
from tests.kit.market import CURRENCIES, GB, STANDARD, USD, Market, running_market
from tests.kit.rest import Reply, RestClient, rest
from tollway.fabric.rest.sql import SqlAnswers
from tollway.kit.ids import new_id
from tollway.kit.money import money_text
from tollway.services.catalog.http import router as catalog_router
from tollway.services.catalog.model import FIRST_CAPACITY_UNITS, FIRST_CATALOGUE
from tollway.services.orders.http import router

ANN, BEN = "usr_ann", "usr_ben"
WANTED = {"asset": STANDARD, "quantity": "1000000000", "currency": "USD"}


@pytest.fixture
async def market(tmp_path: Path, clock: FakeClock) -> AsyncIterator[Market]:
    async with running_market("sqlite", tmp_path, clock) as opened:
        opened.ledger.give(ANN, "USD", 20 * USD)
        yield opened


@pytest.fixture
def api(market: Market) -> RestClient:
    return rest(router(market.orders, SqlAnswers(market.orders.db)))


async def test_quote_buy_look(api: RestClient) -> None:
    quote = await api.post("/api/orders/quote", WANTED | {"side": "buy"}, ANN)
    assert (quote.status, quote.json["price"], quote.json["fee"], quote.json["total"]) == (
        201,
        "3.00",
        "0.00",
        "3.00",
    )
    assert quote.json["expires_at"] == "2026-11-22T00:00:30.000000Z"

    placed = await api.post("/api/orders", {"quote_id": quote.json["id"]}, ANN, "key-1")
    assert (placed.status, placed.json["state"], placed.json["price"]) == (201, "filled", "3.00")

    shown = (await api.get(f"/api/orders/{placed.json['id']}", ANN)).json
    steps = [step["state"] for step in shown.pop("steps")]
    assert shown == placed.json
    assert steps == ["placed", "funds_held", "allocated", "filled"]

    (listed,) = (await api.get("/api/orders", ANN)).json["items"]
    assert listed == placed.json
    assert (await api.get("/api/billing/orders", ANN)).json["items"] == [listed]

    portfolio = (await api.get("/api/portfolio?currency=USD", ANN)).json
    assert portfolio["cash"] == [{"currency": "USD", "balance": "17.00", "available": "17.00"}]
    (holding,) = portfolio["holdings"]
    assert (holding["remaining"], holding["consumed"], holding["market_value"]) == ("1000000000", "0", "2.70")
    assert holding["costs"][0]["average_cost"] == "3.00"
    assert holding["lots"][0]["transaction_id"] is not None


async def test_the_first_answer_is_repeated_for_the_same_key(api: RestClient, market: Market) -> None:
    first = await api.post("/api/orders", WANTED | {"max_price": "3.00"}, ANN, "key-1")
    again = await api.post("/api/orders", WANTED | {"max_price": "3.00"}, ANN, "key-1")
    assert (again.status, again.json, again.headers["idempotency-replayed"]) == (201, first.json, "true")
    assert market.ledger.counters("user", ANN, STANDARD, "available").balance == GB
    other = await api.post("/api/orders", WANTED | {"quantity": "2000000000"}, ANN, "key-1")
    assert (other.status, other.json["code"]) == (422, "idempotency_key_reused")
    missing = await api.post("/api/orders", WANTED, ANN)
    assert (missing.status, missing.json["code"]) == (400, "idempotency_key_missing")


async def test_refusals_have_their_own_status_and_code(api: RestClient, market: Market) -> None:
    poor = await api.post("/api/orders", WANTED, BEN, "key-1")
    assert (poor.status, poor.json["code"]) == (402, "insufficient_funds")
    assert "3.00 USD" in poor.json["detail"]
    failed = await api.get(f"/api/orders/{poor.json['order_id']}", BEN)
    assert (failed.json["state"], failed.json["reason"]) == ("failed", "insufficient_funds")
    again = await api.post("/api/orders", WANTED, BEN, "key-1")
    assert (again.status, again.json["order_id"]) == (402, poor.json["order_id"])

    dear = await api.post("/api/orders", WANTED | {"max_price": "2.99"}, ANN, "key-2")
    assert (dear.status, dear.json["code"]) == (409, "price_exceeded")

    quote = (await api.post("/api/orders/quote", WANTED, ANN)).json
    market.clock.advance(30)
    stale = await api.post("/api/orders", {"quote_id": quote["id"]}, ANN, "key-3")
    assert (stale.status, stale.json["code"]) == (409, "quote_stale")

    market.ledger.sell(STANDARD, 100_000 * GB)
    sold_out = await api.post("/api/orders", WANTED, ANN, "key-4")
    assert (sold_out.status, sold_out.json["code"]) == (409, "sold_out")


async def test_what_belongs_to_another_does_not_exist(api: RestClient) -> None:
    quote = (await api.post("/api/orders/quote", WANTED, ANN)).json
    order = (await api.post("/api/orders", WANTED, ANN, "key-1")).json
    assert (await api.post("/api/orders", {"quote_id": quote["id"]}, BEN, "key-1")).status == 404
    assert (await api.get(f"/api/orders/{order['id']}", BEN)).status == 404
    assert (await api.call("DELETE", f"/api/orders/{order['id']}", token=BEN)).status == 404
    for order_id in ("x", "%00", new_id("ord"), new_id("usr"), "ord_" + "u" * 26):
        assert (await api.get(f"/api/orders/{order_id}", ANN)).status == 404, order_id
    for quote_id in ("x", "\x00", new_id("quo")):
        assert (await api.post("/api/orders", {"quote_id": quote_id}, ANN, new_id("key"))).status == 404


@pytest.mark.parametrize(
    "change",
    [
        {"quantity": "0"},
        {"quantity": "-1000000000"},
        {"quantity": "1000000000.5"},
        {"quantity": 1000000000},
        {"quantity": 1e9},
        {"quantity": True},
        {"quantity": "999999"},
        {"quantity": "10000000000001"},
        {"quantity": "9223372036854775808"},
        {"quantity": None},
        {"currency": "usd"},
        {"currency": "GBP"},
        {"currency": "U\x00D"},
        {"asset": ""},
        {"asset": "a\x00b"},
        {"surprise": 1},
    ],
)
async def test_wrong_values_are_refused_and_buy_nothing(
    change: dict[str, Any], api: RestClient, market: Market
) -> None:
    for path in ("/api/orders/quote", "/api/orders"):
        reply = await api.post(path, WANTED | change, ANN, new_id("key"))
        assert (reply.status, reply.json["code"]) == (422, "invalid"), path
    assert (await market.orders.market.list(ANN, 10, "")).items == []


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"asset": STANDARD},
        {"quote_id": "quo_1", **WANTED},
        {"quote_id": "quo_1", "max_price": "3.00"},
        WANTED | {"max_price": "0"},
        WANTED | {"max_price": "-1.00"},
        WANTED | {"max_price": "0.0000001"},
        WANTED | {"max_price": 3},
        {"quote_id": 1},
        [],
        "x",
    ],
)
async def test_an_order_is_a_quote_or_a_market_order_and_nothing_else(body: Any, api: RestClient) -> None:
    assert (await api.post("/api/orders", body, ANN, "key-1")).status == 422


async def test_nobody_sells_yet(api: RestClient) -> None:
    assert (await api.post("/api/orders/quote", WANTED | {"side": "sell"}, ANN)).status == 422


async def test_without_a_token_there_is_nothing_to_see(api: RestClient) -> None:
    for method, path in (
        ("POST", "/api/orders/quote"),
        ("POST", "/api/orders"),
        ("GET", "/api/orders"),
        ("GET", "/api/portfolio"),
    ):
        assert (await api.call(method, path, {})).status == 401


async def test_an_order_that_is_not_settled_yet_is_accepted_and_can_be_cancelled(
    api: RestClient, market: Market
) -> None:
    market.orders_ask.faults.add("ledger")
    placed = await api.post("/api/orders", WANTED, ANN, "key-1")
    assert (placed.status, placed.json["state"]) == (202, "placed")
    path = f"/api/orders/{placed.json['id']}"
    before = await api.get(path, ANN)
    cancelled = await api.call("DELETE", path, token=ANN)
    assert (cancelled.status, cancelled.json["state"]) == (200, "cancelled")
    after = await api.get(path, ANN, **{"If-None-Match": before.headers["etag"]})
    assert (after.status, after.json["reason"]) == (200, "cancelled")
    assert (await api.get(path, ANN, **{"If-None-Match": after.headers["etag"]})).status == 304


async def test_a_settled_order_cannot_be_cancelled(api: RestClient) -> None:
    placed = await api.post("/api/orders", WANTED, ANN, "key-1")
    reply = await api.call("DELETE", f"/api/orders/{placed.json['id']}", token=ANN)
    assert (reply.status, reply.json["code"]) == (409, "conflict")


async def test_lists_are_paged(api: RestClient) -> None:
    for n in range(3):
        await api.post("/api/orders", WANTED, ANN, f"key-{n}")
    first = (await api.get("/api/orders?limit=2", ANN)).json
    second = (await api.get(f"/api/orders?limit=2&cursor={first['next_cursor']}", ANN)).json
    assert (len(first["items"]), len(second["items"]), second["next_cursor"]) == (2, 1, "")
    for query in ("limit=0", "limit=201", "limit=x", "cursor=x"):
        assert (await api.get(f"/api/orders?{query}", ANN)).status == 422


async def test_an_operator_finds_the_orders_of_everybody(api: RestClient, market: Market) -> None:
    ann, ben, operator = new_id("usr"), new_id("usr"), "usr_op:support"
    market.ledger.give(ann, "USD", 20 * USD)
    anns = [(await api.post("/api/orders", WANTED, ann, f"key-{n}")).json["id"] for n in range(2)]
    await api.post("/api/orders", WANTED, ben, "key-1")  # ben has no money: the order fails

    listed = (await api.get("/api/admin/orders", operator)).json["items"]
    assert [(one["user_id"], one["state"]) for one in listed] == [
        (ben, "failed"), (ann, "filled"), (ann, "filled"),
    ]  # fmt: skip
    of_ann = (await api.get(f"/api/admin/orders?user_id={ann}&sort=created_at&limit=1", operator)).json
    assert [one["id"] for one in of_ann["items"]] == anns[:1]
    rest_of = f"/api/admin/orders?user_id={ann}&sort=created_at&cursor={of_ann['next_cursor']}"
    assert [one["id"] for one in (await api.get(rest_of, operator)).json["items"]] == anns[1:]
    failed = (await api.get("/api/admin/orders?state=failed", operator)).json["items"]
    assert [one["user_id"] for one in failed] == [ben]

    shown = (await api.get(f"/api/admin/orders/{anns[0]}", operator)).json
    assert (shown["user_id"], shown["steps"][-1]["state"]) == (ann, "filled")
    assert (await api.get(f"/api/admin/orders/{new_id('ord')}", operator)).status == 404
    for query in ("user_id=x", "state=lost", "sort=total", "cursor=x"):
        assert (await api.get(f"/api/admin/orders?{query}", operator)).status == 422


async def test_an_operator_sees_how_sales_go(api: RestClient, market: Market) -> None:
    support = "usr_op:support"
    empty = (await api.get("/api/admin/overview/sales", support)).json
    assert empty == {"revenue": [], "open_orders": 0, "idle_orders": 0, "gave_up": 0}
    await api.post("/api/orders", WANTED, ANN, "key-1")
    market.clock.advance(8 * 86_400)
    await api.post("/api/orders", WANTED, ANN, "key-2")
    await api.post("/api/orders", WANTED, BEN, "key-3")  # fails: no money
    (dollars,) = (await api.get("/api/admin/overview/sales", support)).json["revenue"]
    assert dollars == {
        "currency": "USD", "today": "3.00", "last_7_days": "3.00", "last_30_days": "6.00", "orders_today": 1,
    }  # fmt: skip
    assert (await api.get("/api/admin/overview/sales", ANN)).status == 403


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(fee_ppm=st.integers(0, 999_999), quantity=st.integers(10**6, 2 * 10**9))
async def test_the_calculator_the_quote_and_the_ledger_agree(
    fee_ppm: int, quantity: int, api: RestClient, market: Market
) -> None:
    user_id, wanted = new_id("usr"), WANTED | {"quantity": str(quantity)}
    market.ledger.give(user_id, "USD", 20 * USD)
    market.set_fee(fee_ppm)
    line = await market.catalog.price_line(STANDARD, quantity, "USD")
    quote = (await api.post("/api/orders/quote", wanted, user_id)).json
    assert quote["total"] == money_text(line.total)
    order = (await api.post("/api/orders", {"quote_id": quote["id"]}, user_id, "key")).json
    assert (order["state"], order["total"]) == ("filled", quote["total"])
    assert market.ledger.counters("user", user_id, "USD", "available").balance == 20 * USD - line.total


FIRST = [product for product, _ in FIRST_CATALOGUE]


@pytest.mark.parametrize("sold_tenths", [0, 7, 8, 9, 10])
@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(drawn=st.data(), fee_ppm=st.integers(0, 999_999), currency=st.sampled_from(CURRENCIES))
async def test_the_calculator_and_the_quote_say_the_same_of_every_asset_currency_quantity_and_load(
    sold_tenths: int, drawn: st.DataObject, fee_ppm: int, currency: str, api: RestClient, market: Market
) -> None:
    product = drawn.draw(st.sampled_from(FIRST))
    quantity = drawn.draw(st.integers(product.min_units, product.max_units))
    market.set_fee(fee_ppm)
    await sell_tenths(market, product.asset, sold_tenths)
    market.clock.advance(60)  # quotes of earlier examples are over, and the inventory is read anew
    calculator = rest(catalog_router(market.catalog, SqlAnswers(market.catalog.db)))
    wanted = {"asset": product.asset, "quantity": str(quantity), "currency": currency}
    said = await calculator.post("/api/billing/calculate-price", wanted)
    quoted = await api.post("/api/orders/quote", wanted, new_id("usr"))
    assert (said.status, quoted.status) == (200, 201)
    assert {name: quoted.json[name] for name in SAID} == {name: said.json[name] for name in SAID}


SAID = ("asset", "quantity", "currency", "price", "fee", "total")


async def sell_tenths(market: Market, asset: str, tenths: int) -> None:
    """Have so much of the capacity sold."""
    inventory = market.ledger.counters("platform", "catalog", asset, "inventory")
    part = FIRST_CAPACITY_UNITS // 10
    for n in range(tenths - (FIRST_CAPACITY_UNITS - inventory.balance) // part):
        buyer = new_id("usr")
        market.ledger.give(buyer, "USD", 10**12)
        order = await market.orders.market.place(buyer, asset, part, "USD", None, f"key-{n}")
        assert order.state == "filled", order.reason


# ── a ledger that does not answer ───────────────────────────────────────────────────────────────────────


class Freezing:
    """A ledger that from some moment on takes calls and never answers, as a stopped process does."""

    def __init__(self, ledger: LedgerInMemory) -> None:
        self.ledger, self.frozen = ledger, False

    def __getattr__(self, method: str) -> Any:
        answer = getattr(self.ledger, method)

        async def answers_if_it_can(request: Any, context: Any) -> Any:
            if self.frozen:
                await asyncio.sleep(3600)
            return await answer(request, context)

        return answers_if_it_can


def test_with_a_frozen_ledger_whoever_is_at_a_checkout_is_answered_within_five_seconds(
    tmp_path: Path,
) -> None:
    virtual_time.run(partial(buy_while_the_ledger_is_frozen, tmp_path))


async def buy_while_the_ledger_is_frozen(folder: Path) -> None:
    clock = FakeClock()
    ledger: Any = Freezing(LedgerInMemory(clock))
    async with running_market("sqlite", folder, clock, ledger_api=ledger) as market:
        ledger.ledger.give(ANN, "USD", 20 * USD)
        store = SqlAnswers(market.orders.db)
        api = rest(router(market.orders, store), catalog_router(market.catalog, store))
        quote_id = (await api.post("/api/orders/quote", WANTED, ANN)).json["id"]
        ledger.frozen = True
        clock.advance(20)
        taken: dict[str, tuple[int, float]] = {}

        async def timed(name: str, asked: Awaitable[Reply]) -> Reply:
            began = asyncio.get_running_loop().time()
            reply = await asked
            taken[name] = (reply.status, asyncio.get_running_loop().time() - began)
            return reply

        await timed("assets", api.get("/api/catalog/assets"))
        await timed("price", api.post("/api/billing/calculate-price", WANTED))
        await timed("quote", api.post("/api/orders/quote", WANTED, ANN))
        await timed("orders", api.get("/api/orders", ANN))
        await timed("portfolio", api.get("/api/portfolio", ANN))
        placed = await timed("place", api.post("/api/orders", {"quote_id": quote_id}, ANN, "key-1"))
        await timed("place again", api.post("/api/orders", {"quote_id": quote_id}, ANN, "key-1"))
        assert max(seconds for _, seconds in taken.values()) < 5, taken
        # Prices rest on the last known inventory, and an order waits; what one holds only the ledger knows.
        assert {name: status for name, (status, _) in taken.items()} == {
            "assets": 200,
            "price": 200,
            "quote": 201,
            "orders": 200,
            "portfolio": 504,
            "place": 202,
            "place again": 202,
        }

        ledger.frozen = False
        clock.advance(15)  # the job that was left with the order lets its request go first
        await market.run_jobs()
        (order,) = (await api.get("/api/orders", ANN)).json["items"]
        assert (order["id"], order["state"]) == (placed.json["id"], "filled")
        assert ledger.ledger.counters("user", ANN, "USD", "available").balance == 17 * USD


async def test_an_operator_sees_what_a_price_and_more_capacity_would_do(
    api: RestClient, market: Market
) -> None:
    support = "usr_op:support"
    for who in (ANN, ANN, BEN):
        assert (await api.post("/api/orders/quote", WANTED, who)).status == 201
    path = f"/api/admin/prices/preview?asset={STANDARD}&currency=USD"
    seen = (await api.get(f"{path}&list_price=4.00", support)).json
    assert (seen["ask_now"], seen["ask_then"], seen["lot_units"]) == ("3.00", "4.00", "1000000000")
    assert (seen["open_quotes"], seen["open_orders"], seen["customers"]) == (3, 0, 2)
    # Nothing was changed by looking.
    assert (await api.get(f"{path}&list_price=3.00", support)).json["ask_now"] == "3.00"
    more = f"/api/admin/capacity/preview?asset={STANDARD}&quantity=1000000000000"
    assert (await api.get(more, support)).json["ask_then"] == "3.00"
    for wrong in ("0", "-1", "x", "1e3", "0.0000001", "99999999999999"):
        assert (await api.get(f"{path}&list_price={wrong}", support)).status == 422
    unknown = "/api/admin/prices/preview?asset=bandwidth.no.such&list_price=1.00"
    assert (await api.get(unknown, support)).json["code"] == "unknown_asset"
    assert (await api.get(f"{path}&list_price=4.00", ANN)).status == 403


async def test_more_capacity_makes_what_is_scarce_cheaper(api: RestClient, market: Market) -> None:
    market.ledger.sell(STANDARD, FIRST_CAPACITY_UNITS * 95 // 100)
    path = f"/api/admin/capacity/preview?asset={STANDARD}&quantity={10 * FIRST_CAPACITY_UNITS}"
    seen = (await api.get(path, "usr_op:support")).json
    assert float(seen["ask_then"]) < float(seen["ask_now"])
