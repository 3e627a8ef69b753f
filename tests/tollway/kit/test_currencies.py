"""Minor units: exact both ways, for every currency, and nothing finer is let through."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tollway.kit.currencies import MINOR_DECIMALS, Minor, minor_decimals, minor_unit
from tollway.kit.money import parse_units

CURRENCIES = st.sampled_from(sorted(MINOR_DECIMALS))


@pytest.mark.parametrize(
    ("text", "currency", "count"),
    [("20.00", "USD", 2_000), ("20", "JPY", 20), ("20.005", "KWD", 20_005), ("0.01", "EUR", 1)],
)
def test_amounts_are_counted_in_the_currencys_own_minor_unit(text: str, currency: str, count: int) -> None:
    units = parse_units(text, 6)
    assert Minor.of(units, currency) == Minor(currency, count)
    assert Minor(currency, count).units == units


@given(CURRENCIES, st.integers(-(10**12), 10**12))
def test_there_and_back_loses_nothing(currency: str, count: int) -> None:
    assert Minor.of(Minor(currency, count).units, currency) == Minor(currency, count)


@given(CURRENCIES, st.integers(1, 10**15))
def test_what_is_finer_than_the_minor_unit_is_refused_and_never_rounded(currency: str, units: int) -> None:
    if units % minor_unit(currency):
        with pytest.raises(ValueError, match=f"finer than the smallest amount of {currency}"):
            Minor.of(units, currency)
    else:
        assert Minor.of(units, currency).units == units


@pytest.mark.parametrize(
    ("units", "currency", "sentence"),
    [
        (20_001_000, "USD", "20.001 is finer than the smallest amount of USD, which is 0.01"),
        (20_500_000, "JPY", "20.5 is finer than the smallest amount of JPY, which is 1"),
        (20_000_100, "KWD", "20.0001 is finer than the smallest amount of KWD, which is 0.001"),
    ],
)
def test_the_refusal_says_which_amount_would_do(units: int, currency: str, sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence):
        Minor.of(units, currency)


# ISO 4217's List One: every code whose minor unit is not two decimals.
NOT_TWO = {
    0: "BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX UYI VND VUV XAF XOF XPF",
    3: "BHD IQD JOD KWD LYD OMR TND",
    4: "CLF UYW",
}


def test_every_currency_has_the_minor_unit_of_iso_4217() -> None:
    others = {code: decimals for decimals, codes in NOT_TWO.items() for code in codes.split()}
    assert {code: n for code, n in MINOR_DECIMALS.items() if n != 2} == others
    assert len(MINOR_DECIMALS) > 160
    assert all(len(code) == 3 and code.isalpha() and code.isupper() for code in MINOR_DECIMALS)


@pytest.mark.parametrize("wrong", ["usd", "BTC", "", "X" * 100, "XAU", "XTS", "XXX", "USDT"])
def test_an_unknown_currency_is_refused(wrong: str) -> None:
    with pytest.raises(ValueError, match="is not a currency of ISO 4217"):
        minor_decimals(wrong)
    with pytest.raises(ValueError, match="ISO 4217"):
        Minor.of(1, wrong)
