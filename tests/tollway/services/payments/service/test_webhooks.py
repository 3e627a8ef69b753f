"""The provider's word counts if it is the provider's, and once."""

import asyncio
import json
import time
from pathlib import Path
from typing import Any

import pytest

from tests.kit.clock import FakeClock
from tests.kit.payments import Receiver, Till, till
from tollway.contracts.errors import BadSignature
from tollway.kit.errors import Malformed, NotFound, Unavailable
from tollway.services.payments import store
from tollway.services.payments.model import Deposit, State
from tollway.services.payments_mock.model.signature import sign

USD = 1_000_000
HOOK = "/api/billing/webhooks/stripe"


async def deposit(shop: Till, key: str = "key-1") -> Deposit:
    return await shop.service.deposits.start("usr_ann", key, "USD", 20 * USD, "pm_card_visa")


async def state(shop: Till, started: Deposit) -> State:
    return (await shop.service.deposits.any_deposit(started.id)).state


async def secret(shop: Till) -> str:
    (known,) = await shop.service.webhooks._secrets()
    return known


async def overhear(shop: Till, started: Deposit) -> bytes:
    """Return the body of the webhook that tells of a deposit's success."""
    events = await shop.look(
        lambda client: client.v1.events.list({"type": "payment_intent.succeeded", "limit": 100}).data
    )
    (event,) = [one for one in events if one.data.object.id == started.payment_ref]
    return json.dumps(event.to_dict()).encode()


async def signed(shop: Till, body: bytes, age_s: int = 0, key: str = "") -> str:
    return sign(body.decode(), key or await secret(shop), shop.clock.at_us // USD - age_s)


async def post(shop: Till, body: bytes, signature: str) -> int:
    reply = await shop.rest.call("POST", HOOK, body, headers={"stripe-signature": signature})
    return reply.status


# ── who speaks ──────────────────────────────────────────────────────────────────────────────────────


async def test_a_wrong_signature_is_400_and_nothing_is_stored(shop: Till) -> None:
    started = await deposit(shop)
    body = await overhear(shop, started)
    good = await signed(shop, body)
    for wrong in ("", "t=1", "nonsense", await signed(shop, body, key="whsec_other"), good[:-1] + "0x"):
        assert await post(shop, body, wrong) == 400
    assert await post(shop, body + b" ", good) == 400
    assert await post(shop, b"\xff\xfe", good) == 400
    await shop.worker.run_due()
    assert (await state(shop, started), shop.ledger.posts) == (State.SUCCEEDED, [])
    assert await post(shop, body, good) == 200


@pytest.mark.parametrize(("age_s", "status"), [(0, 200), (299, 200), (301, 400), (-301, 400)])
async def test_an_old_webhook_may_be_a_recording(shop: Till, age_s: int, status: int) -> None:
    body = await overhear(shop, await deposit(shop))
    assert await post(shop, body, await signed(shop, body, age_s)) == status


async def test_what_is_signed_but_no_event_is_malformed(shop: Till) -> None:
    for body in (b"[]", b"{}", b"null", b'{"id": "evt_1", "type": "x", "data": {"object": []}}', b"not json"):
        with pytest.raises(Malformed):
            await shop.service.webhooks.take("stripe", body, await signed(shop, body))


async def test_another_provider_is_not_here(shop: Till) -> None:
    with pytest.raises(NotFound):
        await shop.service.webhooks.take("paypal", b"{}", "")


async def test_before_the_endpoint_is_registered_nobody_is_believed(tmp_path: Path, clock: FakeClock) -> None:
    async with till("sqlite", tmp_path, clock, register=False) as shop:
        with pytest.raises(BadSignature):
            await shop.service.webhooks.take("stripe", b"{}", sign("{}", "", clock.at_us // USD))


async def test_a_secret_from_the_settings_is_good_too(tmp_path: Path, clock: FakeClock) -> None:
    async with till("sqlite", tmp_path, clock, stripe_webhook_secret="whsec_hand") as shop:
        body = await overhear(shop, await deposit(shop))
        assert await post(shop, body, await signed(shop, body, key="whsec_hand")) == 200
        endpoints = await shop.look(lambda client: client.v1.webhook_endpoints.list().data)
        assert endpoints == [], "an endpoint made by hand is not made again"


# ── once ────────────────────────────────────────────────────────────────────────────────────────────


async def test_a_repeated_webhook_is_taken_and_changes_nothing(shop: Till) -> None:
    started = await deposit(shop)
    body = await overhear(shop, started)
    for _ in range(3):
        assert await post(shop, body, await signed(shop, body)) == 200
        await shop.worker.run_due()
    await shop.settle()
    assert shop.balance("usr_ann") == 20 * USD
    assert len(shop.ledger.posts) == 1
    assert [topic for topic, _ in await shop.published()] == ["DEPOSIT_CREDITED"]


async def test_concurrent_webhooks_and_janitors_credit_once(shop: Till) -> None:
    started = await deposit(shop)
    body = await overhear(shop, started)
    again = body.replace(json.loads(body)["id"].encode(), b"evt_the_same_news_in_another_event")
    shop.clock.advance(31)
    takes = [
        shop.service.webhooks.take("stripe", one, await signed(shop, one))
        for one in (body, body, again, again)
    ]
    taken = await asyncio.gather(*takes)
    assert sorted(taken) == [False, False, True, True]
    handled = [
        shop.life().webhooks.handle("stripe", json.loads(one)["id"])
        for one in (body, again)
        for _ in range(3)
    ]
    janitors = [shop.life().deposits.tend() for _ in range(3)]
    await asyncio.gather(*handled, *janitors)
    assert (await state(shop, started), shop.balance("usr_ann")) == (State.CREDITED, 20 * USD)
    assert len(shop.ledger.posts) == 1
    assert [topic for topic, _ in await shop.published()] == ["DEPOSIT_CREDITED"]


async def test_the_order_of_webhooks_does_not_matter(shop: Till) -> None:
    await shop.plan("webhook_reorder", "payment_intent.succeeded", delay_s=5)
    await shop.plan("webhook_duplicate", "payment_intent.succeeded")
    first, second = await deposit(shop, "key-1"), await deposit(shop, "key-2")
    await shop.settle()
    assert (await state(shop, first), await state(shop, second)) == (State.SUCCEEDED, State.CREDITED)
    shop.clock.advance(6)
    await shop.settle()
    assert (await state(shop, first), shop.balance("usr_ann")) == (State.CREDITED, 40 * USD)


async def test_news_of_success_outweighs_news_of_failure_in_either_order(shop: Till) -> None:
    started = await deposit(shop)
    body = await overhear(shop, started)
    event = json.loads(body)
    event["id"], event["type"] = "evt_late_failure", "payment_intent.payment_failed"
    event["data"]["object"] |= {"status": "requires_payment_method", "amount_received": 0}
    failure = json.dumps(event).encode()
    for news in (failure, body, failure.replace(b"evt_late", b"evt_later")):
        await post(shop, news, await signed(shop, news))
        await shop.worker.run_due()
    assert (await state(shop, started), shop.balance("usr_ann")) == (State.CREDITED, 20 * USD)


async def test_a_lost_webhook_is_made_good_by_the_janitor(shop: Till) -> None:
    await shop.plan("webhook_drop", times=100)
    started = await deposit(shop)
    await shop.settle()
    await shop.service.deposits.tend()
    assert await state(shop, started) == State.SUCCEEDED, "it is too early to worry"
    shop.clock.advance(31)
    await shop.service.deposits.tend()
    assert (await state(shop, started), shop.balance("usr_ann")) == (State.CREDITED, 20 * USD)


async def test_a_webhook_that_waits_for_the_ledger_is_not_lost(shop: Till) -> None:
    started = await deposit(shop)
    await shop.apis.stop()
    body = await overhear(shop, started)
    assert await post(shop, body, await signed(shop, body)) == 200, (
        "the provider need not wait for the ledger"
    )
    with pytest.raises(Unavailable):
        await shop.service.webhooks.handle("stripe", json.loads(body)["id"])
    await shop.apis.start()
    await shop.service.webhooks.handle("stripe", json.loads(body)["id"])
    assert await state(shop, started) == State.CREDITED


async def test_the_provider_repeats_what_we_could_not_take(shop: Till) -> None:
    app = shop.rest.app
    answers = [503, 503]

    async def busy(scope: Any, receive: Any, send: Any) -> None:
        if scope["path"] == HOOK and answers:
            await send({"type": "http.response.start", "status": answers.pop(), "headers": []})
            await send({"type": "http.response.body", "body": b""})
            return
        await app(scope, receive, send)

    shop.late.app = busy
    started = await deposit(shop)
    for _ in range(3):
        await shop.settle()
        shop.clock.advance(2)
    await shop.settle()
    assert (answers, await state(shop, started)) == ([], State.CREDITED)


# ── what is not ours ────────────────────────────────────────────────────────────────────────────────


async def test_news_of_other_things_is_taken_and_ignored(shop: Till) -> None:
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
        assert await post(shop, body, await signed(shop, body)) == 200
        await shop.worker.run_due()
        async with shop.db.snapshot() as tx:
            row = await store.find_event(tx, "stripe", json.loads(body)["id"])
        assert row is not None
        assert row.outcome == "ignored"
    assert shop.ledger.posts == []


async def test_a_second_payment_for_a_deposit_is_not_credited(shop: Till) -> None:
    started = await deposit(shop)
    body = (await overhear(shop, started)).replace(started.payment_ref.encode(), b"pi_another")
    body = body.replace(json.loads(body)["id"].encode(), b"evt_another")
    await post(shop, body, await signed(shop, body))
    await shop.settle()
    assert shop.ledger.posts == [f"deposit:{started.payment_ref}"]


# ── the endpoint ────────────────────────────────────────────────────────────────────────────────────


async def test_the_endpoint_is_made_once_and_made_again_when_it_is_gone(shop: Till) -> None:
    def listed(client: Any) -> Any:
        return client.v1.webhook_endpoints.list().data

    (made,) = await shop.look(listed)
    assert made.url == f"{shop.public_url}{HOOK}"
    await shop.service.webhooks.register()
    assert [one.id for one in await shop.look(listed)] == [made.id]
    await shop.mock.service.reset(webhook_endpoints=True)
    await shop.service.webhooks.register()
    (again,) = await shop.look(listed)
    assert again.id != made.id
    started = await deposit(shop)
    await shop.settle()
    assert await state(shop, started) == State.CREDITED


async def test_an_endpoint_of_an_earlier_version_is_told_what_else_there_is_to_hear(shop: Till) -> None:
    def narrow(client: Any) -> Any:
        (one,) = client.v1.webhook_endpoints.list().data
        return client.v1.webhook_endpoints.update(one.id, {"enabled_events": ["payment_intent.succeeded"]})

    known = await shop.look(narrow)
    await shop.service.webhooks.register()
    (widened,) = await shop.look(lambda client: client.v1.webhook_endpoints.list().data)
    assert widened.id == known.id
    assert {"refund.created", "charge.dispute.created"} < set(widened.enabled_events)


async def test_an_endpoint_whose_secret_is_not_known_is_replaced(shop: Till) -> None:
    with Receiver():
        url = f"{shop.public_url}{HOOK}"
        await shop.look(
            lambda client: client.v1.webhook_endpoints.create({"url": url, "enabled_events": ["*"]})
        )
    async with shop.db.transaction() as tx:
        await tx.run(store.webhook_endpoint.delete())
    await shop.service.webhooks.register()
    assert len(await shop.look(lambda client: client.v1.webhook_endpoints.list().data)) == 1


async def test_the_secret_is_not_kept_in_the_clear(shop: Till) -> None:
    async with shop.db.snapshot() as tx:
        row = await store.find_endpoint(tx, "stripe")
    assert row is not None
    assert b"whsec_" not in row.sealed_secret
    assert (await secret(shop)).startswith("whsec_")


async def test_real_time_and_the_sdks_own_check_agree(shop: Till) -> None:
    """The mock's signature, made now, passes the official check with its own tolerance."""
    import stripe

    header = sign("{}", "whsec_x", int(time.time()))
    assert stripe.WebhookSignature.verify_header("{}", header, "whsec_x", 300)
