"""Webhooks reach their receiver signed, again and again until it says 2xx."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
import stripe

from tests.kit.payments import MockInThread, Receiver

PAYMENT: dict[str, Any] = {
    "amount": 1200,
    "currency": "usd",
    "payment_method": "pm_card_visa",
    "allowed_payment_method_types": ["card"],
    "confirm": True,
}


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with Receiver() as running:
        yield running


def listen(client: Any, receiver: Receiver, *events: str) -> Any:
    return client.v1.webhook_endpoints.create({"url": receiver.url, "enabled_events": list(events) or ["*"]})


def types(receiver: Receiver) -> list[str]:
    return [json.loads(one.body)["type"] for one in receiver.received]


def test_deliveries_verify_with_the_sdk_and_a_changed_body_does_not(
    client: Any, mock: MockInThread, receiver: Receiver
) -> None:
    endpoint = listen(client, receiver)
    paid = client.v1.payment_intents.create(PAYMENT, {"idempotency_key": "k-1"})
    mock.deliver()
    assert sorted(types(receiver)) == [
        "charge.succeeded",
        "payment_intent.created",
        "payment_intent.succeeded",
    ]
    for one in receiver.received:
        stripe.WebhookSignature.verify_header(one.body.decode(), one.signature, endpoint.secret)
        with pytest.raises(stripe.SignatureVerificationError):
            stripe.WebhookSignature.verify_header(one.body.decode() + " ", one.signature, endpoint.secret)
    published = json.loads(receiver.received[types(receiver).index("payment_intent.succeeded")].body)
    assert published["data"]["object"]["id"] == paid.id
    assert published["request"]["idempotency_key"] == "k-1"


def test_the_secret_is_told_once(client: Any, receiver: Receiver) -> None:
    endpoint = listen(client, receiver)
    assert endpoint.secret.startswith("whsec_")
    assert "secret" not in client.v1.webhook_endpoints.retrieve(endpoint.id).to_dict()


def test_only_what_was_asked_for_is_sent(client: Any, mock: MockInThread, receiver: Receiver) -> None:
    endpoint = listen(client, receiver, "payment_intent.succeeded")
    client.v1.payment_intents.create(PAYMENT)
    mock.deliver()
    assert types(receiver) == ["payment_intent.succeeded"]
    client.v1.webhook_endpoints.update(endpoint.id, {"disabled": True})
    client.v1.payment_intents.create(PAYMENT)
    mock.deliver()
    assert len(receiver.received) == 1


def test_a_failing_receiver_is_tried_again_later_and_later(
    client: Any, mock: MockInThread, receiver: Receiver
) -> None:
    receiver.statuses = [500, 500]
    listen(client, receiver, "payment_intent.succeeded")
    client.v1.payment_intents.create(PAYMENT)
    assert mock.deliver() == 1
    mock.clock.advance(0.4)
    assert mock.deliver() == 0, "the first wait is half a second"
    mock.clock.advance(0.2)
    assert mock.deliver() == 1
    mock.clock.advance(0.9)
    assert mock.deliver() == 0, "the wait doubles"
    mock.clock.advance(0.2)
    assert mock.deliver() == 1
    mock.clock.advance(1000)
    assert mock.deliver() == 0, "the third answer was 200"
    assert len(receiver.received) == 3
    assert len({one.body for one in receiver.received}) == 1
    event = json.loads(receiver.received[0].body)
    assert (event["pending_webhooks"], client.v1.events.retrieve(event["id"]).pending_webhooks) == (1, 0)


def test_a_receiver_that_is_not_there_is_given_up_in_the_end(
    client: Any, mock: MockInThread, receiver: Receiver
) -> None:
    receiver.statuses = [500] * 50
    listen(client, receiver, "payment_intent.succeeded")
    client.v1.payment_intents.create(PAYMENT)
    for _ in range(20):
        mock.deliver()
        mock.clock.advance(301)
    assert len(receiver.received) == 12


def test_nothing_is_sent_for_what_did_not_happen(client: Any, mock: MockInThread, receiver: Receiver) -> None:
    listen(client, receiver)
    with pytest.raises(stripe.InvalidRequestError):
        client.v1.payment_intents.create({**PAYMENT, "amount": 1})
    assert mock.deliver() == 0
    assert client.v1.events.list().data == []


def test_a_decline_is_told(client: Any, mock: MockInThread, receiver: Receiver) -> None:
    listen(client, receiver)
    with pytest.raises(stripe.CardError):
        client.v1.payment_intents.create({**PAYMENT, "payment_method": "pm_card_visa_chargeDeclined"})
    mock.deliver()
    published = types(receiver)
    assert "payment_intent.payment_failed" in published
    assert "charge.failed" in published
    assert "payment_intent.succeeded" not in published


def test_events_can_be_listed_by_type(client: Any) -> None:
    client.v1.payment_intents.create(PAYMENT)
    client.v1.customers.create()
    assert [event.type for event in client.v1.events.list({"type": "customer.created"}).data] == [
        "customer.created"
    ]
    both = client.v1.events.list({"types": ["customer.created", "charge.succeeded"]})
    assert {event.type for event in both.data} == {"customer.created", "charge.succeeded"}


@pytest.mark.parametrize("url", ["ftp://example.com", "not a url", "http://"])
def test_an_endpoint_needs_a_web_address(client: Any, url: str) -> None:
    with pytest.raises(stripe.InvalidRequestError) as raised:
        client.v1.webhook_endpoints.create({"url": url, "enabled_events": ["*"]})
    assert raised.value.param == "url"


def test_a_deleted_endpoint_gets_nothing_more(client: Any, mock: MockInThread, receiver: Receiver) -> None:
    endpoint = listen(client, receiver)
    client.v1.payment_intents.create(PAYMENT)
    assert client.v1.webhook_endpoints.delete(endpoint.id).deleted
    mock.deliver()
    assert receiver.received == []


# ── planned faults ──────────────────────────────────────────────────────────────────────────────────


def faulty(fault: str) -> Any:
    return {"headers": {"Mock-Fault": fault}}


def test_a_webhook_can_be_doubled(client: Any, mock: MockInThread, receiver: Receiver) -> None:
    listen(client, receiver, "payment_intent.succeeded")
    client.v1.payment_intents.create(PAYMENT, faulty("webhook_duplicate"))
    mock.deliver()
    assert len(receiver.received) == 2
    assert len({json.loads(one.body)["id"] for one in receiver.received}) == 1


def test_a_webhook_can_be_lost(client: Any, mock: MockInThread, receiver: Receiver) -> None:
    listen(client, receiver, "payment_intent.succeeded")
    paid = client.v1.payment_intents.create(PAYMENT, faulty("webhook_drop"))
    mock.clock.advance(1000)
    assert mock.deliver() == 0
    assert client.v1.payment_intents.retrieve(paid.id).status == "succeeded"


def test_a_webhook_can_be_overtaken(client: Any, mock: MockInThread, receiver: Receiver) -> None:
    listen(client, receiver, "payment_intent.succeeded")
    late = client.v1.payment_intents.create(PAYMENT, faulty("webhook_reorder"))
    early = client.v1.payment_intents.create(PAYMENT)
    mock.deliver()
    mock.clock.advance(3)
    mock.deliver()
    published = [json.loads(one.body)["data"]["object"]["id"] for one in receiver.received]
    assert published == [early.id, late.id]
