"""Refunds never exceed what was taken."""

from typing import Any

import pytest
import stripe


@pytest.fixture
def paid(client: Any) -> Any:
    return client.v1.payment_intents.create(
        {
            "amount": 500,
            "currency": "usd",
            "payment_method": "pm_card_visa",
            "allowed_payment_method_types": ["card"],
            "confirm": True,
        }
    )


def test_a_whole_refund_by_payment(client: Any, paid: Any) -> None:
    back = client.v1.refunds.create({"payment_intent": paid.id, "reason": "requested_by_customer"})
    assert (back.amount, back.status, back.charge) == (500, "succeeded", paid.latest_charge)
    charge = client.v1.charges.retrieve(paid.latest_charge)
    assert (charge.refunded, charge.amount_refunded) == (True, 500)
    with pytest.raises(stripe.InvalidRequestError) as raised:
        client.v1.refunds.create({"payment_intent": paid.id})
    assert raised.value.code == "charge_already_refunded"


def test_parts_add_up_and_no_further(client: Any, paid: Any) -> None:
    client.v1.refunds.create({"charge": paid.latest_charge, "amount": 200})
    with pytest.raises(stripe.InvalidRequestError) as raised:
        client.v1.refunds.create({"charge": paid.latest_charge, "amount": 301})
    assert raised.value.param == "amount"
    assert "greater than unrefunded amount" in str(raised.value)
    client.v1.refunds.create({"charge": paid.latest_charge, "amount": 300})
    assert client.v1.charges.retrieve(paid.latest_charge).refunded
    listed = client.v1.refunds.list({"payment_intent": paid.id}).data
    assert [back.amount for back in listed] == [300, 200]


def test_what_was_not_taken_cannot_be_given_back(client: Any) -> None:
    held = client.v1.payment_intents.create(
        {
            "amount": 500,
            "currency": "usd",
            "payment_method": "pm_card_visa",
            "allowed_payment_method_types": ["card"],
            "confirm": True,
            "capture_method": "manual",
        }
    )
    for asked in ({"payment_intent": held.id}, {"charge": held.latest_charge}):
        with pytest.raises(stripe.InvalidRequestError):
            client.v1.refunds.create(asked)
    client.v1.payment_intents.capture(held.id, {"amount_to_capture": 100})
    with pytest.raises(stripe.InvalidRequestError):
        client.v1.refunds.create({"payment_intent": held.id, "amount": 101})


def test_a_refund_names_what_it_is_for(client: Any) -> None:
    with pytest.raises(stripe.InvalidRequestError, match="payment_intent or charge"):
        client.v1.refunds.create({"amount": 5})
    with pytest.raises(stripe.InvalidRequestError) as raised:
        client.v1.refunds.create({"charge": "ch_none"})
    assert (raised.value.code, raised.value.param) == ("resource_missing", "charge")


def test_a_charge_and_a_refund_keep_notes(client: Any, paid: Any) -> None:
    charge = client.v1.charges.update(paid.latest_charge, {"description": "tea", "metadata": {"a": "b"}})
    assert (charge.description, charge.metadata["a"]) == ("tea", "b")
    back = client.v1.refunds.create({"charge": charge.id})
    assert client.v1.refunds.update(back.id, {"metadata": {"why": "cold"}}).metadata["why"] == "cold"
