"""What every call has in common: keys, parameters, repeats, ids, errors; as the official SDK sees it."""

import threading
import urllib.error
import urllib.request
from typing import Any, cast

import pytest
import stripe

from tests.kit.payments import MockInThread

PAYMENT: dict[str, Any] = {
    "amount": 1200,
    "currency": "usd",
    "payment_method": "pm_card_visa",
    "allowed_payment_method_types": ["card"],
    "confirm": True,
}


@pytest.mark.parametrize("key", ["pk_test_public", "sk_live_real", "nonsense"])
def test_only_secret_test_keys_are_taken(mock: MockInThread, key: str) -> None:
    with pytest.raises(stripe.AuthenticationError) as raised:
        mock.client(key).v1.customers.list()
    assert raised.value.http_status == 401
    assert "real" not in str(raised.value)


def test_a_key_may_come_by_basic_authentication_as_curl_sends_it(mock: MockInThread) -> None:
    request = urllib.request.Request(
        f"{mock.url}/v1/customers", headers={"Authorization": "Basic c2tfdGVzdF94Og=="}
    )
    with urllib.request.urlopen(request, timeout=30) as answer:
        assert answer.status == 200


def test_unknown_parameters_are_named(client: Any) -> None:
    with pytest.raises(stripe.InvalidRequestError) as raised:
        client.v1.payment_intents.create({**PAYMENT, "colour": "red"})
    assert (raised.value.code, raised.value.param) == ("parameter_unknown", "colour")
    with pytest.raises(stripe.InvalidRequestError) as raised:
        client.v1.customers.create({"address": {"planet": "Mars"}})
    assert raised.value.param == "address[planet]"


def test_missing_parameters_are_named(client: Any) -> None:
    with pytest.raises(stripe.InvalidRequestError) as raised:
        client.v1.payment_intents.create({"currency": "usd"})
    assert (raised.value.code, raised.value.param) == ("parameter_missing", "amount")


def test_choices_outside_the_list_are_refused(client: Any) -> None:
    with pytest.raises(stripe.InvalidRequestError, match="must be one of automatic, automatic_async, manual"):
        client.v1.payment_intents.create({**PAYMENT, "capture_method": "never"})


def test_what_does_not_exist_is_404_with_its_code(client: Any) -> None:
    with pytest.raises(stripe.InvalidRequestError) as raised:
        client.v1.payment_intents.retrieve("pi_nothing")
    assert (raised.value.http_status, raised.value.code) == (404, "resource_missing")
    assert "No such payment_intent: 'pi_nothing'" in str(raised.value)


def test_what_the_mock_does_not_know_says_so(client: Any) -> None:
    with pytest.raises(stripe.InvalidRequestError, match="Unrecognized request URL"):
        client.v1.subscriptions.list()


def test_every_answer_has_a_request_id(client: Any) -> None:
    first, second = client.v1.customers.create(), client.v1.customers.create()
    assert first.last_response.request_id.startswith("req_")
    assert first.last_response.request_id != second.last_response.request_id
    with pytest.raises(stripe.InvalidRequestError) as raised:
        client.v1.customers.retrieve("cus_nobody")
    assert cast("Any", raised.value).request_id.startswith("req_")


def test_a_repeated_key_gets_the_same_answer_and_does_nothing(client: Any) -> None:
    first = client.v1.payment_intents.create(PAYMENT, {"idempotency_key": "order-1"})
    again = client.v1.payment_intents.create(PAYMENT, {"idempotency_key": "order-1"})
    assert again.id == first.id
    assert again.last_response.headers["idempotent-replayed"] == "true"
    assert len(client.v1.payment_intents.list().data) == 1
    assert len(client.v1.charges.list().data) == 1


def test_a_repeated_decline_is_the_same_decline(client: Any) -> None:
    declined = {**PAYMENT, "payment_method": "pm_card_visa_chargeDeclined"}
    charges: list[str] = []
    for _ in range(2):
        with pytest.raises(stripe.CardError) as raised:
            client.v1.payment_intents.create(declined, {"idempotency_key": "order-2"})
        charges.append(cast("Any", raised.value).error.charge)
    assert charges[0] == charges[1]
    assert len(client.v1.charges.list().data) == 1


def test_a_key_with_other_parameters_is_an_error(client: Any) -> None:
    client.v1.payment_intents.create(PAYMENT, {"idempotency_key": "order-3"})
    with pytest.raises(stripe.IdempotencyError) as raised:
        client.v1.payment_intents.create({**PAYMENT, "amount": 9900}, {"idempotency_key": "order-3"})
    assert raised.value.http_status == 400
    assert len(client.v1.payment_intents.list().data) == 1


def test_after_a_refusal_the_key_may_be_used_again(client: Any) -> None:
    with pytest.raises(stripe.InvalidRequestError):
        client.v1.payment_intents.create({**PAYMENT, "amount": 1}, {"idempotency_key": "order-4"})
    assert client.v1.payment_intents.create(PAYMENT, {"idempotency_key": "order-4"}).status == "succeeded"


def test_a_key_lives_for_a_day(client: Any, mock: MockInThread) -> None:
    first = client.v1.payment_intents.create(PAYMENT, {"idempotency_key": "order-5"})
    mock.clock.advance(24 * 3600 + 1)
    assert client.v1.payment_intents.create(PAYMENT, {"idempotency_key": "order-5"}).id != first.id


def test_concurrent_requests_with_one_key_pay_once(mock: MockInThread) -> None:
    paid: list[str] = []

    def pay() -> None:
        made = mock.client().v1.payment_intents.create(PAYMENT, {"idempotency_key": "order-6"})
        paid.append(made.id)

    threads = [threading.Thread(target=pay) for _ in range(5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(paid) == 5
    assert len(set(paid)) == 1
    assert len(mock.client().v1.charges.list().data) == 1


def test_lists_are_newest_first_and_paged_both_ways(client: Any) -> None:
    made = [client.v1.customers.create({"name": str(n)}).id for n in range(7)]
    first = client.v1.customers.list({"limit": 3})
    assert ([found.id for found in first.data], first.has_more) == (made[:3:-1], True)
    older = client.v1.customers.list({"limit": 3, "starting_after": first.data[-1].id})
    assert [found.id for found in older.data] == made[3:0:-1]
    newer = client.v1.customers.list({"limit": 2, "ending_before": older.data[0].id})
    assert ([found.id for found in newer.data], newer.has_more) == ([made[5], made[4]], True)
    assert [found.id for found in client.v1.customers.list({"limit": 2}).auto_paging_iter()] == made[::-1]
    back = client.v1.customers.list({"limit": 2, "ending_before": made[0]})
    assert [found.id for found in back.auto_paging_iter()] == made[1:]


@pytest.mark.parametrize("limit", [0, 101, -1])
def test_a_page_has_from_1_to_100(client: Any, limit: int) -> None:
    with pytest.raises(stripe.InvalidRequestError) as raised:
        client.v1.customers.list({"limit": limit})
    assert raised.value.param == "limit"


def test_an_unknown_anchor_is_refused(client: Any) -> None:
    with pytest.raises(stripe.InvalidRequestError) as raised:
        client.v1.customers.list({"starting_after": "cus_nobody"})
    assert (raised.value.param, raised.value.code) == ("starting_after", "resource_missing")


def test_lists_can_be_bounded_by_time(client: Any, mock: MockInThread) -> None:
    early = client.v1.customers.create()
    mock.clock.advance(100)
    late = client.v1.customers.create()
    since = client.v1.customers.list({"created": {"gt": early.created}})
    assert [found.id for found in since.data] == [late.id]
    assert [found.id for found in client.v1.customers.list({"created": early.created}).data] == [early.id]


def test_ids_expand_into_objects_in_depth_and_in_lists(client: Any) -> None:
    customer = client.v1.customers.create({"name": "Ada"})
    paid = client.v1.payment_intents.create({**PAYMENT, "customer": customer.id})
    found = client.v1.payment_intents.retrieve(
        paid.id, {"expand": ["customer", "latest_charge.payment_method"]}
    )
    assert found.customer.name == "Ada"
    assert found.latest_charge.payment_method.card.brand == "visa"
    listed = client.v1.charges.list({"expand": ["data.customer"]})
    assert listed.data[0].customer.name == "Ada"
    with pytest.raises(stripe.InvalidRequestError, match="cannot be expanded"):
        client.v1.payment_intents.retrieve(paid.id, {"expand": ["amount"]})


@pytest.mark.parametrize(
    "body", [b"a[b]=1&a=2", b"a[=1", b"[x]=1", b"a[b][c][d][e][f][g][h][i]=1", b"%ff=%fe"]
)
def test_rubbish_is_refused_as_an_error_body(mock: MockInThread, body: bytes) -> None:
    request = urllib.request.Request(
        f"{mock.url}/v1/customers", data=body, headers={"Authorization": "Bearer sk_test_x"}, method="POST"
    )
    with pytest.raises(urllib.error.HTTPError) as raised:
        urllib.request.urlopen(request, timeout=30)
    assert raised.value.code == 400
    assert b'"invalid_request_error"' in raised.value.read()


def test_a_body_beyond_all_bounds_is_413(mock: MockInThread) -> None:
    request = urllib.request.Request(
        f"{mock.url}/v1/customers",
        data=b"name=" + b"x" * 1_100_000,
        headers={"Authorization": "Bearer sk_test_x"},
        method="POST",
    )
    with pytest.raises(urllib.error.HTTPError) as raised:
        urllib.request.urlopen(request, timeout=30)
    assert raised.value.code == 413


# ── planned faults ──────────────────────────────────────────────────────────────────────────────────


def test_a_time_out_after_success_is_healed_by_the_same_key(mock: MockInThread) -> None:
    hasty = mock.client(timeout=0.4)
    options = {"idempotency_key": "order-7", "headers": {"Mock-Fault": "timeout; delay=1.5"}}
    with pytest.raises(stripe.APIConnectionError):
        hasty.v1.payment_intents.create(PAYMENT, options)
    again = hasty.v1.payment_intents.create(PAYMENT, {"idempotency_key": "order-7"})
    assert again.status == "succeeded"
    assert len(mock.client().v1.charges.list().data) == 1


def test_429_and_500_change_nothing_and_the_sdk_tries_again(mock: MockInThread) -> None:
    with pytest.raises(stripe.RateLimitError):
        mock.client().v1.customers.create({}, {"headers": {"Mock-Fault": "rate_limit"}})
    with pytest.raises(stripe.APIError):
        mock.client().v1.customers.create({}, {"headers": {"Mock-Fault": "server_error"}})
    assert mock.client().v1.customers.list().data == []


def test_a_delay_is_waited_out(mock: MockInThread) -> None:
    client = mock.client()
    with pytest.raises(stripe.APIConnectionError):
        mock.client(timeout=0.1).v1.customers.create({}, {"headers": {"Mock-Fault": "delay; delay=0.3"}})
    assert client.v1.customers.list().data == []
    client.v1.products.create({"name": "later"}, {"headers": {"Mock-Fault": "delay; delay=0.6"}})
    assert len(client.v1.customers.list().data) == 1, (
        "the hasty client's request was carried out all the same"
    )


def test_an_unknown_fault_is_refused(client: Any) -> None:
    with pytest.raises(stripe.InvalidRequestError, match="No such fault"):
        client.v1.customers.create({}, {"headers": {"Mock-Fault": "earthquake"}})
