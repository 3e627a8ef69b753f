"""Saving cards with setup intents, as the official SDK sees it."""

import urllib.parse
import urllib.request
from typing import Any, cast

import pytest
import stripe


def test_a_confirmed_setup_saves_the_card(client: Any) -> None:
    customer = client.v1.customers.create()
    setup = client.v1.setup_intents.create(
        {"customer": customer.id, "allowed_payment_method_types": ["card"]}
    )
    assert setup.status == "requires_payment_method"
    done = client.v1.setup_intents.confirm(setup.id, {"payment_method": "pm_card_visa"})
    assert done.status == "succeeded"
    assert client.v1.customers.payment_methods.list(customer.id).data[0].id == done.payment_method


def test_a_declining_card_is_refused_and_the_setup_can_be_tried_again(client: Any) -> None:
    setup = client.v1.setup_intents.create()
    with pytest.raises(stripe.CardError) as raised:
        client.v1.setup_intents.confirm(setup.id, {"payment_method": "pm_card_visa_chargeDeclined"})
    assert cast("Any", raised.value).error.setup_intent.id == setup.id
    again = client.v1.setup_intents.retrieve(setup.id)
    assert (again.status, again.last_setup_error.code) == ("requires_payment_method", "card_declined")
    assert client.v1.setup_intents.confirm(setup.id, {"payment_method": "pm_card_visa"}).status == "succeeded"


def test_a_card_proved_at_setup_needs_no_proof_later(client: Any) -> None:
    customer = client.v1.customers.create()
    setup = client.v1.setup_intents.create(
        {"customer": customer.id, "payment_method": "pm_card_authenticationRequiredOnSetup", "confirm": True}
    )
    assert setup.status == "requires_action"
    form = urllib.parse.urlencode({"passed": "1"}).encode()
    urllib.request.urlopen(setup.next_action.redirect_to_url.url, form, timeout=30).close()
    done = client.v1.setup_intents.retrieve(setup.id)
    assert done.status == "succeeded"
    payment = client.v1.payment_intents.create(
        {
            "amount": 900,
            "currency": "eur",
            "customer": customer.id,
            "payment_method": done.payment_method,
            "allowed_payment_method_types": ["card"],
            "off_session": True,
            "confirm": True,
        }
    )
    assert payment.status == "succeeded"


def test_a_cancelled_setup_is_over(client: Any) -> None:
    setup = client.v1.setup_intents.create()
    assert client.v1.setup_intents.cancel(setup.id).status == "canceled"
    with pytest.raises(stripe.InvalidRequestError) as raised:
        client.v1.setup_intents.confirm(setup.id, {"payment_method": "pm_card_visa"})
    assert raised.value.code == "setup_intent_unexpected_state"
