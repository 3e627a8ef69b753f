"""The client's end: one subscriber is one client, and nobody takes every place."""

import asyncio
import gc
import socket
from pathlib import Path

import pytest

from tests.kit.eventually import eventually
from tests.kit.gateway import HOST, PLENTY, Client, running_gateway
from tollway.gateway.message.client import ClientInfo, Clients
from tollway.gateway.settings import LimitSettings


def info(address: str, *, tls: bool = False) -> ClientInfo:
    return Clients(1, 1).info(address, tls=tls)


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("192.0.2.1", "192.0.2.1", True),
        ("192.0.2.1", "192.0.2.2", False),
        ("2001:db8:1:2::1", "2001:db8:1:2:ffff:ffff:ffff:ffff", True),  # one subscriber's /64
        ("2001:db8:1:2::1", "2001:db8:1:3::1", False),
        ("2001:DB8:1:2::1", "2001:db8:1:2:0::1", True),
        ("fe80::1%eth0", "fe80::2%eth1", True),
        ("::ffff:192.0.2.1", "192.0.2.1", True),  # one client of two listeners
        ("::ffff:192.0.2.1", "::ffff:192.0.2.2", False),
    ],
)
def test_who_is_the_same_client(one: str, other: str, same: bool):
    assert (info(one).limit_key == info(other).limit_key) is same


def test_an_address_is_written_in_one_form():
    assert info("::ffff:192.0.2.1").ip == "192.0.2.1"
    assert info("2001:DB8:0:0::1", tls=True).ip == "2001:db8::1"
    assert b"X-Forwarded-For: 192.0.2.1\r\n" in info("::ffff:192.0.2.1").forwarded_lines


def test_places_are_given_back_and_nothing_of_who_left_is_kept():
    clients = Clients(maximum=3, maximum_per_client=2)
    here = [clients.info(address, tls=False) for address in ("192.0.2.1",) * 3 + ("192.0.2.2",)]
    entered = [one for one in here if clients.enter(one)]
    assert [one.ip for one in entered] == ["192.0.2.1", "192.0.2.1", "192.0.2.2"]
    for one in entered:
        clients.leave(one)
    del one
    entered.clear()
    here.clear()
    gc.collect()
    assert len(clients) == 0
    assert clients.enter(clients.info("192.0.2.2", tls=False))


async def test_one_client_cannot_take_every_place(tmp_path: Path):
    async with running_gateway(tmp_path, max_connections=50, max_connections_per_client=2) as setup:
        greedy = [await setup.client() for _ in range(2)]
        assert [(await client.ask("GET", "/api/catalog")).status for client in greedy] == [200, 200]
        answer = await (await setup.client()).answer()
        assert (answer.status, answer.code) == (503, "unavailable")
        other = await Client.connect(setup.gateway.port, local_addr=("127.0.0.2", 0))
        setup.clients.append(other)
        assert (await other.ask("GET", "/api/catalog")).status == 200
        greedy[0].close()
        await eventually(lambda: len(setup.gateway.connections) == 2)
        assert (await setup.ask("GET", "/api/catalog")).status == 200


async def test_an_ipv6_client_is_counted_by_its_network_and_named_in_full(tmp_path: Path):
    if not _has_ipv6():
        pytest.skip("this machine has no IPv6")
    hourly = {"default": LimitSettings(quota=2, window_s=3_600), "login": PLENTY}
    async with running_gateway(tmp_path, host="::1", limits=hourly) as setup:
        statuses: list[int] = []
        for _ in range(3):
            client = Client(*await asyncio.open_connection("::1", setup.gateway.port))
            setup.clients.append(client)
            statuses.append((await client.ask("GET", "/api/catalog")).status)
        assert statuses == [200, 200, 429]
        assert setup.upstream.seen[0].header("X-Forwarded-For") == "::1"
        assert setup.lines()[0]["ip"] == "::1"


async def test_a_turned_away_connection_does_not_linger_for_ever(tmp_path: Path):
    async with running_gateway(tmp_path, max_connections=1) as setup:
        first = await setup.client()
        assert (await first.ask("GET", "/api/catalog")).status == 200
        second = await setup.client()
        second.send(b"GET /api/catalog HTTP/1.1\r\n" + HOST + b"\r\n")
        assert (await second.answer()).status == 503
        await eventually(lambda: len(setup.gateway.connections) == 1)  # though it does not close by itself


def _has_ipv6() -> bool:
    with socket.socket(socket.AF_INET6) as probe:
        try:
            probe.bind(("::1", 0))
        except OSError:
            return False
    return True
