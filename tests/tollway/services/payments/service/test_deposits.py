"""Money comes in once, or not at all, and is never guessed."""

import asyncio
import urllib.parse
import urllib.request
from pathlib import Path
from typing import Any

import pytest

from tests.kit.clock import FakeClock
from tests.kit.payments import Till, till
from tollway.contracts.errors import CardDeclined, IdempotencyKeyReused, ProviderUnavailable
from tollway.kit.errors import Invalid, NotFound
from tollway.services.payments.model import Deposit, State

USD = 1_000_000
VISA, DECLINED, SECURE = "pm_card_visa", "pm_card_visa_chargeDeclined", "pm_card_threeDSecure2Required"


async def deposit(shop: Till, method: str = VISA, key: str = "key-1", amount: int = 20 * USD) -> Deposit:
    return await shop.service.deposits.start("usr_ann", key, "USD", amount, method)


async def state(shop: Till, started: Deposit) -> Deposit:
    return await shop.service.deposits.any_deposit(started.id)


async def charges(shop: Till) -> list[Any]:
    listed = await shop.look(lambda client: client.v1.charges.list({"limit": 100}).data)
    return [one for one in listed if one.status == "succeeded"]


async def click(url: str, **form: str) -> None:
    """Send a form of the provider's pages, wherever it leads."""

    def send() -> None:
        try:
            urllib.request.urlopen(url, urllib.parse.urlencode(form).encode(), timeout=5).close()
        except urllib.error.HTTPError as led_back:
            led_back.close()

    await asyncio.to_thread(send)


# ── the straight way ────────────────────────────────────────────────────────────────────────────────


async def test_a_card_pays_and_the_webhook_credits(shop: Till) -> None:
    started = await deposit(shop)
    assert started.state == State.SUCCEEDED
    assert shop.balance("usr_ann") == 0, "only the provider's webhook credits"
    await shop.settle()
    done = await state(shop, started)
    assert (done.state, shop.balance("usr_ann")) == (State.CREDITED, 20 * USD)
    assert done.transaction_id.startswith("txn_")
    assert shop.ledger.counters("platform", "payments", "USD", "clearing").debits == 20 * USD
    assert shop.ledger.posts == [f"deposit:{done.payment_ref}"]
    event = {"deposit_id": done.id, "user_id": "usr_ann", "currency": "USD", "amount": 20 * USD}
    assert await shop.published() == [("DEPOSIT_CREDITED", event)]


async def test_the_provider_knows_whose_money_it_is(shop: Till) -> None:
    started = await deposit(shop)
    paid = await shop.look(
        lambda client: client.v1.payment_intents.retrieve(started.payment_ref, {"expand": ["customer"]})
    )
    assert (paid.amount, paid.currency, paid.metadata["deposit_id"]) == (2000, "usd", started.id)
    assert (paid.customer.email, paid.customer.metadata["user_id"]) == ("usr_ann@example.com", "usr_ann")


async def test_a_user_is_one_customer_however_many_deposits(shop: Till) -> None:
    await asyncio.gather(*(deposit(shop, key=f"key-{n}") for n in range(4)))
    assert len(await shop.look(lambda client: client.v1.customers.list().data)) == 1


async def test_a_declined_card_moves_nothing_and_is_remembered(shop: Till) -> None:
    with pytest.raises(CardDeclined) as raised:
        await deposit(shop, "pm_card_visa_chargeDeclinedInsufficientFunds")
    assert raised.value.extra["decline_code"] == "insufficient_funds"
    await shop.settle()
    failed = await state(shop, await shop.service.deposits.any_deposit(raised.value.extra["deposit_id"]))
    assert (failed.state, failed.decline_code) == (State.FAILED, "insufficient_funds")
    assert (shop.ledger.posts, await charges(shop)) == ([], [])
    assert [topic for topic, _ in await shop.published()] == ["DEPOSIT_FAILED"]
    with pytest.raises(CardDeclined):
        await deposit(shop, "pm_card_visa_chargeDeclinedInsufficientFunds")
    assert len(await shop.look(lambda client: client.v1.charges.list().data)) == 1


async def test_the_same_key_is_the_same_deposit(shop: Till) -> None:
    first, again = await deposit(shop), await deposit(shop)
    assert again.id == first.id
    assert len(await charges(shop)) == 1
    with pytest.raises(IdempotencyKeyReused):
        await deposit(shop, amount=21 * USD)


@pytest.mark.parametrize(
    ("amount", "currency", "said"),
    [
        (20 * USD + 1, "USD", "finer than a cent"),
        (999_999_999, "USD", "finer than a cent"),
        (990_000, "USD", "from 1.00 to 10000.00"),
        (10_000_010_000, "USD", "from 1.00 to 10000.00"),
        (20 * USD, "BTC", "currency: must be one of"),
    ],
)
async def test_amounts_outside_the_rules_are_refused_before_anything_happens(
    shop: Till, amount: int, currency: str, said: str
) -> None:
    with pytest.raises(Invalid, match=said):
        await shop.service.deposits.start("usr_ann", "key-1", currency, amount, VISA)
    assert (await shop.service.deposits.list("usr_ann", 10, "")).items == []


async def test_a_card_that_does_not_exist_fails_the_deposit(shop: Till) -> None:
    with pytest.raises(Invalid, match="No such PaymentMethod") as raised:
        await deposit(shop, "pm_nothing")
    failed = await shop.service.deposits.any_deposit(raised.value.extra["deposit_id"])
    assert (failed.state, failed.reason) == (State.FAILED, "refused")


async def test_deposits_are_their_owners_alone(shop: Till) -> None:
    mine = await deposit(shop)
    with pytest.raises(NotFound):
        await shop.service.deposits.get("usr_bob", mine.id)
    assert (await shop.service.deposits.list("usr_bob", 10, "")).items == []
    with pytest.raises(NotFound):
        await shop.service.deposits.any_deposit("dep_none")


# ── the bank asks ───────────────────────────────────────────────────────────────────────────────────


async def test_a_bank_that_asks_is_answered_on_its_page(shop: Till) -> None:
    started = await deposit(shop, SECURE)
    assert started.state == State.PROCESSING
    await click(started.action_url, passed="1")
    await shop.settle()
    done = await state(shop, started)
    assert (done.state, done.action_url, shop.balance("usr_ann")) == (State.CREDITED, "", 20 * USD)


async def test_a_bank_that_is_not_answered_well_fails_the_deposit(shop: Till) -> None:
    started = await deposit(shop, SECURE)
    await click(started.action_url, failed="1")
    await shop.settle()
    failed = await state(shop, started)
    assert (failed.state, failed.reason) == (State.FAILED, "payment_intent_authentication_failure")
    assert shop.balance("usr_ann") == 0


async def test_a_bank_that_is_never_answered_ends_in_a_cancelled_payment(shop: Till) -> None:
    started = await deposit(shop, SECURE)
    shop.clock.advance(shop.settings.abandon_after_s + 1)
    await shop.service.deposits.tend()
    assert (await state(shop, started)).state == State.FAILED
    payment = await shop.look(lambda client: client.v1.payment_intents.retrieve(started.payment_ref))
    assert payment.status == "canceled"


# ── the hosted page ─────────────────────────────────────────────────────────────────────────────────


async def test_a_hosted_page_takes_the_money_and_the_webhook_credits(shop: Till) -> None:
    started = await deposit(shop, "")
    assert (started.state, started.checkout) == (State.PROCESSING, True)
    await click(started.action_url, token=DECLINED)
    await shop.settle()
    assert (await state(shop, started)).state == State.PROCESSING, "another card may follow"
    await click(started.action_url, token=VISA)
    await shop.settle()
    done = await state(shop, started)
    assert (done.state, shop.balance("usr_ann")) == (State.CREDITED, 20 * USD)
    assert (await deposit(shop, "")).id == started.id


async def test_a_hosted_page_that_expires_fails_the_deposit(shop: Till) -> None:
    started = await deposit(shop, "")
    await shop.look(lambda client: client.v1.checkout.sessions.expire(started.checkout_ref))
    await shop.settle()
    assert ((await state(shop, started)).state, shop.balance("usr_ann")) == (State.FAILED, 0)


async def test_the_janitor_learns_of_a_page_paid_or_expired_without_a_webhook(shop: Till) -> None:
    paid, left = await deposit(shop, "", "key-1"), await deposit(shop, "", "key-2")
    await shop.plan("webhook_drop", times=100)
    await click(paid.action_url, token=VISA)
    shop.clock.advance(31)
    await shop.service.deposits.tend()
    assert (await state(shop, paid)).state == State.CREDITED
    assert (await state(shop, left)).state == State.PROCESSING
    shop.clock.advance(24 * 3600)
    await shop.service.deposits.tend()
    assert (await state(shop, left)).reason == "expired"
    assert shop.balance("usr_ann") == 20 * USD


async def test_a_page_that_could_not_be_made_can_be_asked_for_again(shop: Till) -> None:
    await shop.plan("server_error", "/v1/checkout")
    with pytest.raises(ProviderUnavailable):
        await deposit(shop, "")
    again = await deposit(shop, "")
    assert again.action_url.startswith(shop.mock.url)
    assert len((await shop.service.deposits.list("usr_ann", 10, "")).items) == 1


async def test_a_page_that_nobody_was_told_of_is_given_up(shop: Till) -> None:
    await shop.plan("server_error", "/v1/checkout")
    with pytest.raises(ProviderUnavailable):
        await deposit(shop, "")
    shop.clock.advance(31)
    await shop.service.deposits.tend()
    assert (await deposit(shop, "")).reason == "interrupted"


# ── when the provider does not answer ───────────────────────────────────────────────────────────────


@pytest.fixture
async def hasty(tmp_path: Path, clock: FakeClock) -> Any:
    async with till("sqlite", tmp_path, clock, timeout_s=0.4) as opened:
        yield opened


async def test_a_time_out_after_success_is_a_state_that_the_webhook_resolves(hasty: Till) -> None:
    await hasty.plan("timeout", "/v1/payment_intents", delay_s=0.8)
    started = await deposit(hasty)
    assert (started.state, started.payment_ref) == (State.PROCESSING, "")
    await hasty.settle()
    assert (await state(hasty, started)).state == State.CREDITED
    assert (hasty.balance("usr_ann"), len(await charges(hasty))) == (20 * USD, 1)


async def test_a_time_out_and_a_lost_webhook_are_resolved_by_the_same_key(hasty: Till) -> None:
    await hasty.plan("timeout", "/v1/payment_intents", delay_s=0.8)
    await hasty.plan("webhook_drop", times=100)
    started = await deposit(hasty)
    await hasty.settle()
    hasty.clock.advance(31)
    await hasty.service.deposits.tend()
    assert (await state(hasty, started)).state == State.CREDITED
    assert (hasty.balance("usr_ann"), len(await charges(hasty))) == (20 * USD, 1)


async def test_a_customer_who_asks_again_after_a_time_out_pays_once(hasty: Till) -> None:
    await hasty.plan("timeout", "/v1/payment_intents", delay_s=0.8)
    first = await deposit(hasty)
    again = await deposit(hasty)
    assert (again.id, again.state) == (first.id, State.SUCCEEDED)
    await hasty.settle()
    assert (hasty.balance("usr_ann"), len(await charges(hasty))) == (20 * USD, 1)


@pytest.mark.parametrize("fault", ["rate_limit", "server_error"])
async def test_a_provider_in_trouble_is_asked_again_by_the_janitor(shop: Till, fault: str) -> None:
    await shop.plan(fault, "/v1/payment_intents")
    started = await deposit(shop)
    assert started.state == State.PROCESSING
    shop.clock.advance(31)
    await shop.service.deposits.tend()
    assert (await state(shop, started)).state == State.CREDITED
    assert len(await charges(shop)) == 1


async def test_a_decline_that_was_not_heard_is_learnt_later(shop: Till) -> None:
    await shop.plan("server_error", "/v1/payment_intents")
    started = await deposit(shop, DECLINED)
    shop.clock.advance(31)
    await shop.service.deposits.tend()
    failed = await state(shop, started)
    assert (failed.state, failed.decline_code) == (State.FAILED, "generic_decline")


async def test_an_outcome_that_stays_unknown_goes_to_a_person_and_is_never_guessed(shop: Till) -> None:
    await shop.plan("server_error", "/v1/payment_intents", times=1000)
    started = await deposit(shop)
    for _ in range(20):
        shop.clock.advance(400)
        await shop.service.deposits.tend()
    unknown = await state(shop, started)
    assert (unknown.state, unknown.reason) == (State.NEEDS_REVIEW, "unknown_outcome")
    assert (shop.balance("usr_ann"), await charges(shop)) == (0, [])


async def test_a_provider_that_forgot_its_customer_gets_another(shop: Till) -> None:
    await deposit(shop, key="key-1")
    await shop.mock.service.reset(webhook_endpoints=False)
    started = await deposit(shop, key="key-2")
    await shop.settle()
    assert (await state(shop, started)).state == State.CREDITED


async def test_a_payment_that_the_provider_forgot_goes_to_a_person(shop: Till) -> None:
    started = await deposit(shop, SECURE)
    await shop.mock.service.reset(webhook_endpoints=False)
    shop.clock.advance(31)
    await shop.service.deposits.tend()
    assert (await state(shop, started)).reason == "unknown_to_provider"


class SlowProvider:
    """Takes so long to make a customer that the janitor comes by meanwhile."""

    def __init__(self, shop: Till) -> None:
        self._shop = shop

    def __getattr__(self, name: str) -> Any:
        return getattr(self._shop.provider, name)

    async def make_customer(self, user_id: str, email: str) -> str:
        self._shop.clock.advance(31)
        await self._shop.service.deposits.tend()
        return await self._shop.provider.make_customer(user_id, email)


async def test_what_the_janitor_gave_up_is_not_charged_any_more(shop: Till) -> None:
    late = shop.life(provider=SlowProvider(shop))
    given_up = await late.deposits.start("usr_ann", "key-1", "USD", 20 * USD, VISA)
    assert (given_up.state, given_up.reason) == (State.FAILED, "interrupted")
    assert await charges(shop) == []


# ── when the ledger does not answer ─────────────────────────────────────────────────────────────────


async def test_a_ledger_that_is_away_is_asked_again_until_the_money_is_there(shop: Till) -> None:
    await shop.apis.stop()
    started = await deposit_while_away(shop)
    await shop.settle()
    assert ((await state(shop, started)).state, shop.balance("usr_ann")) == (State.SUCCEEDED, 0)
    await shop.apis.start()
    shop.clock.advance(1)
    await shop.settle()
    assert ((await state(shop, started)).state, shop.balance("usr_ann")) == (State.CREDITED, 20 * USD)


async def deposit_while_away(shop: Till) -> Deposit:
    """Deposit with a customer that is known already, as identity is away as well."""
    await shop.apis.start()
    await shop.service.cards.customer_of("usr_ann")
    await shop.apis.stop()
    return await deposit(shop)


async def test_a_posting_that_the_ledger_refuses_goes_to_a_person(shop: Till) -> None:
    shop.ledger.assets.clear()
    started = await deposit(shop)
    await shop.settle()
    refused = await state(shop, started)
    assert (refused.state, refused.reason) == (State.NEEDS_REVIEW, "unknown_asset")


async def test_what_was_taken_must_be_what_was_asked(shop: Till) -> None:
    started = await deposit(shop, "")
    other = await shop.look(
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
    await shop.settle()
    odd = await state(shop, started)
    assert (odd.state, odd.reason, odd.payment_ref) == (State.NEEDS_REVIEW, "amount_differs", other.id)
    assert shop.ledger.posts == []
