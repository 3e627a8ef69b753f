"""A webhook counts if it is the provider's, and once."""

import asyncio
import json
import time
from pathlib import Path
from typing import Any

import pytest

from tests.kit.clock import FakeClock
from tests.kit.payments import Receiver, RunningPayments, running_payments
from tollway.contracts.errors import BadSignature
from tollway.fabric.secrets import Sealer
from tollway.kit.errors import Malformed, NotFound, Unavailable
from tollway.services.payments.jobs import erase_user
from tollway.services.payments.model import Deposit, DepositState
from tollway.services.payments.store import tables
from tollway.services.payments.store import webhooks as webhook_store
from tollway.services.payments_mock.model.signature import sign

USD = 1_000_000
HOOK = "/api/billing/webhooks/stripe"


async def deposit(payments: RunningPayments, key: str = "key-1") -> Deposit:
    return await payments.service.deposits.start("usr_ann", key, "USD", 20 * USD, "pm_card_visa")


async def state(payments: RunningPayments, started: Deposit) -> DepositState:
    return (await payments.load(started.id)).state


async def secret(payments: RunningPayments) -> str:
    (known,) = await payments.service.webhooks._secrets("stripe")
    return known


async def success_webhook(payments: RunningPayments, started: Deposit) -> bytes:
    """Return the body of the webhook that tells of a deposit's success."""
    events = await payments.at_provider(
        lambda client: client.v1.events.list({"type": "payment_intent.succeeded", "limit": 100}).data
    )
    (event,) = [one for one in events if one.data.object.id == started.payment_ref]
    return json.dumps(event.to_dict()).encode()


async def signed(payments: RunningPayments, body: bytes, age_s: int = 0, key: str = "") -> str:
    return sign(body.decode(), key or await secret(payments), payments.clock.at_us // USD - age_s)


async def header(payments: RunningPayments, body: bytes) -> dict[str, str]:
    return {"stripe-signature": await signed(payments, body)}


async def post(payments: RunningPayments, body: bytes, signature: str) -> int:
    reply = await payments.rest.call("POST", HOOK, body, headers={"stripe-signature": signature})
    return reply.status


# ── signatures ──────────────────────────────────────────────────────────────────────────────────────


async def test_a_wrong_signature_is_400_and_nothing_is_stored(payments: RunningPayments) -> None:
    started = await deposit(payments)
    body = await success_webhook(payments, started)
    good = await signed(payments, body)
    for wrong in ("", "t=1", "nonsense", await signed(payments, body, key="whsec_other"), good[:-1] + "0x"):
        assert await post(payments, body, wrong) == 400
    assert await post(payments, body + b" ", good) == 400
    assert await post(payments, b"\xff\xfe", good) == 400
    await payments.worker.run_due()
    assert (await state(payments, started), payments.ledger.posts) == (DepositState.SUCCEEDED, [])
    assert await post(payments, body, good) == 200


@pytest.mark.parametrize(("age_s", "status"), [(0, 200), (299, 200), (301, 400), (-301, 400)])
async def test_an_old_webhook_may_be_a_replay(payments: RunningPayments, age_s: int, status: int) -> None:
    body = await success_webhook(payments, await deposit(payments))
    assert await post(payments, body, await signed(payments, body, age_s)) == status


async def test_what_is_signed_but_no_event_is_malformed(payments: RunningPayments) -> None:
    for body in (b"[]", b"{}", b"null", b'{"id": "evt_1", "type": "x", "data": {"object": []}}', b"not json"):
        with pytest.raises(Malformed):
            await payments.service.webhooks.receive("stripe", await header(payments, body), body)


async def test_another_provider_is_not_here(payments: RunningPayments) -> None:
    with pytest.raises(NotFound):
        await payments.service.webhooks.receive("paypal", {}, b"{}")


async def test_before_the_endpoint_is_registered_no_webhook_is_accepted(
    tmp_path: Path, clock: FakeClock
) -> None:
    async with running_payments("sqlite", tmp_path, clock, registers=False) as payments:
        with pytest.raises(BadSignature):
            await payments.service.webhooks.receive(
                "stripe", {"stripe-signature": sign("{}", "", clock.at_us // USD)}, b"{}"
            )


async def test_a_secret_from_the_settings_is_good_too(tmp_path: Path, clock: FakeClock) -> None:
    async with running_payments("sqlite", tmp_path, clock, webhook_secret="whsec_hand") as payments:
        body = await success_webhook(payments, await deposit(payments))
        assert await post(payments, body, await signed(payments, body, key="whsec_hand")) == 200
        endpoints = await payments.at_provider(lambda client: client.v1.webhook_endpoints.list().data)
        assert endpoints == [], "an endpoint made by hand is not made again"


# ── once ────────────────────────────────────────────────────────────────────────────────────────────


async def test_a_repeated_webhook_is_accepted_and_changes_nothing(payments: RunningPayments) -> None:
    started = await deposit(payments)
    body = await success_webhook(payments, started)
    for _ in range(3):
        assert await post(payments, body, await signed(payments, body)) == 200
        await payments.worker.run_due()
    await payments.drain()
    assert payments.balance("usr_ann") == 20 * USD
    assert len(payments.ledger.posts) == 1
    assert [topic for topic, _ in await payments.published()] == ["DEPOSIT_REQUESTED", "DEPOSIT_CREDITED"]


async def test_concurrent_webhooks_and_reconciliations_credit_once(payments: RunningPayments) -> None:
    started = await deposit(payments)
    body = await success_webhook(payments, started)
    again = body.replace(json.loads(body)["id"].encode(), b"evt_the_same_news_in_another_event")
    payments.clock.advance(31)
    takes = [
        payments.service.webhooks.receive("stripe", await header(payments, one), one)
        for one in (body, body, again, again)
    ]
    taken = await asyncio.gather(*takes)
    assert sorted(taken) == [False, False, True, True]
    handled = [
        payments.restarted().webhooks.handle("stripe", json.loads(one)["id"])
        for one in (body, again)
        for _ in range(3)
    ]
    reconciliations = [payments.restarted().reconciliation.reconcile_stale() for _ in range(3)]
    await asyncio.gather(*handled, *reconciliations)
    assert (await state(payments, started), payments.balance("usr_ann")) == (DepositState.CREDITED, 20 * USD)
    assert len(payments.ledger.posts) == 1
    assert [topic for topic, _ in await payments.published()] == ["DEPOSIT_REQUESTED", "DEPOSIT_CREDITED"]


async def test_the_order_of_webhooks_does_not_matter(payments: RunningPayments) -> None:
    await payments.plan_fault("webhook_reorder", "payment_intent.succeeded", delay_s=5)
    await payments.plan_fault("webhook_duplicate", "payment_intent.succeeded")
    first, second = await deposit(payments, "key-1"), await deposit(payments, "key-2")
    await payments.drain()
    assert (await state(payments, first), await state(payments, second)) == (
        DepositState.SUCCEEDED,
        DepositState.CREDITED,
    )
    payments.clock.advance(6)
    await payments.drain()
    assert (await state(payments, first), payments.balance("usr_ann")) == (DepositState.CREDITED, 40 * USD)


async def test_news_of_success_outweighs_news_of_failure_in_either_order(payments: RunningPayments) -> None:
    started = await deposit(payments)
    body = await success_webhook(payments, started)
    event = json.loads(body)
    event["id"], event["type"] = "evt_late_failure", "payment_intent.payment_failed"
    event["data"]["object"] |= {"status": "requires_payment_method", "amount_received": 0}
    failure = json.dumps(event).encode()
    for news in (failure, body, failure.replace(b"evt_late", b"evt_later")):
        await post(payments, news, await signed(payments, news))
        await payments.worker.run_due()
    assert (await state(payments, started), payments.balance("usr_ann")) == (DepositState.CREDITED, 20 * USD)


async def test_money_that_comes_when_its_customer_has_left_waits_for_an_operator(
    payments: RunningPayments,
) -> None:
    """It would lie in a wallet of nobody; the operator gives it back at the provider, or credits it after all."""
    started = await deposit(payments)
    async with payments.db.transaction() as tx:
        failed = {"state": DepositState.FAILED.value, "reason": "expired"}
        await tx.run(tables.deposit.update().where(tables.deposit.c.id == started.id).values(failed))
    await erase_user(payments.service, {"user_id": "usr_ann"})
    await payments.drain()
    waiting = await payments.load(started.id)
    assert (waiting.state, waiting.reason) == (DepositState.NEEDS_REVIEW, "customer_left")
    assert (waiting.payment_ref, payments.balance("usr_ann")) == (started.payment_ref, 0)
    asked: Any = {"payment_intent": started.payment_ref}
    await payments.at_provider(lambda client: client.v1.refunds.create(asked))
    await payments.service.reviews.resolve(started.id, "dismiss", "refunded")
    assert await state(payments, started) == DepositState.FAILED


@pytest.mark.parametrize(
    ("state_there", "wanted", "reason"),
    [
        ("deleted", DepositState.NEEDS_REVIEW, "customer_left"),
        ("unknown", DepositState.NEEDS_REVIEW, "customer_left"),
        ("deleting", DepositState.CREDITED, ""),  # they may think better of it, and it stops the deletion
        ("suspended", DepositState.CREDITED, ""),
        ("active", DepositState.CREDITED, ""),
    ],
)
async def test_money_that_comes_between_leaving_and_the_erasure_here_waits_too(
    payments: RunningPayments, state_there: str, wanted: DepositState, reason: str
) -> None:
    started = await deposit(payments)
    async with payments.db.transaction() as tx:
        failed = {"state": DepositState.FAILED.value, "reason": "expired"}
        await tx.run(tables.deposit.update().where(tables.deposit.c.id == started.id).values(failed))
    payments.identity.states["usr_ann"] = state_there
    await payments.drain()
    found = await payments.load(started.id)
    assert (found.state, found.reason) == (wanted, reason)


async def test_a_lost_webhook_is_replaced_by_reconciliation(payments: RunningPayments) -> None:
    await payments.plan_fault("webhook_drop", times=100)
    started = await deposit(payments)
    await payments.drain()
    await payments.service.reconciliation.reconcile_stale()
    assert await state(payments, started) == DepositState.SUCCEEDED, "it is too early to worry"
    payments.clock.advance(31)
    await payments.service.reconciliation.reconcile_stale()
    assert (await state(payments, started), payments.balance("usr_ann")) == (DepositState.CREDITED, 20 * USD)


async def test_a_webhook_that_waits_for_the_ledger_is_not_lost(payments: RunningPayments) -> None:
    started = await deposit(payments)
    await payments.apis.stop()
    body = await success_webhook(payments, started)
    assert await post(payments, body, await signed(payments, body)) == 200, (
        "the provider need not wait for the ledger"
    )
    with pytest.raises(Unavailable):
        await payments.service.webhooks.handle("stripe", json.loads(body)["id"])
    await payments.apis.start()
    await payments.service.webhooks.handle("stripe", json.loads(body)["id"])
    assert await state(payments, started) == DepositState.CREDITED


async def test_the_provider_repeats_what_could_not_be_received(payments: RunningPayments) -> None:
    app = payments.rest.app
    answers = [503, 503]

    async def busy(scope: Any, receive: Any, send: Any) -> None:
        if scope["path"] == HOOK and answers:
            await send({"type": "http.response.start", "status": answers.pop(), "headers": []})
            await send({"type": "http.response.body", "body": b""})
            return
        await app(scope, receive, send)

    payments.app.app = busy
    started = await deposit(payments)
    for _ in range(3):
        await payments.drain()
        payments.clock.advance(2)
    await payments.drain()
    assert (answers, await state(payments, started)) == ([], DepositState.CREDITED)


# ── what is not ours ────────────────────────────────────────────────────────────────────────────────


async def test_webhooks_about_other_things_are_accepted_and_ignored(payments: RunningPayments) -> None:
    for body in (
        b'{"id": "evt_1", "type": "customer.created", "data": {"object": {"object": "customer"}}}',
        json.dumps(
            {
                "id": "evt_2",
                "type": "payment_intent.succeeded",
                "data": {
                    "object": {
                        "object": "payment_intent",
                        "id": "pi_elsewhere",
                        "status": "succeeded",
                        "amount": 1,
                        "amount_received": 1,
                        "currency": "usd",
                        "metadata": {},
                    }
                },
            }
        ).encode(),
    ):
        assert await post(payments, body, await signed(payments, body)) == 200
        await payments.worker.run_due()
        async with payments.db.snapshot() as tx:
            row = await webhook_store.find_event(tx, "stripe", json.loads(body)["id"])
        assert row is not None
        assert row.outcome == "ignored"
    assert payments.ledger.posts == []


async def test_a_second_payment_for_a_deposit_is_not_credited(payments: RunningPayments) -> None:
    started = await deposit(payments)
    body = (await success_webhook(payments, started)).replace(started.payment_ref.encode(), b"pi_another")
    body = body.replace(json.loads(body)["id"].encode(), b"evt_another")
    await post(payments, body, await signed(payments, body))
    await payments.drain()
    assert payments.ledger.posts == [f"deposit:stripe:{started.payment_ref}"]


# ── the endpoint ────────────────────────────────────────────────────────────────────────────────────


async def test_the_endpoint_is_made_once_and_made_again_when_it_is_gone(payments: RunningPayments) -> None:
    def listed(client: Any) -> Any:
        return client.v1.webhook_endpoints.list().data

    (made,) = await payments.at_provider(listed)
    assert made.url == f"{payments.public_url}{HOOK}"
    await payments.service.webhooks.register()
    assert [one.id for one in await payments.at_provider(listed)] == [made.id]
    await payments.mock.service.reset(webhook_endpoints=True)
    await payments.service.webhooks.register()
    (again,) = await payments.at_provider(listed)
    assert again.id != made.id
    started = await deposit(payments)
    await payments.drain()
    assert await state(payments, started) == DepositState.CREDITED


async def test_an_endpoint_of_an_earlier_version_is_registered_for_the_new_events_too(
    payments: RunningPayments,
) -> None:
    def narrow(client: Any) -> Any:
        (one,) = client.v1.webhook_endpoints.list().data
        return client.v1.webhook_endpoints.update(one.id, {"enabled_events": ["payment_intent.succeeded"]})

    known = await payments.at_provider(narrow)
    await payments.service.webhooks.register()
    (widened,) = await payments.at_provider(lambda client: client.v1.webhook_endpoints.list().data)
    assert widened.id == known.id
    assert {"refund.created", "charge.dispute.created"} < set(widened.enabled_events)


async def test_an_endpoint_whose_secret_is_not_known_is_replaced(payments: RunningPayments) -> None:
    with Receiver():
        url = f"{payments.public_url}{HOOK}"
        await payments.at_provider(
            lambda client: client.v1.webhook_endpoints.create({"url": url, "enabled_events": ["*"]})
        )
    async with payments.db.transaction() as tx:
        await tx.run(tables.webhook_endpoint.delete())
    await payments.service.webhooks.register()
    assert len(await payments.at_provider(lambda client: client.v1.webhook_endpoints.list().data)) == 1


async def test_an_endpoint_whose_secret_does_not_open_any_more_is_replaced(payments: RunningPayments) -> None:
    (made,) = await payments.at_provider(lambda client: client.v1.webhook_endpoints.list().data)
    sealed = Sealer(b"another key of thirty-two bytes.").seal(b"whsec_old", "stripe")
    async with payments.db.transaction() as tx:
        await webhook_store.save_endpoint(tx, "stripe", made.url, made.id, sealed)
    assert await payments.service.webhooks._secrets("stripe") == []
    await payments.service.webhooks.register()
    (again,) = await payments.at_provider(lambda client: client.v1.webhook_endpoints.list().data)
    assert again.id != made.id
    assert (await secret(payments)).startswith("whsec_")


async def test_the_secret_is_not_kept_in_the_clear(payments: RunningPayments) -> None:
    async with payments.db.snapshot() as tx:
        row = await webhook_store.find_endpoint(tx, "stripe")
    assert row is not None
    assert b"whsec_" not in row.sealed_secret
    assert (await secret(payments)).startswith("whsec_")


async def test_real_time_and_the_sdks_own_check_agree(payments: RunningPayments) -> None:
    """The mock's signature, made now, passes the official check with its own tolerance."""
    import stripe

    header = sign("{}", "whsec_x", int(time.time()))
    assert stripe.WebhookSignature.verify_header("{}", header, "whsec_x", 300)
