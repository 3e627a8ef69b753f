"""Amounts are shown and bounded by currency."""

import pytest

from tollway.services.payments_mock.model.currencies import check_amount, check_currency, show
from tollway.services.payments_mock.model.refusals import Refused


@pytest.mark.parametrize(
    ("amount", "currency", "text"),
    [
        (600, "usd", "$6.00"),
        (123456, "eur", "€1,234.56"),
        (600, "jpy", "600 JPY"),
        (1005, "kwd", "1.005 KWD"),
    ],
)
def test_amounts_are_shown_with_their_decimals(amount: int, currency: str, text: str) -> None:
    assert show(amount, currency) == text


def test_currencies_are_known_in_any_case() -> None:
    assert check_currency("EuR") == "eur"
    with pytest.raises(Refused):
        check_currency("gold")


def test_the_least_charge_depends_on_the_currency() -> None:
    assert check_amount(30, "gbp") == 30
    with pytest.raises(Refused) as raised:
        check_amount(30, "usd")
    assert raised.value.error["code"] == "amount_too_small"
