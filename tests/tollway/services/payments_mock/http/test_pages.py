"""A customer pays on the hosted page, as a browser without scripts would."""

import json
import urllib.error
import urllib.parse
import urllib.request
from http.client import HTTPResponse
from typing import Any

import pytest
import stripe

from tests.kit.payments import MockInThread, Receiver


class StayHere(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *args: Any, **kwargs: Any) -> None:
        return None


browser = urllib.request.build_opener(StayHere)


def visit(url: str, **form: str) -> tuple[int, str, str]:
    """Open a page, or send its form; return status, where it leads, and the text."""
    data = urllib.parse.urlencode(form).encode() if form else None
    answer: HTTPResponse | urllib.error.HTTPError
    try:
        answer = browser.open(url, data, timeout=30)
    except urllib.error.HTTPError as error:
        answer = error
    with answer:
        return answer.status or 0, answer.headers.get("Location", ""), answer.read().decode()


@pytest.fixture
def session(client: Any) -> Any:
    line: Any = {
        "price_data": {"currency": "usd", "unit_amount": 1000, "product_data": {"name": "Top-up <b>"}},
        "quantity": 2,
    }
    return client.v1.checkout.sessions.create(
        {
            "mode": "payment",
            "line_items": [line],
            "success_url": "http://127.0.0.1:1/done?session={CHECKOUT_SESSION_ID}",
            "cancel_url": "http://127.0.0.1:1/cancelled",
            "payment_intent_data": {"metadata": {"deposit": "dep_1"}},
        }
    )


def test_the_page_shows_what_is_paid_and_escapes_it(session: Any) -> None:
    status, _, text = visit(session.url)
    assert status == 200
    assert "$20.00" in text
    assert "Top-up &lt;b&gt;" in text
    assert "http://127.0.0.1:1/cancelled" in text


def test_a_click_on_a_test_card_pays_and_leads_back(client: Any, session: Any) -> None:
    assert (session.status, session.payment_status, session.payment_intent) == ("open", "unpaid", None)
    status, place, _ = visit(session.url, token="pm_card_visa")
    assert (status, place) == (303, f"http://127.0.0.1:1/done?session={session.id}")
    done = client.v1.checkout.sessions.retrieve(session.id, {"expand": ["payment_intent"]})
    assert (done.status, done.payment_status, done.url) == ("complete", "paid", None)
    paid = done.payment_intent
    assert (paid.status, paid.amount_received, paid.metadata["deposit"]) == ("succeeded", 2000, "dep_1")


def test_a_typed_card_pays(session: Any) -> None:
    status, _, _ = visit(session.url, number="5555 5555 5555 4444", expiry="12/34", cvc="123")
    assert status == 303


@pytest.mark.parametrize(
    ("form", "said"),
    [
        ({"token": "pm_card_visa_chargeDeclinedInsufficientFunds"}, "insufficient funds"),
        ({"number": "4242 4242 4242 4241", "expiry": "12/34"}, "number is incorrect"),
        ({"number": "4242 4242 4242 4242", "expiry": "soon"}, "MM/YY"),
        ({"number": "4111111111111111", "expiry": "12/34"}, "non test"),
    ],
)
def test_a_refused_card_stays_on_the_page_and_another_may_follow(
    client: Any, session: Any, form: dict[str, str], said: str
) -> None:
    status, _, text = visit(session.url, **form)
    assert status == 402
    assert said in text
    assert client.v1.checkout.sessions.retrieve(session.id).status == "open"
    assert visit(session.url, token="pm_card_visa")[0] == 303
    assert len([one for one in client.v1.payment_intents.list().data if one.status == "succeeded"]) == 1


def test_paying_twice_pays_once(client: Any, session: Any) -> None:
    visit(session.url, token="pm_card_visa")
    status, place, _ = visit(session.url, token="pm_card_visa")
    assert (status, place.partition("?")[0]) == (303, "http://127.0.0.1:1/done")
    assert len(client.v1.charges.list().data) == 1


def test_the_bank_asks_and_then_it_is_paid(client: Any, mock: MockInThread, session: Any) -> None:
    _, place, _ = visit(session.url, token="pm_card_threeDSecure2Required")
    assert place.startswith("/3ds/pi_")
    assert "Complete authentication" in visit(mock.url + place)[2]
    _, place, _ = visit(mock.url + place, passed="1")
    assert place == session.url
    _, place, _ = visit(session.url)
    assert place.startswith("http://127.0.0.1:1/done")
    assert client.v1.checkout.sessions.retrieve(session.id).payment_status == "paid"


def test_a_failed_proof_leads_back_to_the_page(mock: MockInThread, session: Any) -> None:
    _, place, _ = visit(session.url, token="pm_card_threeDSecure2Required")
    _, back, _ = visit(mock.url + place, failed="1")
    assert visit(back)[0] == 200
    assert "nothing to confirm" in visit(mock.url + place)[2]


def test_a_bank_may_decline_after_the_proof(mock: MockInThread, session: Any) -> None:
    _, place, _ = visit(session.url, token="pm_card_threeDSecureRequiredChargeDeclined")
    status, _, text = visit(mock.url + place, passed="1")
    assert status == 402
    assert "declined" in text


def test_an_expired_checkout_cannot_be_paid(client: Any, mock: MockInThread, session: Any) -> None:
    mock.clock.advance(24 * 3600 + 1)
    status, _, text = visit(session.url, token="pm_card_visa")
    assert status == 410
    assert "expired" in text
    assert client.v1.checkout.sessions.retrieve(session.id).status == "expired"
    assert client.v1.charges.list().data == []


def test_expiring_by_hand_is_told_and_final(client: Any, session: Any) -> None:
    assert client.v1.checkout.sessions.expire(session.id).status == "expired"
    assert client.v1.events.list({"type": "checkout.session.expired"}).data
    with pytest.raises(stripe.InvalidRequestError):
        client.v1.checkout.sessions.expire(session.id)


def test_completion_is_told_after_the_payment(client: Any, mock: MockInThread) -> None:
    with Receiver() as receiver:
        client.v1.webhook_endpoints.create({"url": receiver.url, "enabled_events": ["*"]})
        price = client.v1.prices.create(
            {"currency": "usd", "unit_amount": 700, "product_data": {"name": "x"}}
        )
        made = client.v1.checkout.sessions.create(
            {
                "mode": "payment",
                "line_items": [{"price": price.id, "quantity": 1}],
                "success_url": "http://127.0.0.1:1/",
            }
        )
        visit(made.url, token="pm_card_visa")
        mock.deliver()
        kinds = [json.loads(one.body)["type"] for one in receiver.received]
    assert "payment_intent.succeeded" in kinds
    assert "checkout.session.completed" in kinds


@pytest.mark.parametrize(
    ("changed", "param"),
    [
        ({"mode": "subscription"}, "mode"),
        ({"line_items": []}, "line_items"),
        ({"success_url": ""}, "success_url"),
        ({"success_url": "javascript:alert(1)"}, "success_url"),
        ({"cancel_url": "/relative"}, "cancel_url"),
        ({"line_items": [{"price": "price_none", "quantity": 1}]}, "line_items[0][price]"),
        ({"customer": "cus_none"}, "customer"),
    ],
)
def test_wrong_sessions_are_refused(client: Any, changed: Any, param: str) -> None:
    price = client.v1.prices.create({"currency": "usd", "unit_amount": 700, "product_data": {"name": "x"}})
    good: Any = {
        "mode": "payment",
        "line_items": [{"price": price.id, "quantity": 1}],
        "success_url": "http://127.0.0.1:1/",
    }
    with pytest.raises(stripe.InvalidRequestError) as raised:
        client.v1.checkout.sessions.create({**good, **changed})
    assert raised.value.param == param


def test_lines_can_be_listed(client: Any, session: Any) -> None:
    lines = client.v1.checkout.sessions.line_items.list(session.id).data
    assert [(line.description, line.quantity, line.amount_total) for line in lines] == [
        ("Top-up <b>", 2, 2000)
    ]
    found = client.v1.checkout.sessions.retrieve(session.id, {"expand": ["line_items"]})
    assert found.line_items.data[0].price.unit_amount == 1000


def test_an_unknown_page_is_a_page(mock: MockInThread) -> None:
    for path in ("/checkout/cs_test_none", "/3ds/pi_none"):
        status, _, text = visit(mock.url + path)
        assert status == 404
        assert "<!doctype html>" in text
