"""Money comes in once, or not at all, and is never guessed."""

import asyncio
import urllib.error
import urllib.parse
import urllib.request
from pathlib import Path
from typing import Any

import pytest

from tests.kit.clock import FakeClock
from tests.kit.payments import RunningPayments, running_payments
from tollway.contracts.errors import CardDeclined, IdempotencyKeyReused, PaymentFailed, ProviderUnavailable
from tollway.kit.errors import Invalid, NotFound
from tollway.services.payments.model import Deposit, DepositState

USD = 1_000_000
VISA, DECLINED, SECURE = "pm_card_visa", "pm_card_visa_chargeDeclined", "pm_card_threeDSecure2Required"


async def deposit(
    payments: RunningPayments, method: str = VISA, key: str = "key-1", amount: int = 20 * USD
) -> Deposit:
    return await payments.service.deposits.start("usr_ann", key, "USD", amount, method)


async def state(payments: RunningPayments, started: Deposit) -> Deposit:
    return await payments.load(started.id)


async def charges(payments: RunningPayments) -> list[Any]:
    listed = await payments.at_provider(lambda client: client.v1.charges.list({"limit": 100}).data)
    return [one for one in listed if one.status == "succeeded"]


async def click(url: str, **form: str) -> None:
    """Send a form of the provider's pages, wherever it leads."""

    def send() -> None:
        try:
            urllib.request.urlopen(url, urllib.parse.urlencode(form).encode(), timeout=30).close()
        except urllib.error.HTTPError as led_back:
            led_back.close()

    await asyncio.to_thread(send)


# ── the straight way ────────────────────────────────────────────────────────────────────────────────


async def test_a_card_pays_and_the_webhook_credits(payments: RunningPayments) -> None:
    started = await deposit(payments)
    assert started.state == DepositState.SUCCEEDED
    assert payments.balance("usr_ann") == 0, "only the provider's webhook credits"
    await payments.drain()
    done = await state(payments, started)
    assert (done.state, payments.balance("usr_ann")) == (DepositState.CREDITED, 20 * USD)
    assert done.transaction_id.startswith("txn_")
    assert payments.ledger.counters("platform", "payments", "USD", "clearing").debits_posted == 20 * USD
    assert payments.ledger.posts == [f"deposit:stripe:{done.payment_ref}"]
    event = {"deposit_id": done.id, "user_id": "usr_ann", "currency": "USD", "amount": 20 * USD}
    assert await payments.published() == [("DEPOSIT_REQUESTED", event), ("DEPOSIT_CREDITED", event)]


async def test_the_provider_knows_whose_money_it_is(payments: RunningPayments) -> None:
    started = await deposit(payments)
    paid = await payments.at_provider(
        lambda client: client.v1.payment_intents.retrieve(started.payment_ref, {"expand": ["customer"]})
    )
    assert (paid.amount, paid.currency, paid.metadata["deposit_id"]) == (2000, "usd", started.id)
    assert (paid.customer.email, paid.customer.metadata["user_id"]) == ("usr_ann@example.com", "usr_ann")


async def test_a_user_is_one_customer_however_many_deposits(payments: RunningPayments) -> None:
    await asyncio.gather(*(deposit(payments, key=f"key-{n}") for n in range(4)))
    assert len(await payments.at_provider(lambda client: client.v1.customers.list().data)) == 1


async def test_a_declined_card_moves_nothing_and_is_remembered(payments: RunningPayments) -> None:
    with pytest.raises(CardDeclined) as raised:
        await deposit(payments, "pm_card_visa_chargeDeclinedInsufficientFunds")
    assert raised.value.extra["decline_code"] == "insufficient_funds"
    await payments.drain()
    failed = await state(payments, await payments.load(raised.value.extra["deposit_id"]))
    assert (failed.state, failed.decline_code) == (DepositState.FAILED, "insufficient_funds")
    assert (payments.ledger.posts, await charges(payments)) == ([], [])
    assert [topic for topic, _ in await payments.published()] == ["DEPOSIT_REQUESTED", "DEPOSIT_FAILED"]
    with pytest.raises(CardDeclined):
        await deposit(payments, "pm_card_visa_chargeDeclinedInsufficientFunds")
    assert len(await payments.at_provider(lambda client: client.v1.charges.list().data)) == 1


async def test_the_same_key_is_the_same_deposit(payments: RunningPayments) -> None:
    first, again = await deposit(payments), await deposit(payments)
    assert again.id == first.id
    assert len(await charges(payments)) == 1
    with pytest.raises(IdempotencyKeyReused):
        await deposit(payments, amount=21 * USD)


@pytest.mark.parametrize(
    ("amount", "currency", "said"),
    [
        (20 * USD + 1, "USD", "finer than the smallest amount of USD"),
        (999_999_999, "USD", "finer than the smallest amount of USD"),
        (990_000, "USD", "from 1.00 to 10000.00"),
        (10_000_010_000, "USD", "from 1.00 to 10000.00"),
        (20 * USD, "BTC", "currency: must be one of"),
    ],
)
async def test_amounts_outside_the_rules_are_refused_before_anything_happens(
    payments: RunningPayments, amount: int, currency: str, said: str
) -> None:
    with pytest.raises(Invalid, match=said):
        await payments.service.deposits.start("usr_ann", "key-1", currency, amount, VISA)
    assert (await payments.service.deposits.list("usr_ann", 10, "")).items == []


async def test_a_card_that_does_not_exist_fails_the_deposit(payments: RunningPayments) -> None:
    with pytest.raises(Invalid, match="No such PaymentMethod") as raised:
        await deposit(payments, "pm_nothing")
    failed = await payments.load(raised.value.extra["deposit_id"])
    assert (failed.state, failed.reason) == (DepositState.FAILED, "refused")


async def test_deposits_are_their_owners_alone(payments: RunningPayments) -> None:
    mine = await deposit(payments)
    with pytest.raises(NotFound):
        await payments.service.deposits.get("usr_bob", mine.id)
    assert (await payments.service.deposits.list("usr_bob", 10, "")).items == []
    with pytest.raises(NotFound):
        await payments.load("dep_none")


# ── the bank asks ───────────────────────────────────────────────────────────────────────────────────


async def test_a_bank_that_asks_is_answered_on_its_page(payments: RunningPayments) -> None:
    started = await deposit(payments, SECURE)
    assert started.state == DepositState.PROCESSING
    await click(started.action_url, passed="1")
    await payments.drain()
    done = await state(payments, started)
    assert (done.state, done.action_url, payments.balance("usr_ann")) == (DepositState.CREDITED, "", 20 * USD)


async def test_a_bank_that_is_not_answered_well_fails_the_deposit(payments: RunningPayments) -> None:
    started = await deposit(payments, SECURE)
    await click(started.action_url, failed="1")
    await payments.drain()
    failed = await state(payments, started)
    assert (failed.state, failed.reason) == (DepositState.FAILED, "payment_intent_authentication_failure")
    assert payments.balance("usr_ann") == 0


async def test_a_bank_that_is_never_answered_ends_in_a_cancelled_payment(payments: RunningPayments) -> None:
    started = await deposit(payments, SECURE)
    payments.clock.advance(payments.settings.abandon_after_s + 1)
    await payments.service.reconciliation.reconcile_stale()
    assert (await state(payments, started)).state == DepositState.FAILED
    payment = await payments.at_provider(
        lambda client: client.v1.payment_intents.retrieve(started.payment_ref)
    )
    assert payment.status == "canceled"


# ── the hosted page ─────────────────────────────────────────────────────────────────────────────────


async def test_a_hosted_page_takes_the_money_and_the_webhook_credits(payments: RunningPayments) -> None:
    started = await deposit(payments, "")
    assert (started.state, started.checkout) == (DepositState.PROCESSING, True)
    await click(started.action_url, token=DECLINED)
    await payments.drain()
    assert (await state(payments, started)).state == DepositState.PROCESSING, "another card may follow"
    await click(started.action_url, token=VISA)
    await payments.drain()
    done = await state(payments, started)
    assert (done.state, payments.balance("usr_ann")) == (DepositState.CREDITED, 20 * USD)
    assert (await deposit(payments, "")).id == started.id


async def test_a_hosted_page_that_expires_fails_the_deposit(payments: RunningPayments) -> None:
    started = await deposit(payments, "")
    await payments.at_provider(lambda client: client.v1.checkout.sessions.expire(started.checkout_ref))
    await payments.drain()
    assert ((await state(payments, started)).state, payments.balance("usr_ann")) == (DepositState.FAILED, 0)


async def test_reconciliation_finds_a_page_paid_or_expired_without_a_webhook(
    payments: RunningPayments,
) -> None:
    paid, left = await deposit(payments, "", "key-1"), await deposit(payments, "", "key-2")
    await payments.plan_fault("webhook_drop", times=100)
    await click(paid.action_url, token=VISA)
    payments.clock.advance(31)
    await payments.service.reconciliation.reconcile_stale()
    assert (await state(payments, paid)).state == DepositState.CREDITED
    assert (await state(payments, left)).state == DepositState.PROCESSING
    payments.clock.advance(24 * 3600)
    await payments.service.reconciliation.reconcile_stale()
    assert (await state(payments, left)).reason == "expired"
    assert payments.balance("usr_ann") == 20 * USD


async def test_a_page_that_could_not_be_made_can_be_asked_for_again(payments: RunningPayments) -> None:
    await payments.plan_fault("server_error", "/v1/checkout")
    with pytest.raises(ProviderUnavailable):
        await deposit(payments, "")
    again = await deposit(payments, "")
    assert again.action_url.startswith(payments.mock.url)
    assert len((await payments.service.deposits.list("usr_ann", 10, "")).items) == 1


async def test_a_page_whose_address_was_lost_is_given_up(payments: RunningPayments) -> None:
    await payments.plan_fault("server_error", "/v1/checkout")
    with pytest.raises(ProviderUnavailable):
        await deposit(payments, "")
    payments.clock.advance(31)
    await payments.service.reconciliation.reconcile_stale()
    for _ in range(2):
        with pytest.raises(PaymentFailed) as raised:
            await deposit(payments, "")
        assert raised.value.extra["reason"] == "interrupted"


# ── when the provider does not answer ───────────────────────────────────────────────────────────────


@pytest.fixture
async def impatient(tmp_path: Path, clock: FakeClock) -> Any:
    async with running_payments("sqlite", tmp_path, clock, timeout_s=1) as opened:
        yield opened


async def test_a_time_out_after_success_is_a_state_that_the_webhook_resolves(
    impatient: RunningPayments,
) -> None:
    await impatient.plan_fault("timeout", "/v1/payment_intents", delay_s=2)
    started = await deposit(impatient)
    assert (started.state, started.payment_ref) == (DepositState.PROCESSING, "")
    await impatient.drain()
    assert (await state(impatient, started)).state == DepositState.CREDITED
    assert (impatient.balance("usr_ann"), len(await charges(impatient))) == (20 * USD, 1)


async def test_a_time_out_and_a_lost_webhook_are_resolved_by_the_same_key(impatient: RunningPayments) -> None:
    await impatient.plan_fault("timeout", "/v1/payment_intents", delay_s=2)
    await impatient.plan_fault("webhook_drop", times=100)
    started = await deposit(impatient)
    await impatient.drain()
    impatient.clock.advance(31)
    await impatient.service.reconciliation.reconcile_stale()
    assert (await state(impatient, started)).state == DepositState.CREDITED
    assert (impatient.balance("usr_ann"), len(await charges(impatient))) == (20 * USD, 1)


async def test_a_customer_who_asks_again_after_a_time_out_pays_once(impatient: RunningPayments) -> None:
    await impatient.plan_fault("timeout", "/v1/payment_intents", delay_s=2)
    first = await deposit(impatient)
    again = await deposit(impatient)
    assert (again.id, again.state) == (first.id, DepositState.SUCCEEDED)
    await impatient.drain()
    assert (impatient.balance("usr_ann"), len(await charges(impatient))) == (20 * USD, 1)


@pytest.mark.parametrize("fault", ["rate_limit", "server_error"])
async def test_a_provider_in_trouble_is_asked_again_by_reconciliation(
    payments: RunningPayments, fault: str
) -> None:
    await payments.plan_fault(fault, "/v1/payment_intents")
    started = await deposit(payments)
    assert started.state == DepositState.PROCESSING
    payments.clock.advance(31)
    await payments.service.reconciliation.reconcile_stale()
    assert (await state(payments, started)).state == DepositState.CREDITED
    assert len(await charges(payments)) == 1


async def test_a_decline_whose_answer_was_lost_is_found_out_later(payments: RunningPayments) -> None:
    await payments.plan_fault("server_error", "/v1/payment_intents")
    started = await deposit(payments, DECLINED)
    payments.clock.advance(31)
    await payments.service.reconciliation.reconcile_stale()
    failed = await state(payments, started)
    assert (failed.state, failed.decline_code) == (DepositState.FAILED, "generic_decline")


async def test_an_outcome_that_stays_unknown_needs_a_review_and_is_never_guessed(
    payments: RunningPayments,
) -> None:
    await payments.plan_fault("server_error", "/v1/payment_intents", times=1000)
    started = await deposit(payments)
    for _ in range(20):
        payments.clock.advance(400)
        await payments.service.reconciliation.reconcile_stale()
    unknown = await state(payments, started)
    assert (unknown.state, unknown.reason) == (DepositState.NEEDS_REVIEW, "unknown_outcome")
    assert (payments.balance("usr_ann"), await charges(payments)) == (0, [])


async def test_a_provider_that_forgot_its_customer_gets_another(payments: RunningPayments) -> None:
    await deposit(payments, key="key-1")
    await payments.mock.service.reset(webhook_endpoints=False)
    started = await deposit(payments, key="key-2")
    await payments.drain()
    assert (await state(payments, started)).state == DepositState.CREDITED


async def test_a_payment_that_the_provider_forgot_needs_a_review(payments: RunningPayments) -> None:
    started = await deposit(payments, SECURE)
    await payments.mock.service.reset(webhook_endpoints=False)
    payments.clock.advance(31)
    await payments.service.reconciliation.reconcile_stale()
    assert (await state(payments, started)).reason == "unknown_to_provider"


class SlowProvider:
    """Takes so long to make a customer that the deposit is reconciled meanwhile."""

    def __init__(self, payments: RunningPayments) -> None:
        self._payments = payments

    def __getattr__(self, name: str) -> Any:
        return getattr(self._payments.provider, name)

    async def make_customer(self, user_id: str, email: str) -> str:
        self._payments.clock.advance(31)
        await self._payments.service.reconciliation.reconcile_stale()
        return await self._payments.provider.make_customer(user_id, email)


async def test_what_reconciliation_gave_up_is_not_charged_any_more(payments: RunningPayments) -> None:
    late = payments.restarted(provider=SlowProvider(payments))
    with pytest.raises(PaymentFailed) as raised:
        await late.deposits.start("usr_ann", "key-1", "USD", 20 * USD, VISA)
    given_up = await payments.load(raised.value.extra["deposit_id"])
    assert (given_up.state, given_up.reason) == (DepositState.FAILED, "interrupted")
    assert await charges(payments) == []


@pytest.mark.parametrize("method", [VISA, DECLINED, SECURE, ""])
async def test_asked_for_many_times_at_once_and_reconciled_meanwhile_it_is_one_deposit(
    payments: RunningPayments, method: str
) -> None:
    outcomes = await asyncio.gather(
        *(deposit(payments, method) for _ in range(6)),
        *(payments.service.reconciliation.reconcile_stale() for _ in range(3)),
        return_exceptions=True,
    )
    assert {type(one) for one in outcomes} <= {Deposit, float, CardDeclined, PaymentFailed}
    for _ in range(3):
        payments.clock.advance(400)
        await payments.drain()
        await payments.service.reconciliation.reconcile_stale()
    assert len((await payments.service.deposits.list("usr_ann", 10, "")).items) == 1
    assert payments.balance("usr_ann") == 20 * USD * len(await charges(payments))
    topics = [topic for topic, _ in await payments.published()]
    assert topics.count("DEPOSIT_FAILED") + topics.count("DEPOSIT_CREDITED") <= 1


# ── when the ledger does not answer ─────────────────────────────────────────────────────────────────


async def test_a_ledger_that_is_away_is_asked_again_until_the_money_is_there(
    payments: RunningPayments,
) -> None:
    await payments.apis.stop()
    started = await deposit_while_away(payments)
    await payments.drain()
    assert ((await state(payments, started)).state, payments.balance("usr_ann")) == (
        DepositState.SUCCEEDED,
        0,
    )
    await payments.apis.start()
    payments.clock.advance(1)
    await payments.drain()
    assert ((await state(payments, started)).state, payments.balance("usr_ann")) == (
        DepositState.CREDITED,
        20 * USD,
    )


async def deposit_while_away(payments: RunningPayments) -> Deposit:
    """Deposit with a customer that is known already, as identity is away as well."""
    await payments.apis.start()
    await payments.service.methods.save("usr_ann", VISA)
    await payments.apis.stop()
    return await deposit(payments)


async def test_a_posting_that_the_ledger_refuses_needs_a_review(payments: RunningPayments) -> None:
    payments.ledger.assets.clear()
    started = await deposit(payments)
    await payments.drain()
    refused = await state(payments, started)
    assert (refused.state, refused.reason) == (DepositState.NEEDS_REVIEW, "unknown_asset")


async def test_what_was_taken_must_be_what_was_asked(payments: RunningPayments) -> None:
    started = await deposit(payments, "")
    other = await payments.at_provider(
        lambda client: client.v1.payment_intents.create(
            {
                "amount": 100,
                "currency": "jpy",
                "payment_method": VISA,
                "allowed_payment_method_types": ["card"],
                "confirm": True,
                "metadata": {"deposit_id": started.id},
            }
        )
    )
    await payments.drain()
    odd = await state(payments, started)
    assert (odd.state, odd.reason, odd.payment_ref) == (DepositState.NEEDS_REVIEW, "amount_differs", other.id)
    assert payments.ledger.posts == []
