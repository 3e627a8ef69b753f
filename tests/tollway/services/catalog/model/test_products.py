"""What may be sold, and in which quantities."""

import pytest

from tollway.kit.errors import Invalid
from tollway.services.catalog.model import CapacityIssue, Product, check_product, check_quantity


def product(least: int = 10, most: int = 100) -> Product:
    return Product("a.b", "A", "", (), "standard", "byte", 1000, least, most, 0)


@pytest.mark.parametrize("quantity", [10, 55, 100])
def test_an_order_is_within_the_products_sizes(quantity: int) -> None:
    check_quantity(product(), quantity)


@pytest.mark.parametrize("quantity", [-1, 0, 9, 101, 2**63])
def test_other_quantities_are_refused_with_the_range(quantity: int) -> None:
    with pytest.raises(Invalid, match="must be from 10 to 100 bytes"):
        check_quantity(product(), quantity)


def test_sizes_that_make_no_sense_are_refused() -> None:
    check_product(product(10, 10))
    with pytest.raises(Invalid, match="min_units: must be at most max_units, which is 9"):
        check_product(product(10, 9))


def test_an_issue_of_capacity_is_asked_for_and_then_done() -> None:
    states = [CapacityIssue("iss_1", "a.b", 1, "usr_1", done).state for done in (False, True)]
    assert states == ["asked", "done"]
