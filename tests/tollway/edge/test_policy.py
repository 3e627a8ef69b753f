"""Policy: each rule alone, and the list in its order."""

from types import SimpleNamespace
from typing import Any

import pytest

from tests.kit.edges import settings
from tollway.contracts.access_pb2 import Grant
from tollway.edge import refusal
from tollway.edge.guard import Guard
from tollway.edge.policy import Policy, RequestContext, default_rules, first_refusal


def quota(*, live_flows: int = 0, exhausted: bool = False, available: int = 10) -> Any:
    return SimpleNamespace(live_flows=live_flows, exhausted=exhausted, available=available)


def context(
    host: str = "example.com", port: int = 443, *addresses: str, max_flows: int = 0, **held: Any
) -> RequestContext:
    return RequestContext(Grant(max_flows=max_flows), quota(**held), host, port, addresses)


@pytest.fixture
def policy() -> Policy:
    rules = settings(denied_ports=[25, 465], denied_domains=["bad.example", ".Worse.Example."])
    return Policy(default_rules(rules, Guard(rules.allow_ranges)))


def test_a_flow_begins_while_something_is_left(policy: Policy) -> None:
    assert first_refusal(policy.begin, context()) is None
    assert first_refusal(policy.begin, context(exhausted=True, available=1)) is None
    assert first_refusal(policy.begin, context(exhausted=True, available=0)) is refusal.NO_ALLOWANCE
    assert first_refusal(policy.begin, context(exhausted=False, available=0)) is None


def test_no_more_flows_than_granted(policy: Policy) -> None:
    assert first_refusal(policy.begin, context(max_flows=2, live_flows=1)) is None
    assert first_refusal(policy.begin, context(max_flows=2, live_flows=2)) is refusal.TOO_MANY_FLOWS
    assert first_refusal(policy.begin, context(max_flows=0, live_flows=10_000)) is None


def test_what_is_used_up_weighs_more_than_how_many_there_are(policy: Policy) -> None:
    both = context(max_flows=1, live_flows=1, exhausted=True, available=0)
    assert first_refusal(policy.begin, both) is refusal.NO_ALLOWANCE


def test_mail_is_not_sent_from_here(policy: Policy) -> None:
    assert first_refusal(policy.target, context(port=25)) is refusal.DENIED_PORT
    assert first_refusal(policy.target, context(port=465)) is refusal.DENIED_PORT
    assert first_refusal(policy.target, context(port=587)) is None


@pytest.mark.parametrize(
    ("host", "denied"),
    [
        ("bad.example", True),
        ("BAD.example.", True),
        ("a.b.bad.example", True),
        ("worse.example", True),
        ("notbad.example", False),
        ("bad.example.com", False),
        ("example", False),
        ("192.0.2.1", False),
    ],
)
def test_a_denied_domain_stands_for_all_below_it(policy: Policy, host: str, denied: bool) -> None:
    expected = refusal.DENIED_DOMAIN if denied else None
    assert first_refusal(policy.target, context(host)) is expected


def test_one_denied_address_spoils_the_name(policy: Policy) -> None:
    assert first_refusal(policy.addresses, context("x", 80, "8.8.8.8", "1.1.1.1")) is None
    assert first_refusal(policy.addresses, context("x", 80, "8.8.8.8", "10.0.0.1")) is refusal.DENIED_ADDRESS
