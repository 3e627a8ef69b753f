"""Policy: each rule alone, and the list in its order."""

import asyncio
import base64
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from tests.kit.edges import edge_setup, settings, web
from tests.kit.eventually import eventually
from tests.kit.fake_access import FakeAccess
from tollway.contracts.access_pb2 import FlowPolicy, Grant, Schedule, Window
from tollway.edge import refusal
from tollway.edge.credential import password
from tollway.edge.guard import Guard
from tollway.edge.metrics import EdgeMetrics
from tollway.edge.policy import Policy, RequestContext, Stage, default_rules
from tollway.edge.policy.customer_rules import customer_rules


def quota(*, live_flows: int = 0, exhausted: bool = False, available: int = 10) -> Any:
    return SimpleNamespace(live_flows=live_flows, exhausted=exhausted, available=available)


def context(
    host: str = "example.com", port: int = 443, *addresses: str, max_flows: int = 0, **held: Any
) -> RequestContext:
    return RequestContext(
        Grant(max_flows=max_flows), quota(**held), None, lambda: 0, host, port, "direct", addresses
    )


@pytest.fixture
def metrics() -> EdgeMetrics:
    return EdgeMetrics("node-1")


@pytest.fixture
def policy(metrics: EdgeMetrics) -> Policy:
    rules = settings(denied_ports=[25, 465], denied_domains=["bad.example", ".Worse.Example."])
    return Policy(default_rules(rules, Guard(rules.allow_ranges)), metrics)


def test_a_flow_begins_while_something_is_left(policy: Policy) -> None:
    assert policy.first_refusal(Stage.BEGIN, context()) is None
    assert policy.first_refusal(Stage.BEGIN, context(exhausted=True, available=1)) is None
    assert policy.first_refusal(Stage.BEGIN, context(exhausted=True, available=0)) is refusal.NO_ALLOWANCE
    assert policy.first_refusal(Stage.BEGIN, context(exhausted=False, available=0)) is None


def test_no_more_flows_than_granted(policy: Policy) -> None:
    assert policy.first_refusal(Stage.BEGIN, context(max_flows=2, live_flows=1)) is None
    assert policy.first_refusal(Stage.BEGIN, context(max_flows=2, live_flows=2)) is refusal.TOO_MANY_FLOWS
    assert policy.first_refusal(Stage.BEGIN, context(max_flows=0, live_flows=10_000)) is None


def test_what_is_used_up_weighs_more_than_how_many_there_are(policy: Policy) -> None:
    both = context(max_flows=1, live_flows=1, exhausted=True, available=0)
    assert policy.first_refusal(Stage.BEGIN, both) is refusal.NO_ALLOWANCE


def test_mail_is_not_sent_from_here(policy: Policy) -> None:
    assert policy.first_refusal(Stage.TARGET, context(port=25)) is refusal.DENIED_PORT
    assert policy.first_refusal(Stage.TARGET, context(port=465)) is refusal.DENIED_PORT
    assert policy.first_refusal(Stage.TARGET, context(port=587)) is None


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
    assert policy.first_refusal(Stage.TARGET, context(host)) is expected


def test_one_denied_address_spoils_the_name(policy: Policy) -> None:
    assert policy.first_refusal(Stage.ADDRESSES, context("x", 80, "8.8.8.8", "1.1.1.1")) is None
    assert (
        policy.first_refusal(Stage.ADDRESSES, context("x", 80, "8.8.8.8", "10.0.0.1"))
        is refusal.DENIED_ADDRESS
    )


# ── the customer's own rules ────────────────────────────────────────────────────────────────────────

MONDAY_NOON_US = int(datetime(2026, 11, 23, 12, 0, tzinfo=UTC).timestamp()) * 1_000_000
HOUR_US = 3_600_000_000


def of_customer(grant: Grant, host: str, port: int, now_us: int = MONDAY_NOON_US) -> RequestContext:
    return RequestContext(grant, quota(), customer_rules(grant), lambda: now_us, host, port)


@pytest.mark.parametrize(
    ("rule", "stage", "asked"),
    [
        ("quota", Stage.BEGIN, context(exhausted=True, available=0)),
        ("max_flows", Stage.BEGIN, context(max_flows=1, live_flows=1)),
        ("port", Stage.TARGET, context(port=25)),
        ("domain", Stage.TARGET, context("bad.example")),
        ("address", Stage.ADDRESSES, context("x", 80, "10.0.0.1")),
    ],
)
def test_a_refusal_is_counted_under_its_rule(
    policy: Policy, metrics: EdgeMetrics, rule: str, stage: Stage, asked: RequestContext
) -> None:
    assert policy.first_refusal(stage, asked) is not None
    assert metrics.policy_refusals == {rule: 1}


@pytest.mark.parametrize(
    ("rule", "grant"),
    [
        ("customer_port", Grant(policy=FlowPolicy(blocked_ports=[443]))),
        ("customer_domain", Grant(policy=FlowPolicy(blocked_domains=["example"]))),
        ("schedule", Grant(policy=FlowPolicy(schedule=Schedule()))),
    ],
)
def test_a_refusal_by_a_customer_s_rule_is_counted_under_it(
    policy: Policy, metrics: EdgeMetrics, rule: str, grant: Grant
) -> None:
    assert policy.first_refusal(Stage.CUSTOMER, of_customer(grant, "an.example", 443)) is not None
    assert metrics.policy_refusals == {rule: 1}
    assert any(
        sample.labels == {"node": "node-1", "rule": rule} and sample.value == 1
        for family in metrics.collect()
        for sample in family.samples
    )


def test_a_customer_blocks_domains_and_ports_for_themselves(policy: Policy) -> None:
    grant = Grant(policy=FlowPolicy(blocked_domains=["ads.example"], blocked_ports=[21]))
    assert (
        policy.first_refusal(Stage.CUSTOMER, of_customer(grant, "x.ads.example", 443))
        is refusal.DENIED_DOMAIN
    )
    assert (
        policy.first_refusal(Stage.CUSTOMER, of_customer(grant, "other.example", 21)) is refusal.DENIED_PORT
    )
    assert policy.first_refusal(Stage.CUSTOMER, of_customer(grant, "other.example", 443)) is None
    assert policy.first_refusal(Stage.CUSTOMER, of_customer(Grant(), "x.ads.example", 21)) is None


@pytest.mark.parametrize(
    ("zone", "hours_later", "open_"),
    [
        ("UTC", 0, True),
        ("UTC", 5, False),  # 17:00 is over
        ("UTC", 24, False),  # Tuesday
        ("UTC", 7 * 24, True),
        ("Europe/Berlin", 0, True),
        ("Europe/Berlin", 4, False),  # 17:00 there
        ("Nowhere/AtAll", 0, True),
    ],
)
def test_an_access_may_have_hours(policy: Policy, zone: str, hours_later: int, open_: bool) -> None:
    window = Window(weekday=1, start_minute=8 * 60, end_minute=17 * 60)
    grant = Grant(policy=FlowPolicy(schedule=Schedule(time_zone=zone, windows=[window])))
    asked = of_customer(grant, "example.com", 443, MONDAY_NOON_US + hours_later * HOUR_US)
    expected = None if open_ else refusal.OUTSIDE_SCHEDULE
    assert policy.first_refusal(Stage.CUSTOMER, asked) is expected


@pytest.mark.parametrize("blocked", ["domain", "port", "hours"])
async def test_a_changed_policy_holds_from_the_next_request_of_a_kept_connection(
    tmp_path: Path, blocked: str
) -> None:
    access = FakeAccess()
    alice = access.add()
    async with edge_setup(tmp_path, web, access) as here:
        client = await here.client()
        for _ in range(2):
            await client.send(here.get("/bytes/10"))
            assert (await client.response())[0] == 200
        (flow,) = here.edge._charging.live_flows()
        alice.policy = {
            "domain": FlowPolicy(blocked_domains=["127.0.0.1"]),
            "port": FlowPolicy(blocked_ports=[here.origin.port]),
            "hours": FlowPolicy(schedule=Schedule(time_zone="UTC")),
        }[blocked]
        access.announce("policy_changed", resource_id=alice.id)
        await eventually(lambda: flow.grant.policy == alice.policy)
        await client.send(here.get("/bytes/10"))
        assert (await client.response())[0] == 403
        assert here.origin.connections == 1
        await client.close()
        await here.settled()


@pytest.mark.parametrize("blocked", ["domain", "port"])
@pytest.mark.parametrize("protocol", ["connect", "socks5"])
async def test_a_tunnel_to_what_is_blocked_now_ends_within_a_second(
    tmp_path: Path, protocol: str, blocked: str
) -> None:
    access = FakeAccess()
    alice, other = access.add(), access.add("bob")
    async with edge_setup(tmp_path, web, access) as here:
        client = await (here.tunnel() if protocol == "connect" else here.socks_tunnel())
        rules = {
            "domain": FlowPolicy(blocked_domains=["127.0.0.1"]),
            "port": FlowPolicy(blocked_ports=[here.origin.port]),
        }
        alice.policy = other.policy = rules[blocked]
        access.announce("policy_changed", resource_id=other.id)  # another's change ends nothing
        alice.policy = FlowPolicy(blocked_domains=["elsewhere.example"])
        access.announce("policy_changed", resource_id=alice.id)
        (flow,) = here.edge._charging.live_flows()
        await eventually(lambda: flow.grant.policy == alice.policy)
        assert not flow.ended
        alice.policy = rules[blocked]
        access.announce("policy_changed", resource_id=alice.id)
        assert await asyncio.wait_for(client.rest(), 20) == b""
        await client.close()
        await here.settled()
        assert {use.terminate_cause for use in access.usage.values()} == {"Admin-Reset"}


async def test_a_policy_that_changed_back_lets_a_kept_connection_go_on(tmp_path: Path) -> None:
    access = FakeAccess()
    alice = access.add()
    async with edge_setup(tmp_path, web, access) as here:
        client = await here.client()
        await client.send(here.get("/bytes/10"))
        assert (await client.response())[0] == 200
        (flow,) = here.edge._charging.live_flows()
        access.announce("policy_changed", resource_id=alice.id)
        await eventually(lambda: access.grants)
        await client.send(here.get("/bytes/10"))
        assert (await client.response())[0] == 200
        assert here.origin.connections == 1
        assert not flow.grant_changed
        await client.close()


async def test_rules_are_asked_about_connections_of_the_pool(tmp_path: Path) -> None:
    """One flow leaves its origin connection behind; the next, under other rules, may not use it."""
    access = FakeAccess()
    alice = access.add()
    async with edge_setup(tmp_path, web, access) as here:
        first = await here.client()
        await first.send(here.get("/bytes/10"))
        assert (await first.response())[0] == 200
        await first.close()
        await here.settled()
        alice.policy = FlowPolicy(blocked_ports=[here.origin.port])
        access.announce("policy_changed", resource_id=alice.id)
        cache = here.edge._credential_cache
        await eventually(lambda: cache.cached(cache.key(password("alice", "s3cret"))) is None)
        second = await here.client()
        await second.send(here.get("/bytes/10"))
        assert (await second.response())[0] == 403
        assert here.origin.connections == 1
        await second.close()


async def test_live_flows_end_with_the_customer_s_hours(tmp_path: Path) -> None:
    access = FakeAccess()
    access.add()
    async with edge_setup(tmp_path, web, access, meter_sync_s=0.02) as here:
        client = await here.tunnel()
        (flow,) = here.edge._charging.live_flows()
        flow.use_grant(Grant(resource_id="res_alice", policy=FlowPolicy(schedule=Schedule())))
        assert await client.rest() == b""
        await client.close()
        await here.settled()
        assert {use.terminate_cause for use in access.usage.values()} == {"Session-Timeout"}


async def test_a_place_without_an_exit_is_refused(tmp_path: Path) -> None:
    access = FakeAccess()
    alice = access.add()
    async with edge_setup(tmp_path, web, access) as here:
        for username, location, status in (
            ("user-alice-country-us", "", 503),
            ("user-alice-session-a", "direct", 200),
            ("alice", "moon", 503),
        ):
            alice.location = location
            access.announce("policy_changed", resource_id=alice.id)
            cache = here.edge._credential_cache
            await eventually(lambda: cache.cached(cache.key(password("alice", "s3cret"))) is None)  # noqa: B023
            client = await here.client()
            login = base64.b64encode(f"{username}:s3cret".encode()).decode()
            await client.send(here.get("/bytes/1", login=f"Basic {login}"))
            assert (await client.response())[0] == status
            await client.close()
