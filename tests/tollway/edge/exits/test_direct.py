"""Looking names up and dialling: what does not answer one customer holds up nobody else, and no other address."""

import asyncio
import contextlib
import os
import socket
import threading
import time
from collections.abc import AsyncIterator, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from tests.kit.clock import FakeMonotonic
from tests.kit.edges import EdgeSetup, edge_setup, web
from tests.kit.eventually import eventually
from tollway.edge import refusal
from tollway.edge.exits.direct import Addresses, PreferredAddresses, Resolver
from tollway.edge.refusal import Refusal

Answers = dict[str, Addresses | Refusal]


@pytest.fixture
def stuck(monkeypatch: pytest.MonkeyPatch) -> Iterator[threading.Event]:
    """Names under `slow.test` are answered when the event is set, others at once."""
    request_finished = threading.Event()

    def resolve(host: str, *_: Any, **__: Any) -> list[Any]:
        if host.endswith("slow.test"):
            request_finished.wait(10)
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("192.0.2.1", 0))]

    monkeypatch.setattr(socket, "getaddrinfo", resolve)
    yield request_finished
    request_finished.set()


def lookup(names: Resolver, answers: Answers, host: str, customer: str) -> None:
    names.lookup(host, customer, partial(answers.__setitem__, host))


async def test_one_customer_s_names_that_nobody_answers_hold_up_nobody_else(stuck: threading.Event) -> None:
    names, answers = Resolver(60, 0.05, time.monotonic), Answers()
    for number in range(20):
        lookup(names, answers, f"{number}.slow.test", "usr_greedy")
    assert list(answers.values()) == [refusal.OVERLOADED] * 4
    lookup(names, answers, "example.test", "usr_other")
    await eventually(lambda: "example.test" in answers)
    assert answers["example.test"] == ("192.0.2.1",)

    # Given up in time, but the threads are still taken, so nothing more is begun for this customer.
    await eventually(lambda: len(answers) == 21)
    assert list(answers.values()).count(refusal.NAME_TIMEOUT) == 16
    lookup(names, answers, "more.slow.test", "usr_greedy")
    assert answers["more.slow.test"] is refusal.OVERLOADED

    stuck.set()
    again: Answers = {}

    def has_room() -> bool:
        lookup(names, again, "at-last.test", "usr_greedy")
        return again.pop("at-last.test", refusal.OVERLOADED) == ("192.0.2.1",)

    await eventually(has_room)
    names.stop()


async def test_a_name_is_asked_about_once_and_remembered(stuck: threading.Event) -> None:
    names = Resolver(60, 5, time.monotonic)
    found: list[Addresses | Refusal] = []
    for _ in range(3):
        names.lookup("one.slow.test", "usr_a", found.append)
    stuck.set()
    await eventually(lambda: len(found) == 3)
    assert names.cached("one.slow.test") == ("192.0.2.1",)
    assert names.cached("192.0.2.9") == ("192.0.2.9",)
    names.stop()


# ── dialling ────────────────────────────────────────────────────────────────────────────────────────

SILENT, ALSO_SILENT, REFUSES, GOOD, NO_IPV6 = "127.0.0.9", "127.0.0.10", "127.0.0.8", "127.0.0.1", "::1"


@contextlib.asynccontextmanager
async def silent(port: int) -> AsyncIterator[None]:
    """The port on two addresses has a full backlog, so that connecting to it never ends."""
    opened: list[socket.socket] = []
    for address in (SILENT, ALSO_SILENT):
        listening = socket.socket()
        listening.bind((address, port))
        listening.listen(0)
        opened.append(listening)
        for _ in range(4):
            filler = socket.socket()
            filler.setblocking(False)
            filler.connect_ex((address, port))
            opened.append(filler)
    await asyncio.sleep(0.05)
    try:
        yield
    finally:
        for one in opened:
            one.close()


def resolves_to(monkeypatch: pytest.MonkeyPatch, *addresses: str) -> None:
    """Let `mixed.test` have these addresses."""
    real = socket.getaddrinfo

    def resolve(host: str, *more: Any, **named: Any) -> Any:
        if host != "mixed.test":
            return real(host, *more, **named)
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (one, 0)) for one in addresses]

    monkeypatch.setattr(socket, "getaddrinfo", resolve)


async def reach(here: EdgeSetup, protocol: str) -> int:
    """Reach `mixed.test` once; return 200, or the refusal."""
    target = f"mixed.test:{here.origin.port}"
    if protocol == "socks5":
        client, reply = await here.socks_ask("mixed.test", here.origin.port)
        status = 200 if reply == 0 else reply
    else:
        client = await here.client()
        await client.send(
            here.connect_head(target)
            if protocol == "connect"
            else here.get("/bytes/1").replace(f"{GOOD}:{here.origin.port}".encode(), target.encode())
        )
        status = int((await client.head()).split()[1])
    await client.close()
    return status


@pytest.mark.parametrize("protocol", ["http", "connect", "socks5"])
@pytest.mark.parametrize(
    "addresses",
    [
        (SILENT, GOOD),
        (SILENT, ALSO_SILENT, GOOD),
        (REFUSES, GOOD),
        (NO_IPV6, SILENT, GOOD),
        (SILENT, NO_IPV6, REFUSES, GOOD),
        (GOOD, SILENT),
    ],
    ids=str,
)
async def test_addresses_that_do_not_answer_cost_a_fraction_of_a_second_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, protocol: str, addresses: tuple[str, ...]
) -> None:
    async with edge_setup(tmp_path, web, connect_timeout_s=30) as here, silent(here.origin.port):
        resolves_to(monkeypatch, *addresses)
        assert await asyncio.wait_for(reach(here, protocol), 20) == 200
        preferred = here.edge._gate._direct._preferred
        assert preferred.order(addresses, here.origin.port)[0] == GOOD
        assert await asyncio.wait_for(reach(here, protocol), 20) == 200
        await here.settled()


async def test_nobody_answers_and_the_time_is_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with edge_setup(tmp_path, web, connect_timeout_s=0.6) as here, silent(here.origin.port):
        resolves_to(monkeypatch, SILENT, ALSO_SILENT)
        before = len(os.listdir("/proc/self/fd"))
        assert await asyncio.wait_for(reach(here, "connect"), 5) == 504
        await here.settled()
        await eventually(lambda: len(os.listdir("/proc/self/fd")) <= before)


@pytest.mark.parametrize(
    ("addresses", "expected"),
    [
        (("a:1", "b:1", "1.1", "1.2"), ["a:1", "1.1", "b:1", "1.2"]),
        (("1.1", "1.2", "a:1"), ["1.1", "a:1", "1.2"]),
        (("1.1",), ["1.1"]),
        (("a:1", "b:1"), ["a:1", "b:1"]),
    ],
)
def test_the_families_take_turns_and_what_answered_is_first(
    addresses: tuple[str, ...], expected: list[str]
) -> None:
    clock = FakeMonotonic()
    preferred = PreferredAddresses(clock)
    assert list(preferred.order(addresses, 443)) == expected
    preferred.worked(addresses, addresses[-1], 443)
    assert preferred.order(addresses, 443)[0] == addresses[-1]
    assert list(preferred.order(addresses, 80)) == expected  # of another port nothing is known
    clock.advance(601)
    assert list(preferred.order(addresses, 443)) == expected
