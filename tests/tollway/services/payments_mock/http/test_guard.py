"""No web site drives the mock from a developer's browser, and no webhook leaves for a foreign host."""

import http.client
from typing import Any
from urllib.parse import urlsplit

import pytest
import stripe

from tests.kit.payments import MockInThread
from tollway.services.payments_mock.model.hosts import host_of, is_known_host

JSON = {"Content-Type": "application/json"}
FORM = {"Content-Type": "application/x-www-form-urlencoded"}


def ask(mock: MockInThread, method: str, path: str, headers: dict[str, str], body: str = "{}") -> int:
    link = http.client.HTTPConnection(urlsplit(mock.url).netloc, timeout=30)
    try:
        link.request(method, path, body, headers)
        return link.getresponse().status
    finally:
        link.close()


def own(mock: MockInThread) -> str:
    return urlsplit(mock.url).netloc


@pytest.mark.parametrize(
    "path", ["/mock/reset", "/mock/faults", "/mock/disputes", "/checkout/cs_1", "/3ds/pi_1"]
)
@pytest.mark.parametrize(
    "sent",
    [
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
        {"Origin": "http://127.0.0.1"},
        {"Origin": "http://127.0.0.1:1"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
        {"Origin": "http://evil.example", "Sec-Fetch-Site": "none"},
    ],
)
def test_what_another_site_sends_is_refused(mock: MockInThread, path: str, sent: dict[str, str]) -> None:
    for kind in (JSON, FORM):
        assert ask(mock, "POST", path, {**kind, **sent}) == 403


@pytest.mark.parametrize(
    "kind", ["application/x-www-form-urlencoded", "multipart/form-data", "text/plain", ""]
)
def test_the_control_takes_json_only(client: Any, mock: MockInThread, kind: str) -> None:
    client.v1.customers.create()
    assert ask(mock, "POST", "/mock/reset", {"Content-Type": kind}, "") == 415
    assert len(client.v1.customers.list().data) == 1
    assert ask(mock, "POST", "/mock/reset", {"Content-Type": "application/json; charset=utf-8"}) == 200


@pytest.mark.parametrize(
    ("host", "status"),
    [
        ("evil.example", 421),
        ("127.0.0.1.evil.example", 421),
        ("10.0.0.1", 421),
        ("0.0.0.0", 421),
        ("localhost.evil.example:8020", 421),
        ("localhost", 200),
        ("LOCALHOST:8020", 200),
        ("pay.localhost", 200),
        ("[::1]:8020", 200),
        ("127.0.0.2:1", 200),
    ],
)
def test_it_answers_under_known_hosts_only(mock: MockInThread, host: str, status: int) -> None:
    assert ask(mock, "GET", "/", {"Host": host}, "") == status
    assert ask(mock, "GET", "/mock/faults", {"Host": host}, "") == status


def test_its_own_pages_and_programs_are_let_through(mock: MockInThread) -> None:
    for sent in ({}, {"Origin": f"http://{own(mock)}", "Sec-Fetch-Site": "same-origin"}):
        assert ask(mock, "POST", "/mock/reset", {**JSON, **sent}) == 200
        assert ask(mock, "POST", "/checkout/cs_none", {**FORM, **sent}, "token=pm_card_visa") == 404


@pytest.mark.parametrize(
    "url",
    [
        "https://evil.example/hook",
        "http://169.254.169.254/latest/meta-data",
        "http://10.0.0.1/",
        "http://127.0.0.1.evil.example/",
        "http://0.0.0.0:80/",
        "http://[::ffff:10.0.0.1]/",
    ],
)
def test_webhooks_are_not_sent_to_foreign_hosts(client: Any, url: str) -> None:
    with pytest.raises(stripe.InvalidRequestError, match="loopback only"):
        client.v1.webhook_endpoints.create({"url": url, "enabled_events": ["*"]})
    kept = client.v1.webhook_endpoints.create({"url": "http://localhost:9/", "enabled_events": ["*"]})
    with pytest.raises(stripe.InvalidRequestError, match="loopback only"):
        client.v1.webhook_endpoints.update(kept.id, {"url": url})


def test_hosts_that_are_listed_are_known() -> None:
    listed = frozenset({"payments-mock", "shop.example"})
    for address in (
        "http://payments-mock:8020",
        "shop.example:443",
        "https://SHOP.example./x",
        "127.0.0.1:8020",
    ):
        assert is_known_host(host_of(address), listed)
    for address in ("", "http://", "other.example", "http://[", "shop.example.evil", "2130706433"):
        assert not is_known_host(host_of(address), listed)
