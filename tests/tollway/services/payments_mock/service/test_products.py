"""Products and one-time prices."""

from typing import Any

import pytest
import stripe


def test_a_product_with_its_price(client: Any) -> None:
    product = client.v1.products.create(
        {
            "name": "1 GB",
            "default_price_data": {"currency": "usd", "unit_amount": 350},
            "expand": ["default_price"],
        }
    )
    assert (product.default_price.unit_amount, product.default_price.product) == (350, product.id)
    assert [price.id for price in client.v1.prices.list({"product": product.id}).data] == [
        product.default_price.id
    ]
    with pytest.raises(stripe.InvalidRequestError, match="prices"):
        client.v1.products.delete(product.id)


def test_active_ones_can_be_listed_alone(client: Any) -> None:
    kept, put_away = client.v1.products.create({"name": "a"}), client.v1.products.create({"name": "b"})
    client.v1.products.update(put_away.id, {"active": False})
    assert [found.id for found in client.v1.products.list({"active": True}).data] == [kept.id]
    assert [found.id for found in client.v1.products.list({"active": False}).data] == [put_away.id]


def test_a_product_with_an_id_of_ones_own_exists_once(client: Any) -> None:
    client.v1.products.create({"id": "gold", "name": "Gold"})
    with pytest.raises(stripe.InvalidRequestError) as raised:
        client.v1.products.create({"id": "gold", "name": "Gold"})
    assert raised.value.code == "resource_already_exists"
    assert client.v1.products.delete("gold").deleted
    with pytest.raises(stripe.InvalidRequestError, match="No such product"):
        client.v1.products.retrieve("gold")


def test_a_price_can_describe_its_product_and_retire(client: Any) -> None:
    price = client.v1.prices.create(
        {
            "currency": "EUR",
            "unit_amount_decimal": "1200",
            "product_data": {"name": "Seat"},
            "expand": ["product"],
        }
    )
    assert (price.currency, price.unit_amount, price.product.name) == ("eur", 1200, "Seat")
    assert not client.v1.prices.update(price.id, {"active": False}).active


def test_recurring_prices_are_not_known_here(client: Any) -> None:
    product = client.v1.products.create({"name": "Plan"})
    recurring = {
        "currency": "usd",
        "unit_amount": 500,
        "product": product.id,
        "recurring": {"interval": "month"},
    }
    with pytest.raises(stripe.InvalidRequestError) as raised:
        client.v1.prices.create(recurring)
    assert raised.value.param == "recurring"
