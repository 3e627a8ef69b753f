"""A developer sees what happened."""

import urllib.error
import urllib.request
from typing import Any

import pytest

from tests.kit.payments import MockInThread


def text(url: str) -> str:
    with urllib.request.urlopen(url, timeout=30) as answer:
        return answer.read().decode()


def test_requests_and_objects_are_shown_without_card_numbers(client: Any, mock: MockInThread) -> None:
    card = {"number": "4242424242424242", "exp_month": 12, "exp_year": 2034, "cvc": "987"}
    client.v1.payment_methods.create({"type": "card", "card": card})
    made = client.v1.customers.create({"name": "<script>alert(1)</script>"})
    shown = text(mock.url)
    assert "/v1/payment_methods" in shown
    assert "…4242" in shown
    assert "4242424242424242" not in shown
    assert "987" not in shown
    assert "<script>" not in shown
    assert made.id in text(f"{mock.url}/mock/kinds/customer")
    assert "&lt;script&gt;" in text(f"{mock.url}/mock/objects/{made.id}")


def test_what_is_not_there_is_404(mock: MockInThread) -> None:
    with pytest.raises(urllib.error.HTTPError) as raised:
        text(f"{mock.url}/mock/objects/nothing")
    assert raised.value.code == 404
