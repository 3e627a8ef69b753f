"""Customers and their saved cards, as the official SDK sees them."""

from typing import Any, cast

import pytest
import stripe


def test_a_customer_is_made_changed_found_and_listed_by_e_mail(client: Any) -> None:
    made = client.v1.customers.create(
        {"email": "a@example.com", "name": "Ada", "metadata": {"user": "usr_1"}}
    )
    client.v1.customers.create({"email": "b@example.com"})
    changed = client.v1.customers.update(made.id, {"name": "Ada L.", "metadata": {"plan": "gold"}})
    assert (changed.name, changed.metadata.to_dict()) == ("Ada L.", {"user": "usr_1", "plan": "gold"})
    assert client.v1.customers.retrieve(made.id).name == "Ada L."
    assert [found.id for found in client.v1.customers.list({"email": "a@example.com"}).data] == [made.id]


def test_empty_values_remove(client: Any) -> None:
    made = client.v1.customers.create({"email": "a@example.com", "metadata": {"a": "1", "b": "2"}})
    assert client.v1.customers.update(made.id, {"metadata": {"a": ""}}).metadata.to_dict() == {"b": "2"}
    emptied = client.v1.customers.update(made.id, {"metadata": "", "email": ""})
    assert (emptied.metadata.to_dict(), emptied.email) == ({}, None)


def test_a_deleted_customer_says_so_and_takes_no_more_cards(client: Any) -> None:
    made = client.v1.customers.create()
    card = client.v1.payment_methods.attach("pm_card_visa", {"customer": made.id})
    assert client.v1.customers.delete(made.id).deleted
    assert client.v1.customers.retrieve(made.id).deleted
    assert client.v1.payment_methods.retrieve(card.id).customer is None
    with pytest.raises(stripe.InvalidRequestError, match="No such customer"):
        client.v1.payment_methods.attach("pm_card_visa", {"customer": made.id})


def test_cards_are_attached_listed_and_detached(client: Any) -> None:
    mine, other = client.v1.customers.create(), client.v1.customers.create()
    visa = client.v1.payment_methods.attach("pm_card_visa", {"customer": mine.id})
    amex = client.v1.payment_methods.attach("pm_card_amex", {"customer": mine.id})
    assert [card.id for card in client.v1.customers.payment_methods.list(mine.id).data] == [amex.id, visa.id]
    assert client.v1.customers.payment_methods.retrieve(mine.id, visa.id).card.brand == "visa"
    with pytest.raises(stripe.InvalidRequestError) as raised:
        client.v1.customers.payment_methods.retrieve(other.id, visa.id)
    assert raised.value.code == "resource_missing"
    assert client.v1.payment_methods.detach(visa.id).customer is None
    assert [card.id for card in client.v1.payment_methods.list({"customer": mine.id}).data] == [amex.id]
    with pytest.raises(stripe.InvalidRequestError):
        client.v1.payment_methods.attach(visa.id, {"customer": mine.id})


def test_a_card_that_always_declines_cannot_be_saved(client: Any) -> None:
    customer = client.v1.customers.create()
    with pytest.raises(stripe.CardError) as raised:
        client.v1.payment_methods.attach("pm_card_visa_chargeDeclined", {"customer": customer.id})
    assert cast("Any", raised.value).error.decline_code == "generic_decline"
    assert client.v1.customers.payment_methods.list(customer.id).data == []


def test_one_that_declines_only_when_charged_can(client: Any) -> None:
    customer = client.v1.customers.create()
    card = client.v1.payment_methods.attach("pm_card_chargeCustomerFail", {"customer": customer.id})
    with pytest.raises(stripe.CardError):
        client.v1.payment_intents.create(
            {
                "amount": 500,
                "currency": "usd",
                "customer": customer.id,
                "payment_method": card.id,
                "allowed_payment_method_types": ["card"],
                "confirm": True,
            }
        )


@pytest.mark.parametrize(
    ("card", "code", "param"),
    [
        ({"number": "4242424242424241"}, "incorrect_number", "number"),
        ({"number": "42"}, "invalid_number", "number"),
        ({"exp_month": 13}, "invalid_expiry_month", "exp_month"),
        ({"exp_year": 2020}, "invalid_expiry_year", "exp_year"),
        ({"cvc": "99"}, "invalid_cvc", "cvc"),
        ({"number": "4111111111111111"}, "card_declined", None),
    ],
)
def test_wrong_card_details_are_card_errors(
    client: Any, card: dict[str, object], code: str, param: str | None
) -> None:
    good = {"number": "4242424242424242", "exp_month": 12, "exp_year": 2034, "cvc": "123"}
    with pytest.raises(stripe.CardError) as raised:
        client.v1.payment_methods.create({"type": "card", "card": {**good, **card}})
    assert (raised.value.http_status, raised.value.code, raised.value.param) == (402, code, param)


def test_a_default_card_is_kept_with_the_customer(client: Any) -> None:
    customer = client.v1.customers.create({"payment_method": "pm_card_visa"})
    card = client.v1.customers.payment_methods.list(customer.id).data[0]
    updated = client.v1.customers.update(
        customer.id, {"invoice_settings": {"default_payment_method": card.id}}
    )
    assert updated.invoice_settings.default_payment_method == card.id
