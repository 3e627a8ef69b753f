"""Price arithmetic: exact, and rounded in the platform's favour by less than one unit."""

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.kit.typing import settings_of
from tollway.kit.errors import Invalid
from tollway.kit.times import DAY_US
from tollway.services.catalog.model import (
    FIRST_CATALOGUE,
    ListPrice,
    Price,
    PriceLine,
    Product,
    check_quantity,
    cost_of,
    price_at,
    price_line,
    scarcity_factor,
    sold_ppm,
)
from tollway.services.catalog.settings import CatalogSettings

GB, MILLION = 1_000_000_000, 1_000_000
CURVE = settings_of(CatalogSettings).scarcity_curve
PRODUCT = Product("a.b", "A", "", ("http",), "standard", "byte", GB, 1_000_000, 100 * GB, DAY_US, 1000 * GB)


def listed(per_lot: int) -> ListPrice:
    return ListPrice("a.b", "USD", per_lot, 0, "usr_1")


@given(st.integers(1, 10**13), st.integers(1, 10**12))
def test_a_cost_is_the_exact_product_rounded_up_by_less_than_one_unit(quantity: int, per_lot: int) -> None:
    exact = Fraction(quantity * per_lot, GB)
    assert exact <= cost_of(quantity, per_lot, GB) < exact + 1


def test_a_cost_beyond_64_bits_is_refused() -> None:
    with pytest.raises(Invalid):
        cost_of(10**13, 2**62, GB)


@given(st.integers(0, 10**18), st.integers(-5, 10**18))
def test_what_is_sold_is_a_part_of_the_whole(capacity: int, available: int) -> None:
    assert 0 <= sold_ppm(capacity, available) <= MILLION


def test_no_capacity_is_the_same_as_sold_out() -> None:
    assert sold_ppm(0, 0) == MILLION


@given(st.integers(0, MILLION), st.integers(0, MILLION))
def test_the_more_is_sold_the_dearer_it_gets(one: int, other: int) -> None:
    less, more = sorted((one, other))
    assert MILLION <= scarcity_factor(CURVE, less) <= scarcity_factor(CURVE, more) <= CURVE[-1][1]


@pytest.mark.parametrize(
    ("sold", "factor"),
    [(0, MILLION), (700_000, MILLION), (800_000, 1_075_000), (900_000, 1_150_000), (MILLION, 1_300_000)],
)
def test_the_curve_goes_through_its_points_and_straight_between(sold: int, factor: int) -> None:
    assert scarcity_factor(CURVE, sold) == factor


@given(st.integers(1, 10**15), st.integers(MILLION, 2 * MILLION), st.integers(0, MILLION - 1))
def test_the_bid_never_exceeds_the_ask_and_the_ask_never_falls_below_the_exact_price(
    per_lot: int, factor: int, spread: int
) -> None:
    price = price_at(listed(per_lot), PRODUCT, factor, spread, 7)
    assert price.bid_per_lot <= price.ask_per_lot
    assert Fraction(per_lot * factor, MILLION) <= price.ask_per_lot < Fraction(per_lot * factor, MILLION) + 1
    assert price.bid_per_lot <= Fraction(price.ask_per_lot * (MILLION - spread), MILLION)


def test_a_price_beyond_64_bits_is_refused() -> None:
    with pytest.raises(Invalid):
        price_at(listed(2**63 - 1), PRODUCT, 1_300_000, 0, 0)


@pytest.mark.parametrize("quantity", [0, -1, 999_999, 100 * GB + 1])
def test_a_quantity_out_of_range_is_refused_with_the_range(quantity: int) -> None:
    with pytest.raises(Invalid) as refusal:
        check_quantity(PRODUCT, quantity)
    assert "from 1000000 to 100000000000 bytes" in refusal.value.detail


def test_every_product_of_the_first_catalogue_has_a_price_in_every_default_currency() -> None:
    for product, prices in FIRST_CATALOGUE:
        assert set(prices) == {"USD", "EUR"}
        assert all(per_lot > 0 for per_lot in prices.values())
        assert product.min_units <= product.lot_units <= product.max_units


def line_of(quantity: int, ask: int, fee_ppm: int = 0) -> PriceLine:
    product = Product("a", "", "", (), "standard", "byte", GB, 1, 10**13, 0)
    return price_line(product, Price("a", "USD", ask, ask, ask, GB, 0), quantity, fee_ppm)


@given(st.integers(1, 10**13), st.integers(1, 10**12), st.integers(0, 999_999))
def test_price_and_fee_are_exact_and_rounded_up_by_less_than_a_unit(
    quantity: int, ask: int, fee_ppm: int
) -> None:
    made = line_of(quantity, ask, fee_ppm)
    exact = Fraction(quantity * ask, GB)
    assert exact <= made.list_price < exact + 1
    fee = Fraction(made.list_price * fee_ppm, 1_000_000)
    assert fee <= made.fee < fee + 1
    assert made.total == made.list_price + made.fee


def test_even_the_smallest_order_costs_something() -> None:
    assert line_of(1, 1).list_price == 1


def test_a_price_that_does_not_fit_64_bits_is_refused() -> None:
    with pytest.raises(Invalid):
        line_of(10**13, 2**60)
