"""Payments, as the official SDK sees them."""

import urllib.error
import urllib.parse
import urllib.request
from typing import Any, cast

import pytest
import stripe

from tests.kit.payments import MockInThread

CARD_ONLY = {"enabled": True, "allow_redirects": "never"}


def pay(client: Any, **params: Any) -> Any:
    asked = {
        "amount": 2000,
        "currency": "usd",
        "automatic_payment_methods": CARD_ONLY,
        "confirm": True,
        **params,
    }
    return client.v1.payment_intents.create(asked)


def press(url: str, button: str) -> str:
    """Press a button on a page as a browser would; return where it led."""
    with urllib.request.urlopen(url, urllib.parse.urlencode({button: "1"}).encode(), timeout=30) as answer:
        return answer.url


def test_a_good_card_pays_and_the_charge_is_there(client: Any) -> None:
    payment = pay(client, payment_method="pm_card_visa", expand=["latest_charge"], metadata={"order": "7"})
    assert (payment.status, payment.amount_received, payment.metadata["order"]) == ("succeeded", 2000, "7")
    charge = payment.latest_charge
    assert (charge.status, charge.captured, charge.metadata["order"]) == ("succeeded", True, "7")
    assert charge.payment_method_details.card.last4 == "4242"
    assert client.v1.payment_intents.retrieve(payment.id).latest_charge == charge.id


@pytest.mark.parametrize(
    ("card", "code", "decline_code"),
    [
        ("pm_card_visa_chargeDeclined", "card_declined", "generic_decline"),
        ("pm_card_chargeDeclined", "card_declined", "generic_decline"),
        ("pm_card_visa_chargeDeclinedInsufficientFunds", "card_declined", "insufficient_funds"),
        ("pm_card_visa_chargeDeclinedLostCard", "card_declined", "lost_card"),
        ("pm_card_chargeDeclinedExpiredCard", "expired_card", "expired_card"),
        ("pm_card_chargeDeclinedIncorrectCvc", "incorrect_cvc", "incorrect_cvc"),
        ("pm_card_chargeDeclinedProcessingError", "processing_error", "processing_error"),
    ],
)
def test_a_declined_card_pays_nothing_and_says_why(
    client: Any, card: str, code: str, decline_code: str
) -> None:
    with pytest.raises(stripe.CardError) as raised:
        pay(client, payment_method=card)
    error: Any = raised.value
    assert (error.http_status, error.code, error.error.decline_code) == (402, code, decline_code)
    payment = client.v1.payment_intents.retrieve(error.error.payment_intent.id)
    assert (payment.status, payment.amount_received) == ("requires_payment_method", 0)
    assert payment.last_payment_error.decline_code == decline_code
    assert client.v1.charges.retrieve(payment.latest_charge).status == "failed"


def test_after_a_decline_another_card_may_be_tried(client: Any) -> None:
    with pytest.raises(stripe.CardError) as raised:
        pay(client, payment_method="pm_card_visa_chargeDeclined")
    ref = cast("Any", raised.value).error.payment_intent.id
    paid = client.v1.payment_intents.confirm(ref, {"payment_method": "pm_card_mastercard"})
    assert (paid.status, paid.last_payment_error) == ("succeeded", None)


def test_a_raw_test_card_number_pays(client: Any) -> None:
    card = {"number": "4242 4242 4242 4242", "exp_month": 12, "exp_year": 2034, "cvc": "314"}
    method = client.v1.payment_methods.create({"type": "card", "card": card})
    assert pay(client, payment_method=method.id).status == "succeeded"


def test_manual_capture_takes_a_part_once_and_no_more(client: Any) -> None:
    held = pay(client, payment_method="pm_card_visa", capture_method="manual")
    assert (held.status, held.amount_capturable, held.amount_received) == ("requires_capture", 2000, 0)
    with pytest.raises(stripe.InvalidRequestError) as raised:
        client.v1.payment_intents.capture(held.id, {"amount_to_capture": 2001})
    assert (raised.value.param, raised.value.code) == ("amount_to_capture", "amount_too_large")
    taken = client.v1.payment_intents.capture(held.id, {"amount_to_capture": 1500})
    assert (taken.status, taken.amount_received, taken.amount_capturable) == ("succeeded", 1500, 0)
    with pytest.raises(stripe.InvalidRequestError) as raised:
        client.v1.payment_intents.capture(held.id)
    assert raised.value.code == "payment_intent_unexpected_state"


def test_a_held_payment_can_be_cancelled_and_then_nothing_more(client: Any) -> None:
    held = pay(client, payment_method="pm_card_visa", capture_method="manual")
    ended = client.v1.payment_intents.cancel(held.id, {"cancellation_reason": "requested_by_customer"})
    assert (ended.status, ended.cancellation_reason) == ("canceled", "requested_by_customer")
    assert client.v1.charges.retrieve(ended.latest_charge).refunded
    with pytest.raises(stripe.InvalidRequestError, match="status is canceled"):
        client.v1.payment_intents.confirm(held.id, {"payment_method": "pm_card_visa"})


def test_a_succeeded_payment_can_be_neither_cancelled_nor_confirmed_again(
    client: Any,
) -> None:
    paid = pay(client, payment_method="pm_card_visa")
    for step in (client.v1.payment_intents.cancel, client.v1.payment_intents.confirm):
        with pytest.raises(stripe.InvalidRequestError) as raised:
            step(paid.id)
        assert raised.value.code == "payment_intent_unexpected_state"


def test_three_d_secure_asks_and_the_proof_pays(client: Any, mock: MockInThread) -> None:
    back = f"{mock.url}/mock/objects/back"
    asked = pay(client, payment_method="pm_card_threeDSecure2Required", return_url=back)
    assert (asked.status, asked.next_action.type) == ("requires_action", "redirect_to_url")
    with pytest.raises(urllib.error.HTTPError) as landed:
        press(asked.next_action.redirect_to_url.url, "passed")
    assert landed.value.url == back
    assert client.v1.payment_intents.retrieve(asked.id).status == "succeeded"


def test_a_failed_proof_leaves_the_payment_unpaid(client: Any) -> None:
    asked = pay(client, payment_method="pm_card_threeDSecure2Required")
    assert asked.next_action.type == "use_stripe_sdk"
    press(asked.next_action.use_stripe_sdk["stripe_js"], "failed")
    payment = client.v1.payment_intents.retrieve(asked.id)
    assert payment.status == "requires_payment_method"
    assert payment.last_payment_error.code == "payment_intent_authentication_failure"


def test_without_the_cardholder_at_hand_a_proof_is_a_decline(client: Any) -> None:
    customer = client.v1.customers.create()
    card = client.v1.payment_methods.attach("pm_card_authenticationRequired", {"customer": customer.id})
    with pytest.raises(stripe.CardError) as raised:
        pay(client, payment_method=card.id, customer=customer.id, off_session=True)
    assert raised.value.code == "authentication_required"


def test_another_customers_card_is_refused(client: Any) -> None:
    mine, theirs = client.v1.customers.create(), client.v1.customers.create()
    card = client.v1.payment_methods.attach("pm_card_visa", {"customer": theirs.id})
    for customer in ({"customer": mine.id}, {}):
        with pytest.raises(stripe.InvalidRequestError) as raised:
            pay(client, payment_method=card.id, **customer)
        assert raised.value.param == "payment_method"


def test_a_card_is_saved_for_later_when_asked(client: Any) -> None:
    customer = client.v1.customers.create()
    pay(client, payment_method="pm_card_visa", customer=customer.id, setup_future_usage="off_session")
    saved = client.v1.customers.payment_methods.list(customer.id)
    assert [card.card.last4 for card in saved.data] == ["4242"]
    again = pay(client, payment_method=saved.data[0].id, customer=customer.id, off_session=True)
    assert again.status == "succeeded"


def test_a_card_that_was_not_saved_works_once(client: Any) -> None:
    used = pay(client, payment_method="pm_card_visa").payment_method
    with pytest.raises(stripe.InvalidRequestError, match="may not be used again"):
        pay(client, payment_method=used)


def test_methods_that_redirect_need_a_way_back(client: Any) -> None:
    with pytest.raises(stripe.InvalidRequestError, match="return_url"):
        pay(client, payment_method="pm_card_visa", automatic_payment_methods={"enabled": True})


@pytest.mark.parametrize(
    ("changed", "param", "code"),
    [
        ({"amount": 49}, "amount", "amount_too_small"),
        ({"amount": 0}, "amount", "parameter_invalid_integer"),
        ({"amount": -5}, "amount", "parameter_invalid_integer"),
        ({"amount": 100_000_000}, "amount", "amount_too_large"),
        ({"amount": "a lot"}, "amount", "parameter_invalid_integer"),
        ({"currency": "gold"}, "currency", None),
        ({"return_url": "javascript:alert(1)"}, "return_url", "url_invalid"),
        ({"customer": "cus_nobody"}, "customer", "resource_missing"),
        ({"payment_method": "pm_nothing"}, "payment_method", "resource_missing"),
    ],
)
def test_wrong_values_are_refused_with_the_parameter(
    client: Any, changed: dict[str, Any], param: str, code: str | None
) -> None:
    with pytest.raises(stripe.InvalidRequestError) as raised:
        pay(client, **{"payment_method": "pm_card_visa", **changed})
    assert (raised.value.http_status, raised.value.param, raised.value.code) == (400, param, code)
    assert client.v1.payment_intents.list().data == []


def test_a_payment_without_a_card_cannot_be_confirmed(client: Any) -> None:
    payment = client.v1.payment_intents.create({"amount": 500, "currency": "eur"})
    assert payment.status == "requires_payment_method"
    with pytest.raises(stripe.InvalidRequestError) as raised:
        client.v1.payment_intents.confirm(payment.id, {"return_url": "https://example.com"})
    assert (raised.value.code, raised.value.param) == ("parameter_missing", "payment_method")


def test_a_payment_can_be_changed_until_it_is_paid(client: Any) -> None:
    payment = client.v1.payment_intents.create({"amount": 500, "currency": "eur", "metadata": {"a": "1"}})
    changed = client.v1.payment_intents.update(payment.id, {"amount": 700, "metadata": {"a": "", "b": "2"}})
    assert (changed.amount, changed.metadata.to_dict()) == (700, {"b": "2"})
    client.v1.payment_intents.confirm(
        payment.id, {"payment_method": "pm_card_visa", "return_url": "https://example.com"}
    )
    with pytest.raises(stripe.InvalidRequestError):
        client.v1.payment_intents.update(payment.id, {"amount": 900})
    assert client.v1.payment_intents.update(payment.id, {"metadata": ""}).metadata.to_dict() == {}
