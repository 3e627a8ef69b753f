"""The provider port on Stripe's API: what it says in words that fit every provider."""

import logging

import pytest

from tests.kit.databases import Kind
from tests.kit.payments import RunningPayments
from tollway.contracts.errors import ProviderUnavailable
from tollway.kit.currencies import Minor
from tollway.services.payments.providers import CustomerGone, PaymentRequest
from tollway.services.payments.providers.stripe import StripeProvider

BACK = "http://127.0.0.1:1/back"


@pytest.fixture
def kind() -> Kind:
    """What is tested here does not depend on the database: one kind is enough."""
    return "sqlite"


def request(customer: str, deposit_id: str = "dep_1") -> PaymentRequest:
    return PaymentRequest(deposit_id, "usr_ann", customer, Minor("USD", 2000))


async def test_a_charge_is_made_once_per_deposit(payments: RunningPayments) -> None:
    customer = await payments.provider.make_customer("usr_ann", "ann@example.com")
    assert await payments.provider.make_customer("usr_ann", "ann@example.com") == customer
    first = await payments.provider.charge(request(customer), "pm_card_visa", BACK)
    assert (first.status, first.amount, first.deposit_id) == ("succeeded", Minor("USD", 2000), "dep_1")
    assert await payments.provider.charge(request(customer), "pm_card_visa", BACK) == first
    assert await payments.provider.find_payment(first.ref) == first
    assert await payments.provider.find_payment("pi_nothing") is None


async def test_a_decline_is_an_answer_with_its_reason(payments: RunningPayments) -> None:
    customer = await payments.provider.make_customer("usr_ann", "")
    failed = await payments.provider.charge(request(customer), "pm_card_visa_chargeDeclinedLostCard", BACK)
    assert (failed.status, failed.reason, failed.decline_code) == ("failed", "card_declined", "lost_card")
    assert failed.message == "Your card was declined."
    assert failed.ref.startswith("pi_")
    again = await payments.provider.charge(request(customer), "pm_card_visa_chargeDeclinedLostCard", BACK)
    assert again == failed


async def test_what_waits_for_the_customer_says_where(payments: RunningPayments) -> None:
    customer = await payments.provider.make_customer("usr_ann", "")
    asked = await payments.provider.charge(request(customer), "pm_card_threeDSecure2Required", BACK)
    assert (asked.status, asked.action_url) == ("requires_action", f"{payments.mock.url}/3ds/{asked.ref}")
    ended = await payments.provider.cancel(asked.ref)
    assert ended is not None
    assert (ended.status, ended.reason) == ("canceled", "abandoned")
    assert await payments.provider.cancel("pi_nothing") is None


async def test_cancelling_what_was_paid_meanwhile_tells_that_it_was(payments: RunningPayments) -> None:
    customer = await payments.provider.make_customer("usr_ann", "")
    paid = await payments.provider.charge(request(customer), "pm_card_visa", BACK)
    assert await payments.provider.cancel(paid.ref) == paid


async def test_a_customer_that_is_gone_is_its_own_error(payments: RunningPayments) -> None:
    with pytest.raises(CustomerGone):
        await payments.provider.charge(request("cus_gone"), "pm_card_visa", BACK)
    with pytest.raises(CustomerGone):
        await payments.provider.open_checkout(request("cus_gone"), BACK, BACK)


async def test_a_refused_key_and_a_closed_port_are_outages_and_no_secret_is_logged(
    payments: RunningPayments, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    for key, url in (("sk_live_topsecret", payments.mock.url), ("sk_test_topsecret", "http://127.0.0.1:9")):
        provider = StripeProvider(key, url, timeout_s=1, retries=0)
        with pytest.raises(ProviderUnavailable):
            await provider.find_payment("pi_1")
        await provider.close()
    assert "payments.providers.stripe.api_key" in caplog.text
    assert "topsecret" not in caplog.text


async def test_a_page_is_followed_from_open_to_expired(payments: RunningPayments) -> None:
    customer = await payments.provider.make_customer("usr_ann", "")
    page = await payments.provider.open_checkout(request(customer), BACK, BACK)
    assert (page.status, page.payment_ref, page.deposit_id) == ("open", "", "dep_1")
    await payments.at_provider(lambda client: client.v1.checkout.sessions.expire(page.ref))
    expired = await payments.provider.find_checkout(page.ref)
    assert expired is not None
    assert expired.status == "expired"
    assert await payments.provider.find_checkout("cs_nothing") is None
