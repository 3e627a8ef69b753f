"""The REST side of payments."""

from typing import Any

import pytest

from tests.kit.databases import Kind
from tests.kit.payments import RunningPayments

ANN, BOB = "usr_ann", "usr_bob"
CARD = {"amount": "20.00", "currency": "USD", "payment_method": "pm_card_visa"}
DEPOSIT, DEPOSITS, METHODS = "/api/wallet/deposit", "/api/wallet/deposits", "/api/billing/payment-methods"


@pytest.fixture
def kind() -> Kind:
    """What is tested here does not depend on the database: one kind is enough."""
    return "sqlite"


async def test_a_deposit_is_made_shown_and_credited(payments: RunningPayments) -> None:
    made = await payments.rest.post(DEPOSIT, CARD, ANN, "k-1")
    assert (made.status, made.json["amount"], made.json["state"]) == (201, "20.00", "succeeded")
    assert made.json["payment"].startswith("pi_")
    await payments.drain()
    shown = await payments.rest.get(f"{DEPOSITS}/{made.json['id']}", ANN)
    assert (shown.status, shown.json["state"], shown.json["currency"]) == (200, "credited", "USD")
    again = await payments.rest.get(f"{DEPOSITS}/{made.json['id']}", ANN, if_none_match=shown.headers["etag"])
    assert again.status == 304
    listed = await payments.rest.get(DEPOSITS, ANN)
    assert [one["id"] for one in listed.json["items"]] == [made.json["id"]]


async def test_a_hosted_page_is_led_to(payments: RunningPayments) -> None:
    made = await payments.rest.post(DEPOSIT, {"amount": "5", "currency": "EUR", "checkout": True}, ANN, "k-1")
    assert (made.status, made.json["state"]) == (201, "processing")
    assert made.json["action_url"].startswith(f"{payments.mock.url}/checkout/cs_test_")


async def test_a_declined_card_is_402_with_the_banks_reason(payments: RunningPayments) -> None:
    body = {**CARD, "payment_method": "pm_card_visa_chargeDeclinedInsufficientFunds"}
    for _ in range(2):
        reply = await payments.rest.post(DEPOSIT, body, ANN, "k-1")
        assert (reply.status, reply.json["code"]) == (402, "card_declined")
        assert reply.json["decline_code"] == "insufficient_funds"
    failed = await payments.rest.get(f"{DEPOSITS}/{reply.json['deposit_id']}", ANN)
    assert (failed.json["state"], failed.json["decline_code"]) == ("failed", "insufficient_funds")


async def test_a_provider_that_does_not_answer_is_202_and_the_deposit_goes_on(
    payments: RunningPayments,
) -> None:
    await payments.plan_fault("server_error", "/v1/payment_intents")
    reply = await payments.rest.post(DEPOSIT, CARD, ANN, "k-1")
    assert (reply.status, reply.json["state"]) == (202, "processing")


async def test_the_same_key_is_the_same_answer_and_another_body_is_422(payments: RunningPayments) -> None:
    first, again = [await payments.rest.post(DEPOSIT, CARD, ANN, "k-1") for _ in range(2)]
    assert (again.json, again.headers["idempotency-replayed"]) == (first.json, "true")
    other = await payments.rest.post(DEPOSIT, {**CARD, "amount": "21.00"}, ANN, "k-1")
    assert (other.status, other.json["code"]) == (422, "idempotency_key_reused")
    assert (await payments.rest.post(DEPOSIT, CARD, BOB, "k-1")).json["id"] != first.json["id"]


@pytest.mark.parametrize(
    "body",
    [
        {**CARD, "amount": "20.001"},
        {**CARD, "amount": "0"},
        {**CARD, "amount": "-5.00"},
        {**CARD, "amount": 20},
        {**CARD, "amount": 20.0},
        {**CARD, "amount": "1e3"},
        {**CARD, "amount": "999999999999999999999"},
        {**CARD, "amount": "10000.01"},
        {**CARD, "amount": "0.99"},
        {**CARD, "currency": "usd"},
        {**CARD, "currency": "GBP"},
        {**CARD, "payment_method": "pm card; drop"},
        {**CARD, "payment_method": ""},
        {**CARD, "checkout": True},
        {**CARD, "colour": "red"},
        {"amount": "20.00"},
        {},
        [],
    ],
)
async def test_wrong_bodies_are_422_and_leave_nothing(payments: RunningPayments, body: Any) -> None:
    reply = await payments.rest.post(DEPOSIT, body, ANN, "k-1")
    assert reply.status == 422
    assert reply.headers["content-type"].startswith("application/problem+json")
    assert (await payments.rest.get(DEPOSITS, ANN)).json["items"] == []


async def test_a_deposit_needs_a_key_and_a_token_and_readable_json(payments: RunningPayments) -> None:
    assert (await payments.rest.post(DEPOSIT, CARD, ANN)).json["code"] == "idempotency_key_missing"
    assert (await payments.rest.post(DEPOSIT, CARD, "", "k-1")).status == 401
    assert (await payments.rest.post(DEPOSIT, b"{", ANN, "k-1")).status == 400


async def test_the_deposits_of_others_are_404(payments: RunningPayments) -> None:
    made = await payments.rest.post(DEPOSIT, CARD, ANN, "k-1")
    for ref in (made.json["id"], "dep_nothing", "usr_ann"):
        assert (await payments.rest.get(f"{DEPOSITS}/{ref}", BOB)).status == 404
    assert (await payments.rest.get(DEPOSITS, BOB)).json == {"items": [], "next_cursor": ""}


async def test_deposits_come_in_pages_newest_first(payments: RunningPayments) -> None:
    made = [(await payments.rest.post(DEPOSIT, CARD, ANN, f"k-{n}")).json["id"] for n in range(3)]
    first = (await payments.rest.get(f"{DEPOSITS}?limit=2", ANN)).json
    second = (await payments.rest.get(f"{DEPOSITS}?limit=2&cursor={first['next_cursor']}", ANN)).json
    assert [one["id"] for one in first["items"] + second["items"]] == made[::-1]
    assert second["next_cursor"] == ""
    for query in ("limit=0", "limit=201", "limit=x", "cursor=rubbish"):
        assert (await payments.rest.get(f"{DEPOSITS}?{query}", ANN)).status == 422


async def test_cards_are_saved_listed_used_and_deleted(payments: RunningPayments) -> None:
    saved = await payments.rest.post(METHODS, {"payment_method": "pm_card_amex"}, ANN)
    assert (saved.status, saved.json["brand"], saved.json["last4"]) == (201, "amex", "0005")
    assert "ref" not in saved.json
    listed = (await payments.rest.get(METHODS, ANN)).json["items"]
    assert listed == [saved.json]
    paid = await payments.rest.post(DEPOSIT, {**CARD, "payment_method": saved.json["id"]}, ANN, "k-1")
    assert paid.status == 201
    path = f"{METHODS}/{saved.json['id']}"
    assert (await payments.rest.call("DELETE", path, token=BOB)).status == 404
    assert (await payments.rest.call("DELETE", path, token=ANN)).status == 204
    assert (await payments.rest.get(METHODS, ANN)).json["items"] == []


async def test_a_card_that_is_declined_is_402(payments: RunningPayments) -> None:
    reply = await payments.rest.post(METHODS, {"payment_method": "pm_card_chargeDeclinedExpiredCard"}, ANN)
    assert (reply.status, reply.json["code"], reply.json["decline_code"]) == (
        402,
        "card_declined",
        "expired_card",
    )


async def test_webhooks_of_nobody_are_refused(payments: RunningPayments) -> None:
    reply = await payments.rest.post("/api/billing/webhooks/stripe", {"id": "evt_1"})
    assert (reply.status, reply.json["code"]) == (400, "bad_signature")
    assert (await payments.rest.post("/api/billing/webhooks/paypal", {})).status == 404


@pytest.mark.parametrize(
    ("query", "said"),
    [
        ("?deposit=dep_1&outcome=paid", "Thank you"),
        ("?deposit=dep_1&outcome=left", "Nothing was paid"),
        ("", "Thank you"),
        ("?outcome=<script>", "Thank you"),
    ],
)
async def test_a_browser_that_comes_back_lands_on_a_page(
    payments: RunningPayments, query: str, said: str
) -> None:
    reply = await payments.rest.get(f"/payments/return{query}")
    assert (reply.status, reply.headers["content-type"]) == (200, "text/html; charset=utf-8")
    page = reply.body.decode()
    assert said in page
    assert 'href="/billing"' in page
    assert "<script>" not in page
    assert "default-src 'none'" in reply.headers["content-security-policy"]


async def test_the_providers_page_leads_back_to_that_page(payments: RunningPayments) -> None:
    made = await payments.service.deposits.start("usr_ann", "key", "USD", 20_000_000, "")
    ref = made.checkout_ref
    page = await payments.at_provider(lambda client: client.v1.checkout.sessions.retrieve(ref))
    for url, outcome in ((page.success_url, "paid"), (page.cancel_url, "left")):
        path = url.removeprefix(payments.public_url)
        assert path == f"/payments/return?deposit={made.id}&outcome={outcome}"
        assert (await payments.rest.get(path)).status == 200
