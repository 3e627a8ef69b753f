"""Money under attack: keys repeated and forgotten, quotes used twice, wallets too small, everything at once."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from time import sleep
from typing import Any

import pytest

from tests.kit.business import ASSET, QUOTE_TTL_S, Business, Caller, Customer, Reply, fresh_key
from tests.kit.platform import command
from tests.kit.surface import NOBODYS_ID, ROUTES, Route, gap

KEYED = tuple(route for route in ROUTES if route.needs_key)
GIGABYTE = {"asset": ASSET, "quantity": "1000000000", "currency": "USD"}
MEGABYTE = {"asset": ASSET, "quantity": "1000000", "currency": "USD"}
CARD = {"amount": "5.00", "payment_method": "pm_card_visa"}


def everything(customer: Customer) -> list[Any]:
    """All that could move: accounts with what is held, every line, what is owned."""
    paths = ("/api/accounts", "/api/transactions", "/api/portfolio")
    shown = [customer.caller.get(path).json for path in paths]
    shown[-1].pop("at")
    return shown


@pytest.fixture
def carol(business: Business) -> Customer:
    """A customer of this test alone, with 10 dollars."""
    one = business.customer()
    one.pay_in("10.00")
    return one


# ── keys ────────────────────────────────────────────────────────────────────────────────────────────


def test_whatever_moves_money_takes_a_key() -> None:
    assert {route.name for route in KEYED} == {
        "POST /api/wallet/deposit",
        "POST /api/orders",
        "POST /api/transactions",
        "POST /api/admin/capacity",
        "POST /api/admin/catalog/plans",
        "POST /api/admin/catalog/products",
        "POST /api/admin/corrections",
        "POST /api/admin/deposits/{deposit_id}/refund",
        "POST /api/admin/users/{user_id}/notes",  # no money, and not twice either
    }


@pytest.mark.parametrize("route", KEYED, ids=lambda route: route.name)
def test_without_a_key_nothing_happens(route: Route, ann: Customer, operator: Caller) -> None:
    caller = operator if route.is_admins else ann.caller
    deposit = ann.caller.get("/api/wallet/deposits").json["items"][0]
    path = route.address(deposit_id=deposit["id"])
    before = everything(ann)
    for headers in ({}, {"idempotency_key": ""}, {"idempotency_key": "  "}):
        reply = caller.post(path, route.example, **headers)
        assert (reply.status, reply.code) == (400, "idempotency_key_missing")
    for key in ("x" * 256, "tab\tbed", "\x80"):
        reply = caller.post(path, route.example, idempotency_key=key)
        assert (reply.status, reply.fields) == (422, {"idempotency-key"}), key
    assert everything(ann) == before


@pytest.mark.parametrize(
    ("path", "body", "other"),
    [
        ("/api/orders", MEGABYTE, {**MEGABYTE, "quantity": "2000000"}),
        ("/api/wallet/deposit", CARD, {**CARD, "amount": "6.00"}),
        ("/api/transactions", {"asset": "USD", "amount": "1.00"}, {"asset": "USD", "amount": "2.00"}),
    ],
)
def test_a_repeated_key_repeats_the_answer_and_nothing_else(
    path: str, body: dict[str, str], other: dict[str, str], carol: Customer, bob: Customer
) -> None:
    to = {"to_user_id": bob.id} if path == "/api/transactions" else {}
    key = fresh_key()
    first = carol.caller.post(path, {**body, **to}, key)
    assert first.status == 201
    settled = _settled(carol)
    again = carol.caller.post(path, {**body, **to}, key)
    assert (again.status, again.body) == (first.status, first.body)
    assert again.headers["idempotency-replayed"] == "true"
    differs = carol.caller.post(path, {**other, **to}, key)
    assert (differs.status, differs.code) == (422, "idempotency_key_reused")
    assert everything(carol) == settled


def _settled(customer: Customer) -> list[Any]:
    """Wait until every deposit is credited, so that nothing moves by itself any more."""
    while any(
        one["state"] != "credited" for one in customer.caller.get("/api/wallet/deposits").json["items"]
    ):
        sleep(0.05)
    return everything(customer)


def test_a_refusal_is_repeated_too(business: Business) -> None:
    poor, key = business.customer(), fresh_key()
    first = poor.caller.post("/api/orders", GIGABYTE, key)
    assert (first.status, first.code) == (402, "insufficient_funds")
    poor.pay_in("10.00")
    again = poor.caller.post("/api/orders", GIGABYTE, key)
    assert (again.status, again.json["order_id"]) == (402, first.json["order_id"])
    assert poor.caller.post("/api/orders", GIGABYTE, fresh_key()).status == 201


def test_a_key_is_its_owners(carol: Customer, ann: Customer) -> None:
    key = fresh_key()
    theirs, mine = (one.caller.post("/api/orders", MEGABYTE, key) for one in (ann, carol))
    assert (theirs.status, mine.status) == (201, 201)
    assert theirs.json["id"] != mine.json["id"]


# ── all at once ─────────────────────────────────────────────────────────────────────────────────────


def at_once(
    business: Business, customer: Customer, count: int, ask: Callable[[Caller, int], Reply]
) -> list[Reply]:
    callers = [business.caller(customer.caller.token) for _ in range(count)]
    with ThreadPoolExecutor(count) as pool:
        return list(pool.map(ask, callers, range(count)))


@pytest.mark.parametrize(("path", "body"), [("/api/orders", MEGABYTE), ("/api/wallet/deposit", CARD)])
def test_one_key_at_once_has_one_effect(
    path: str, body: dict[str, str], business: Business, carol: Customer
) -> None:
    key = fresh_key()
    replies = at_once(business, carol, 8, lambda caller, _: caller.post(path, body, key))
    made = {reply.json["id"] for reply in replies if reply.status == 201}
    assert len(made) == 1
    assert {reply.code for reply in replies if reply.status != 201} <= {"request_in_progress"}
    _settled(carol)
    assert len(carol.caller.get(path.replace("deposit", "deposits")).json["items"]) == (
        2 if "deposit" in path else 1
    )


def test_a_wallet_pays_for_what_it_holds_and_no_more(business: Business, carol: Customer) -> None:
    price = carol.caller.post("/api/orders/quote", GIGABYTE).json["total"]
    affordable = int(10 / float(price))
    replies = at_once(
        business, carol, 10, lambda caller, _: caller.post("/api/orders", GIGABYTE, fresh_key())
    )
    statuses = [reply.status for reply in replies]
    assert (statuses.count(201), statuses.count(402)) == (affordable, 10 - affordable)
    usd = next(one for one in carol.caller.get("/api/accounts").json["items"] if one["asset"] == "USD")
    assert float(usd["balance"]) == pytest.approx(10 - affordable * float(price))
    assert usd["held"] == "0.00"
    assert carol.balance(ASSET) == str(affordable * 1_000_000_000)


def test_a_quote_is_good_for_one_order(business: Business, carol: Customer) -> None:
    quote = carol.caller.post("/api/orders/quote", MEGABYTE).json["id"]
    replies = at_once(
        business, carol, 6, lambda caller, _: caller.post("/api/orders", {"quote_id": quote}, fresh_key())
    )
    assert sorted(reply.status for reply in replies) == [201, 409, 409, 409, 409, 409]
    assert {reply.code for reply in replies if reply.status == 409} == {"quote_stale"}


# ── too little, too late, too much ──────────────────────────────────────────────────────────────────


def test_a_stale_quote_is_409(carol: Customer) -> None:
    quote = carol.caller.post("/api/orders/quote", MEGABYTE).json["id"]
    before = everything(carol)
    sleep(QUOTE_TTL_S + 0.1)
    late = carol.caller.post("/api/orders", {"quote_id": quote}, fresh_key())
    assert (late.status, late.code) == (409, "quote_stale")
    for unknown in (f"quo_{NOBODYS_ID}", "quo_x", "ord_" + NOBODYS_ID, "", "\x00"):
        assert carol.caller.post("/api/orders", {"quote_id": unknown}, fresh_key()).status == 404
    assert everything(carol) == before


def test_not_enough_funds_is_402_and_nothing_moves(bob: Customer, carol: Customer) -> None:
    before = everything(carol)
    ten_gigabytes = {**GIGABYTE, "quantity": "1000000000000"}
    refused = [
        carol.caller.post("/api/orders", ten_gigabytes, fresh_key()),
        carol.caller.post("/api/transactions", _gift(bob, "USD", "10.01"), fresh_key()),
        carol.caller.post("/api/transactions", _gift(bob, "USD", "9000000000000.00"), fresh_key()),
        carol.caller.post("/api/transactions", _gift(bob, ASSET, "1"), fresh_key()),
    ]
    assert [(reply.status, reply.code) for reply in refused] == [(402, "insufficient_funds")] * 4
    assert everything(carol) == before


def test_a_price_above_the_most_one_would_pay_is_409(carol: Customer) -> None:
    before = everything(carol)
    reply = carol.caller.post("/api/orders", {**GIGABYTE, "max_price": "0.01"}, fresh_key())
    assert (reply.status, reply.code) == (409, "price_exceeded")
    assert everything(carol) == before


@pytest.mark.parametrize(
    ("change", "status", "field"),
    [
        ({"amount": "0.99"}, 422, "amount"),
        ({"amount": "10000.01"}, 422, "amount"),
        ({"amount": "5.001"}, 422, "amount"),
        ({"currency": "XXX"}, 422, "currency"),
        ({"currency": "usd"}, 422, "currency"),
        ({"payment_method": "pm_card_nope"}, 422, "payment_method"),
        ({"payment_method": f"pmt_{NOBODYS_ID}"}, 404, ""),
        ({"payment_method": "pm_card_chargeDeclined"}, 402, ""),
        ({"checkout": True}, 422, "body"),
        ({"payment_method": None}, 422, "body"),
    ],
    ids=str,
)
def test_a_deposit_that_cannot_be_changes_nothing(
    change: dict[str, Any], status: int, field: str, bob: Customer
) -> None:
    before = everything(bob)
    reply = bob.caller.post("/api/wallet/deposit", {**CARD, **change}, fresh_key())
    assert reply.status == status, reply.body
    assert not field or reply.fields == {field}
    assert everything(bob) == before


def test_a_gift_that_cannot_be_changes_nothing(ann: Customer, bob: Customer) -> None:
    before = everything(ann)
    for gift, status in (
        (_gift(ann, "USD", "1.00"), 422),
        ({**_gift(bob, "USD", "1.00"), "to_user_id": gap("user_id")}, 404),
        (_gift(bob, "XXX", "1.00"), 422),
        (_gift(bob, ASSET, "1.5"), 422),
        (_gift(bob, "USD", "-1.00"), 422),
    ):
        assert ann.caller.post("/api/transactions", gift, fresh_key()).status == status, gift
    assert everything(ann) == before


def _gift(to: Customer, asset: str, amount: str) -> dict[str, str]:
    return {"to_user_id": to.id, "asset": asset, "amount": amount}


def test_a_forged_webhook_credits_nobody(bob: Customer, nobody: Caller) -> None:
    before = everything(bob)
    event = {
        "id": "evt_1",
        "type": "payment_intent.succeeded",
        "data": {"object": {"id": "pi_1", "amount": 500}},
    }
    for signature in (
        "",
        "t=1,v1=00",
        "t=99999999999,v1=" + "0" * 64,
        "v1=",
        "t=x",
        "x" * 2_000,
        "t=1,t=2,v1=,v1=",
    ):
        reply = nobody.post("/api/billing/webhooks/mock", event, stripe_signature=signature)
        assert (reply.status, reply.code) == (400, "bad_signature")
    assert nobody.post("/api/billing/webhooks/nobody", event).status == 404
    assert everything(bob) == before


def test_a_price_that_would_break_the_catalogue_is_refused(operator: Caller, nobody: Caller) -> None:
    prices = nobody.get(f"/api/catalog/prices?asset={ASSET}").body
    for price in ("9223372036854.775807", "1000000000.00"):
        reply = operator.call(
            "PATCH", "/api/admin/prices", {"asset": ASSET, "currency": "USD", "list_price": price}
        )
        assert (reply.status, reply.fields) == (422, {"list_price"})
    assert nobody.get(f"/api/catalog/prices?asset={ASSET}").body == prices
    assert nobody.get("/api/catalog/plans").status == 200


def test_the_books_hold_after_all_this(business: Business, carol: Customer) -> None:
    carol.buy(1_000_000)
    verified = command("verify", "--data", str(business.data))
    assert verified.returncode == 0, verified.stdout + verified.stderr
