"""Amounts as text: one plain way to write them, exact, and never more than 64 bits."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tollway.kit.money import FIAT_SCALE, MAX_UNITS, format_units, money_text, parse_units


@given(st.integers(-MAX_UNITS, MAX_UNITS), st.sampled_from([0, 2, FIAT_SCALE, 18]))
def test_what_is_written_is_read_again(units: int, scale: int) -> None:
    assert parse_units(format_units(units, scale), scale) == units


@given(st.integers(-MAX_UNITS, MAX_UNITS))
def test_money_is_shown_without_losing_any(units: int) -> None:
    assert parse_units(money_text(units), FIAT_SCALE) == units


@pytest.mark.parametrize(
    "text",
    [
        "",
        "1e3",
        "0x1",
        "1.0.0",
        "01",
        "00.5",
        "-01",
        "+1",
        " 1",
        "1 ",
        "1\n",
        "1,5",
        ".5",
        "5.",
        "NaN",
        "Infinity",
        "-",
        "--1",
    ],
)
def test_only_plain_decimals_are_read(text: str) -> None:
    with pytest.raises(ValueError, match="plain decimal"):
        parse_units(text, FIAT_SCALE)


@pytest.mark.parametrize("text", ["٢٠", "２０", "२०", "1٫5", "۱"])
def test_digits_of_other_scripts_are_no_digits(text: str) -> None:
    with pytest.raises(ValueError, match="plain decimal"):
        parse_units(text, FIAT_SCALE)


def test_finer_than_the_smallest_unit_and_above_64_bits_are_refused() -> None:
    with pytest.raises(ValueError, match="finer"):
        parse_units("1.0000001", FIAT_SCALE)
    with pytest.raises(ValueError, match="out of range"):
        parse_units("9223372036854.775808", FIAT_SCALE)
    assert parse_units("9223372036854.775807", FIAT_SCALE) == MAX_UNITS
