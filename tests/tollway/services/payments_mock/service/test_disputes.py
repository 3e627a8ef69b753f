"""Disputes as the official SDK sees them, and refunds that a bank refuses."""

import json
import urllib.error
import urllib.request
from typing import Any

import pytest
import stripe

from tests.kit.payments import MockInThread, Receiver


def pay(client: Any, card: str = "pm_card_visa") -> Any:
    return client.v1.payment_intents.create(
        {
            "amount": 500,
            "currency": "usd",
            "payment_method": card,
            "allowed_payment_method_types": ["card"],
            "confirm": True,
        }
    )


def control(mock: MockInThread, path: str, **body: Any) -> Any:
    request = urllib.request.Request(
        mock.url + path, json.dumps(body).encode(), {"Content-Type": "application/json"}, method="POST"
    )
    with urllib.request.urlopen(request, timeout=30) as answer:
        return json.load(answer)


def test_a_disputing_card_opens_one_at_once(client: Any) -> None:
    paid = pay(client, "pm_card_createDispute")
    (dispute,) = client.v1.disputes.list({"payment_intent": paid.id}).data
    assert (dispute.status, dispute.amount, dispute.charge) == ("needs_response", 500, paid.latest_charge)
    assert client.v1.charges.retrieve(paid.latest_charge).disputed
    (question,) = client.v1.disputes.list(
        {"payment_intent": pay(client, "pm_card_createDisputeInquiry").id}
    ).data
    assert question.status == "warning_needs_response"
    assert client.v1.disputes.close(question.id).status == "warning_closed"


@pytest.mark.parametrize(("evidence", "status"), [("winning_evidence", "won"), ("losing_evidence", "lost")])
def test_the_evidence_decides_and_is_told(
    client: Any, mock: MockInThread, evidence: str, status: str
) -> None:
    with Receiver() as receiver:
        client.v1.webhook_endpoints.create({"url": receiver.url, "enabled_events": ["*"]})
        opened = control(mock, "/mock/disputes", payment_intent=pay(client).id, amount=200)
        weighed = client.v1.disputes.update(opened["id"], {"evidence": {"uncategorized_text": "a letter"}})
        assert (weighed.status, weighed.amount) == ("needs_response", 200)
        ended = client.v1.disputes.update(opened["id"], {"evidence": {"uncategorized_text": evidence}})
        assert ended.status == status
        mock.deliver()
        kinds = [json.loads(one.body)["type"] for one in receiver.received]
    published = [kind.removeprefix("charge.dispute.") for kind in kinds if kind.startswith("charge.dispute.")]
    reinstated = ["funds_reinstated"] if status == "won" else []
    assert sorted(published) == sorted(["created", "funds_withdrawn", "updated", *reinstated, "closed"])
    with pytest.raises(stripe.InvalidRequestError, match="already closed"):
        client.v1.disputes.close(opened["id"])


def test_what_cannot_be_disputed_is_refused(client: Any, mock: MockInThread) -> None:
    paid = pay(client)
    for asked in (
        {"payment_intent": "pi_none"},
        {"payment_intent": paid.id, "amount": 501},
        {"payment_intent": paid.id, "amount": 0},
    ):
        with pytest.raises(urllib.error.HTTPError) as raised:
            control(mock, "/mock/disputes", **asked)
        assert raised.value.code == 400
    control(mock, "/mock/disputes", payment_intent=paid.id)
    with pytest.raises(urllib.error.HTTPError):
        control(mock, "/mock/disputes", payment_intent=paid.id)


def test_a_refund_may_fail_after_it_succeeded(client: Any, mock: MockInThread) -> None:
    paid = pay(client, "pm_card_refundFail")
    back = client.v1.refunds.create({"payment_intent": paid.id})
    assert back.status == "succeeded", "the answer cannot know yet"
    assert client.v1.refunds.retrieve(back.id).status == "failed"
    charge = client.v1.charges.retrieve(paid.latest_charge)
    assert (charge.refunded, charge.amount_refunded) == (False, 0)
    again = client.v1.refunds.create({"payment_intent": pay(client).id, "amount": 100})
    for _ in range(2):
        assert control(mock, f"/mock/refunds/{again.id}/fail")["status"] == "failed"
