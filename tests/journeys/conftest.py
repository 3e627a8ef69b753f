"""One running business for the tests that attack its public surface."""

from collections.abc import Iterator

import pytest

from tests.kit.business import Business, Caller, Customer, running_business
from tests.kit.eventually import wait_until


@pytest.fixture(scope="session")
def business(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Business]:
    """Everything in one process, the edge included; fetches may go to 127.77.0.0/24."""
    ranges = '["127.77.0.0/24"]'
    with running_business(
        tmp_path_factory.mktemp("house"), "all", "payments_mock", TOLLWAY_EDGE__ALLOW_RANGES=ranges
    ) as one:
        yield one


@pytest.fixture
def nobody(business: Business) -> Caller:
    """Somebody without an account, from an address of their own."""
    return business.caller()


@pytest.fixture(scope="module")
def ann(business: Business) -> Customer:
    """A customer who has one of everything: money, an order, an access with a credential, a saved card."""
    one = business.customer()
    one.pay_in("50.00")
    one.buy()
    one.connect()
    one.caller.post("/api/billing/payment-methods", {"payment_method": "pm_card_visa"})
    return one


@pytest.fixture(scope="module")
def bob(business: Business) -> Customer:
    """Another customer, who has an empty wallet."""
    one = business.customer()
    wait_until(lambda: all(account["opened_at"] for account in one.caller.get("/api/accounts").json["items"]))
    return one


@pytest.fixture(scope="module")
def operator(business: Business) -> Caller:
    return business.operator()
