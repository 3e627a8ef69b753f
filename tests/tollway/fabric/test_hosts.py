"""Hosts: for which names the gateway answers."""

from pathlib import Path
from typing import Any

import pytest

from tests.kit.gateway import Answer, Setup, default_routes, running_gateway
from tollway.fabric.hosts import Hosts, host_of
from tollway.gateway.route.route import Route

OWN: dict[str, Any] = {"hosts": ["api.tollway.test"]}


async def ask(setup: Setup, host: str, path: str = "/api/catalog") -> Answer:
    client = await setup.client()
    client.send(f"GET {path} HTTP/1.1\r\nHost: {host}\r\n\r\n".encode())
    return await client.answer()


@pytest.mark.parametrize(
    "host",
    ["api.tollway.test", "API.tollway.test:8443", "api.tollway.test.", "localhost", "localhost:8000", "x.localhost",
     "127.0.0.1", "127.0.0.1:8000", "192.0.2.7", "[::1]", "[::1]:8000", "[2001:db8::7]"],
)  # fmt: skip
async def test_own_names_and_addresses_are_answered(tmp_path: Path, host: str):
    async with running_gateway(tmp_path, **OWN) as setup:
        for _ in range(2):
            assert (await ask(setup, host)).status == 200


@pytest.mark.parametrize(
    "host",
    ["evil.test", "evil.test:8000", "tollway.test", "api.tollway.test.evil.test", "xapi.tollway.test",
     "127.0.0.1.evil.test", "localhost.evil.test", "xlocalhost", "evil"],
)  # fmt: skip
async def test_a_foreign_name_is_misdirected(tmp_path: Path, host: str):
    async with running_gateway(tmp_path, **OWN) as setup:
        for _ in range(2):
            answer = await ask(setup, host)
            assert (answer.status, answer.code) == (421, "misdirected")
        assert (await ask(setup, host, "/livez")).status == 200  # a balancer need not know our name
        assert setup.upstream.seen == []


async def test_the_hosts_of_routes_are_own_names(tmp_path: Path):
    def routes(address: str) -> list[Route]:
        shop = Route(name="shop", prefix="/", hosts=("shop.test",), endpoints=(address,), auth="public")
        return [*default_routes(address), shop]

    async with running_gateway(tmp_path, routes=routes, **OWN) as setup:
        assert (await ask(setup, "shop.test")).status == 200


async def test_any_name_is_good_when_the_operator_says_so(tmp_path: Path):
    async with running_gateway(tmp_path, hosts=["*"]) as setup:
        assert (await ask(setup, "anything.test")).status == 200


@pytest.mark.parametrize(
    ("url", "host"),
    [
        ("http://127.0.0.1:8000", "127.0.0.1"),
        ("https://Tollway.Example/", "tollway.example"),
        ("http://[::1]:8000", "[::1]"),
    ],
)
def test_the_platform_s_url_names_it(url: str, host: str):
    assert host_of(url) == host
    assert Hosts([host_of(url)]).answers(host.encode() + b":8000")
