"""A connection test: the node goes through its own proxy, is charged for it, and says which step failed and why."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from tests.kit.edges import EdgeSetup, Origin, edge_setup
from tests.kit.eventually import eventually
from tollway.contracts.access_pb2 import FlowPolicy, StepResult
from tollway.edge import refusal
from tollway.edge.connection_test import target_url

FIRST_FOUR = ["resolve", "connect", "login", "target"]
ALL = [*FIRST_FOUR, "exit"]


async def run(here: EdgeSetup, *, connect: bool = True, username: str = "alice") -> list[StepResult]:
    """Ask the node for a test, as the access service does, and wait until it is over."""
    test_id = f"tst_{len(here.access.tests)}"
    here.access.ask_for_test(test_id, username, "s3cret", connect=connect)
    await eventually(lambda: here.access.tests[test_id].finished)
    return here.access.tests[test_id].steps


def names(steps: list[StepResult]) -> list[str]:
    return [one.name for one in steps]


@pytest.fixture
async def here(tmp_path: Path) -> AsyncIterator[EdgeSetup]:
    async with edge_setup(tmp_path) as one:
        one.access.add("alice", "s3cret", 1_000_000)
        yield one


@pytest.mark.parametrize("connect", [True, False])
async def test_a_test_goes_the_whole_way_and_is_charged(here: EdgeSetup, connect: bool) -> None:
    steps = await run(here, connect=connect)
    assert [(one.name, one.ok, one.code) for one in steps] == [
        *((name, True, "") for name in FIRST_FOUR),
        ("exit", True, "NODE_ANSWERED"),
    ]
    resolve, connected, _, target, out = steps
    assert resolve.detail == "127.0.0.1"
    assert connected.detail == f"127.0.0.1:{here.edge.ports['http']}"
    assert target.detail == "connection-test.internal:80"
    assert out.detail == "127.0.0.1"
    # Login is answered with the target, and a plain request has one answer for everything.
    timed = ["resolve", "connect", "target", "exit"] if connect else ["resolve", "connect", "exit"]
    assert [one.name for one in steps if one.HasField("duration_us")] == timed
    await here.settled()
    (flow,) = here.access.usage.values()
    assert flow.protocol == ("connect" if connect else "http")
    assert flow.target == "connection-test.internal:80"
    assert here.access.used() == flow.total > 100


async def test_steps_are_told_as_they_are_taken(here: EdgeSetup) -> None:
    await run(here)
    told = [names(steps) for steps in here.access.tests["tst_0"].told]
    assert told == [ALL[:count] for count in range(1, 6)]


@pytest.mark.parametrize("connect", [True, False])
async def test_a_refused_login_says_why(here: EdgeSetup, connect: bool) -> None:
    here.access.add("broke", "s3cret", 0)
    here.access.add("idle", "s3cret", active=False)
    for username, why in (
        ("nobody", refusal.BAD_CREDENTIALS),
        ("broke", refusal.NO_ALLOWANCE),
        ("idle", refusal.INACTIVE),
    ):
        steps = await run(here, connect=connect, username=username)
        assert names(steps) == ["resolve", "connect", "login"]
        assert (steps[-1].ok, steps[-1].code, steps[-1].detail) == (False, why.code, why.detail)


async def test_an_exit_that_is_not_there_fails_at_the_target(here: EdgeSetup) -> None:
    steps = await run(here, username="user-alice-country-de")
    assert names(steps) == FIRST_FOUR
    assert (steps[-1].ok, steps[-1].code) == (False, "PROXY_NO_EXIT")
    assert steps[-2].ok


async def test_the_customer_s_own_rules_hold_for_it(here: EdgeSetup) -> None:
    here.access.add("strict", "s3cret", policy=FlowPolicy(blocked_ports=[80]))
    steps = await run(here, username="strict")
    assert (steps[-1].name, steps[-1].ok, steps[-1].code) == ("target", False, "PROXY_DENIED_PORT")


async def say(
    answer: bytes, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
) -> None:  # an outside target
    await reader.readuntil(b"\r\n\r\n")
    writer.write(answer)


OK = b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n"


@pytest.mark.parametrize(
    ("answer", "ok", "code", "detail"),
    [
        (OK + b'{"ip": "203.0.113.7"}', True, "", "203.0.113.7"),
        (OK + b"2001:db8::7\n", True, "", "2001:db8::7"),
        (OK + b"hello 1.2.3", False, "NO_ADDRESS", "no address in it"),
        (b"HTTP/1.1 503 No\r\nConnection: close\r\n\r\n1.2.3.4", False, "BAD_STATUS", "answered 503"),
        (b"SSH-2.0-x\r\n\r\n", False, "NOT_UNDERSTOOD", ""),
        (b"", False, "NOT_REACHED", ""),
    ],
)
async def test_the_operator_s_target_says_who_the_outside_sees(
    tmp_path: Path, answer: bytes, ok: bool, code: str, detail: str
) -> None:
    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await say(answer, reader, writer)

    async with Origin(talk).serving() as outside:
        url = f"http://127.0.0.1:{outside.port}/ip"
        async with edge_setup(tmp_path, test_url=url) as here:
            here.access.add("alice", "s3cret", 1_000_000)
            steps = await run(here)
            assert names(steps) == ALL
            assert (steps[-1].ok, steps[-1].code) == (ok, code)
            assert detail in steps[-1].detail


async def test_the_operator_s_target_is_held_to_the_address_guard(tmp_path: Path) -> None:
    async with edge_setup(tmp_path, test_url="http://127.0.0.1:1/", allow_ranges=[]) as here:
        here.access.add("alice", "s3cret", 1_000_000)
        steps = await run(here)
        assert (steps[-1].name, steps[-1].code) == ("target", "PROXY_DENIED_ADDRESS")


async def test_a_name_that_does_not_resolve_is_the_first_step_that_fails(tmp_path: Path) -> None:
    async with edge_setup(tmp_path, advertise={"http": {"host": "proxy.invalid"}}) as here:
        here.access.add("alice", "s3cret", 1_000_000)
        (step,) = await run(here)
        assert (step.name, step.ok, step.code) == ("resolve", False, "NAME_UNKNOWN")


async def test_more_tests_than_are_carried_out_at_once_wait_for_their_turn(here: EdgeSetup) -> None:
    for number in range(12):
        here.access.ask_for_test(f"tst_{number}", "alice", "s3cret", connect=True)
    await eventually(lambda: all(one.finished for one in here.access.tests.values()))
    assert all(names(one.steps) == ALL for one in here.access.tests.values())


async def test_a_test_that_the_access_service_does_not_know_is_dropped(here: EdgeSetup) -> None:
    here.access.announce("test_requested", test_id="tst_unknown")
    assert names(await run(here)) == ALL


@pytest.mark.parametrize(
    "target",
    [
        "connection-test.internal:80",
        "CONNECTION-TEST.INTERNAL:80",
        "Connection-Test.Internal.:80",
        "connection-test.internal:0080",
    ],
)
async def test_the_own_target_is_for_everybody_and_nothing_else_is_behind_it(
    here: EdgeSetup, target: str
) -> None:
    client = await here.client()
    await client.send(here.connect_head(target))
    assert (await client.head()).startswith(b"HTTP/1.1 200 ")
    await client.send(b"GET /anything HTTP/1.1\r\nHost: x\r\n\r\n")
    status, headers, body = await client.response()
    assert (status, headers["content-type"], body) == (200, "application/json", b'{"address": "127.0.0.1"}')
    await client.close()
    other = await here.client()
    await other.send(here.connect_head("connection-test.internal:81"))
    assert not (await other.head()).startswith(b"HTTP/1.1 200 ")
    await other.close()


@pytest.mark.parametrize(
    ("url", "found"),
    [
        ("", ("connection-test.internal:80", "/", True)),
        ("http://a.example", ("a.example:80", "/", False)),
        ("http://a.example:81/ip?x=1", ("a.example:81", "/ip?x=1", False)),
        ("http://[2001:db8::1]/", ("[2001:db8::1]:80", "/", False)),
    ],
)
def test_the_target_is_read_from_the_setting(url: str, found: tuple[Any, ...]) -> None:
    assert target_url(url) == found


async def test_behind_a_balancer_the_test_begins_as_the_balancer_would(tmp_path: Path) -> None:
    more = {"trusted_proxies": ["127.0.0.0/8"], "proxy_protocol": True}
    async with edge_setup(tmp_path, **more) as here:
        here.access.add("alice", "s3cret", 1_000_000)
        assert names(await run(here)) == ALL
