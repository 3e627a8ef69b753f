"""One running business for the tests that attack its public surface."""

from collections.abc import Iterator

import pytest

from tests.kit.business import Business, Caller, Customer, business, until


@pytest.fixture(scope="session")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Business]:
    """Everything in one process, the edge included; fetches may go to 127.77.0.0/24."""
    ranges = '["127.77.0.0/24"]'
    with business(
        tmp_path_factory.mktemp("house"), "all", "payments_mock", TOLLWAY_EDGE__ALLOW_RANGES=ranges
    ) as one:
        yield one


@pytest.fixture
def nobody(house: Business) -> Caller:
    """Somebody without an account, from an address of their own."""
    return house.caller()


@pytest.fixture(scope="module")
def ann(house: Business) -> Customer:
    """A customer who has one of everything: money, an order, an access with a credential, a saved card."""
    one = house.customer()
    one.pay_in("50.00")
    one.buy()
    one.connect()
    one.caller.post("/api/billing/payment-methods", {"payment_method": "pm_card_visa"})
    return one


@pytest.fixture(scope="module")
def bob(house: Business) -> Customer:
    """Another customer, who has an empty wallet."""
    one = house.customer()
    until(lambda: all(account["opened_at"] for account in one.caller.get("/api/accounts").json["items"]))
    return one


@pytest.fixture(scope="module")
def operator(house: Business) -> Caller:
    return house.operator()
