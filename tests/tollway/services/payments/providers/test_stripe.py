"""The provider port on Stripe's API: what it says in words that fit every provider."""

import logging

import pytest

from tests.kit.databases import Kind
from tests.kit.payments import Till
from tollway.contracts.errors import ProviderUnavailable
from tollway.services.payments.providers import CustomerGone, Order
from tollway.services.payments.providers.stripe import StripeProvider

BACK = "http://127.0.0.1:1/back"


@pytest.fixture
def kind() -> Kind:
    """What is tested here does not depend on the database: one kind is enough."""
    return "sqlite"


def order(customer: str, deposit_id: str = "dep_1") -> Order:
    return Order(deposit_id, "usr_ann", customer, 2000, "USD")


async def test_a_charge_is_made_once_per_deposit(shop: Till) -> None:
    customer = await shop.provider.make_customer("usr_ann", "ann@example.com")
    assert await shop.provider.make_customer("usr_ann", "ann@example.com") == customer
    first = await shop.provider.charge(order(customer), "pm_card_visa", BACK)
    assert (first.status, first.cents, first.currency, first.deposit_id) == (
        "succeeded",
        2000,
        "USD",
        "dep_1",
    )
    assert await shop.provider.charge(order(customer), "pm_card_visa", BACK) == first
    assert await shop.provider.find_payment(first.ref) == first
    assert await shop.provider.find_payment("pi_nothing") is None


async def test_a_decline_is_an_answer_with_its_reason(shop: Till) -> None:
    customer = await shop.provider.make_customer("usr_ann", "")
    failed = await shop.provider.charge(order(customer), "pm_card_visa_chargeDeclinedLostCard", BACK)
    assert (failed.status, failed.reason, failed.decline_code) == ("failed", "card_declined", "lost_card")
    assert failed.message == "Your card was declined."
    assert failed.ref.startswith("pi_")
    again = await shop.provider.charge(order(customer), "pm_card_visa_chargeDeclinedLostCard", BACK)
    assert again == failed


async def test_what_waits_for_the_customer_says_where(shop: Till) -> None:
    customer = await shop.provider.make_customer("usr_ann", "")
    asked = await shop.provider.charge(order(customer), "pm_card_threeDSecure2Required", BACK)
    assert (asked.status, asked.action_url) == ("requires_action", f"{shop.mock.url}/3ds/{asked.ref}")
    ended = await shop.provider.cancel(asked.ref)
    assert ended is not None
    assert (ended.status, ended.reason) == ("canceled", "abandoned")
    assert await shop.provider.cancel("pi_nothing") is None


async def test_cancelling_what_was_paid_meanwhile_tells_that_it_was(shop: Till) -> None:
    customer = await shop.provider.make_customer("usr_ann", "")
    paid = await shop.provider.charge(order(customer), "pm_card_visa", BACK)
    assert await shop.provider.cancel(paid.ref) == paid


async def test_a_customer_that_is_gone_is_its_own_error(shop: Till) -> None:
    with pytest.raises(CustomerGone):
        await shop.provider.charge(order("cus_gone"), "pm_card_visa", BACK)
    with pytest.raises(CustomerGone):
        await shop.provider.open_checkout(order("cus_gone"), BACK, BACK)


async def test_a_refused_key_and_a_closed_port_are_outages_and_no_secret_is_logged(
    shop: Till, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    for key, url in (("sk_live_topsecret", shop.mock.url), ("sk_test_topsecret", "http://127.0.0.1:9")):
        provider = StripeProvider(key, url, timeout_s=1, retries=0)
        with pytest.raises(ProviderUnavailable):
            await provider.find_payment("pi_1")
        await provider.close()
    assert "stripe_api_key" in caplog.text
    assert "topsecret" not in caplog.text


async def test_a_page_is_followed_from_open_to_expired(shop: Till) -> None:
    customer = await shop.provider.make_customer("usr_ann", "")
    page = await shop.provider.open_checkout(order(customer), BACK, BACK)
    assert (page.status, page.payment_ref, page.deposit_id) == ("open", "", "dep_1")
    await shop.look(lambda client: client.v1.checkout.sessions.expire(page.ref))
    expired = await shop.provider.find_checkout(page.ref)
    assert expired is not None
    assert expired.status == "expired"
    assert await shop.provider.find_checkout("cs_nothing") is None
