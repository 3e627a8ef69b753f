"""Faults are planned, and everything is forgotten, by a request."""

import json
import urllib.error
import urllib.request
from typing import Any

import pytest
import stripe

from tests.kit.payments import MockInThread, Receiver


def post(mock: MockInThread, path: str, **body: Any) -> Any:
    request = urllib.request.Request(
        mock.url + path, json.dumps(body).encode(), {"Content-Type": "application/json"}, method="POST"
    )
    with urllib.request.urlopen(request, timeout=30) as answer:
        return json.load(answer)


def test_a_planned_fault_strikes_as_often_as_it_was_planned_and_where(
    client: Any, mock: MockInThread
) -> None:
    post(mock, "/mock/faults", fault="rate_limit", match="/v1/customers", times=2)
    client.v1.products.create({"name": "elsewhere"})
    for _ in range(2):
        with pytest.raises(stripe.RateLimitError):
            client.v1.customers.create()
    assert client.v1.customers.create().id
    with urllib.request.urlopen(f"{mock.url}/mock/faults", timeout=30) as answer:
        assert json.load(answer) == {"planned": []}


def test_a_planned_webhook_fault_strikes_one_kind_of_event(client: Any, mock: MockInThread) -> None:
    with Receiver() as receiver:
        client.v1.webhook_endpoints.create({"url": receiver.url, "enabled_events": ["*"]})
        post(mock, "/mock/faults", fault="webhook_drop", match="customer.created")
        client.v1.customers.create()
        client.v1.products.create({"name": "told"})
        client.v1.customers.create()
        mock.deliver()
        kinds = [json.loads(one.body)["type"] for one in receiver.received]
    assert sorted(kinds) == ["customer.created", "product.created"]


@pytest.mark.parametrize(
    ("asked", "status"),
    [
        ({"fault": "earthquake"}, 400),
        ({"fault": "delay", "delay_s": 9999}, 400),
        ({"fault": "delay", "times": 0}, 400),
        ({"fault": "delay", "colour": "red"}, 422),
    ],
)
def test_a_wrong_request_is_refused(mock: MockInThread, asked: dict[str, Any], status: int) -> None:
    with pytest.raises(urllib.error.HTTPError) as raised:
        post(mock, "/mock/faults", **asked)
    assert raised.value.code == status


def test_a_reset_forgets_everything_but_who_listens(client: Any, mock: MockInThread) -> None:
    client.v1.customers.create()
    endpoint = client.v1.webhook_endpoints.create({"url": "http://127.0.0.1:9/", "enabled_events": ["*"]})
    post(mock, "/mock/reset")
    assert client.v1.customers.list().data == []
    assert [kept.id for kept in client.v1.webhook_endpoints.list().data] == [endpoint.id]
    post(mock, "/mock/reset", webhook_endpoints=True)
    assert client.v1.webhook_endpoints.list().data == []
