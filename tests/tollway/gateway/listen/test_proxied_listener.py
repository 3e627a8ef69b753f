"""Behind a balancer: the PROXY protocol and X-Forwarded-For say who the client is, and only trusted proxies may."""

import asyncio
import ssl
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.kit.eventually import eventually
from tests.kit.gateway import ALICE, BY_IP, HOST, Client, Setup, running_gateway
from tollway.gateway.listen.proxied_listener import ProxiedListener
from tollway.gateway.settings import LimitSettings

BALANCER: dict[str, Any] = {"trusted_proxies": ["127.0.0.1/32", "10.0.0.0/8", "2001:db8:ffff::/48"]}
LISTENER: dict[str, Any] = {**BALANCER, "proxy_protocol": True}
SCARCE = LimitSettings(quota=2, window_s=3_600, by="ip")


def https(address: str) -> bytes:
    """What a balancer says of a client that uses HTTPS."""
    return f"X-Forwarded-For: {address}\r\nX-Forwarded-Proto: https\r\n".encode()


async def client_of(setup: Setup, *headers: bytes) -> str | None:
    """The client as a service sees it."""
    assert (await setup.ask("GET", "/api/orders", ALICE, *headers)).status == 200
    return setup.upstream.seen[-1].header("X-Forwarded-For")


@pytest.mark.parametrize(
    ("chain", "client"),
    [
        ("192.0.2.7", "192.0.2.7"),
        ("1.1.1.1, 192.0.2.7", "192.0.2.7"),  # what stands to the left was said by the client
        ("192.0.2.7, 10.1.2.3", "192.0.2.7"),
        ("6.6.6.6, 192.0.2.7, 10.1.2.3, 10.9.9.9", "192.0.2.7"),
        ("192.0.2.7:4711", "192.0.2.7"),
        ("[2001:db8::7]:4711", "2001:db8::7"),
        ("2001:db8::7", "2001:db8::7"),
        ("::ffff:192.0.2.7", "192.0.2.7"),
        ("2001:db8::7, 2001:db8:ffff::1", "2001:db8::7"),
        ("192.0.2.7, unknown, 10.1.2.3", "10.1.2.3"),  # no further than what can be read
        ("unknown", "127.0.0.1"),
        ("", "127.0.0.1"),
        ("10.1.2.3", "10.1.2.3"),  # a client inside
        ("192.0.2.7,", "127.0.0.1"),
    ],
)
async def test_behind_a_trusted_proxy_the_right_most_untrusted_address_counts(
    tmp_path: Path, chain: str, client: str
):
    async with running_gateway(tmp_path, **BALANCER) as setup:
        assert await client_of(setup, f"X-Forwarded-For: {chain}\r\n".encode()) == client
        assert setup.lines()[-1]["ip"] == client


async def test_two_headers_are_one_list(tmp_path: Path):
    async with running_gateway(tmp_path, **BALANCER) as setup:
        headers = b"X-Forwarded-For: 1.1.1.1\r\nX-Forwarded-For: 192.0.2.7\r\n"
        assert await client_of(setup, headers) == "192.0.2.7"


async def test_from_anybody_else_nothing_is_believed(tmp_path: Path):
    async with running_gateway(tmp_path, trusted_proxies=["10.0.0.0/8"]) as setup:
        assert (
            await client_of(setup, b"X-Forwarded-For: 192.0.2.7\r\nX-Forwarded-Proto: https\r\n")
            == "127.0.0.1"
        )
        assert setup.upstream.seen[-1].header("X-Forwarded-Proto") == "http"


async def test_the_scheme_that_the_client_used_is_passed_on(tmp_path: Path):
    async with running_gateway(tmp_path, **BALANCER) as setup:
        answer = await setup.ask(
            "GET", "/api/catalog", b"X-Forwarded-For: 192.0.2.7\r\nX-Forwarded-Proto: https\r\n"
        )
        assert setup.upstream.seen[-1].header("X-Forwarded-Proto") == "https"
        assert answer.header("Strict-Transport-Security")


async def test_each_customer_behind_a_balancer_has_limits_of_their_own(tmp_path: Path):
    limits: Any = {"default": BY_IP, "login": SCARCE}
    async with running_gateway(tmp_path, limits=limits, **BALANCER) as setup:
        balancer = await setup.client()  # one connection for everybody

        async def login(address: str) -> int:
            return (await balancer.ask("POST", "/api/auth/login", https(address))).status

        assert [await login("192.0.2.7") for _ in range(3)] == [200, 200, 429]
        assert [await login("192.0.2.8") for _ in range(3)] == [200, 200, 429]


async def test_a_trusted_proxy_may_have_all_connections(tmp_path: Path):
    async with running_gateway(tmp_path, max_connections_per_client=2, **BALANCER) as setup:
        clients = [await setup.client() for _ in range(5)]
        assert [(await one.ask("GET", "/api/catalog")).status for one in clients] == [200] * 5


@pytest.mark.parametrize(
    ("line", "client"),
    [
        (b"PROXY TCP4 192.0.2.7 192.0.2.1 56324 443\r\n", "192.0.2.7"),
        (b"PROXY UNKNOWN\r\n", "127.0.0.1"),
        (
            b"\r\n\r\n\x00\r\nQUIT\n\x21\x11\x00\x0c\xc0\x00\x02\x07\xc0\x00\x02\x01\x00\x05\x00\x50",
            "192.0.2.7",
        ),
    ],
    ids=["v1", "unknown", "v2"],
)
async def test_a_balancer_that_passes_tcp_on_says_whose_connection_it_is(
    tmp_path: Path, line: bytes, client: str
):
    async with running_gateway(tmp_path, **LISTENER) as setup:
        balancer = await setup.client()
        balancer.send(line)
        for _ in range(2):
            assert (await balancer.ask("GET", "/api/orders", ALICE)).status == 200
            assert setup.upstream.seen[-1].header("X-Forwarded-For") == client


async def test_from_elsewhere_a_connection_speaks_for_itself(tmp_path: Path):
    async with running_gateway(tmp_path, **LISTENER) as setup:
        direct = await Client.connect(setup.gateway.port, local_addr=("127.0.0.2", 0))
        setup.clients.append(direct)
        assert (await direct.ask("GET", "/api/catalog")).status == 200
        forger = await Client.connect(setup.gateway.port, local_addr=("127.0.0.2", 0))
        setup.clients.append(forger)
        forger.send(b"PROXY TCP4 192.0.2.7 192.0.2.1 56324 443\r\n\r\n")
        assert b" 501 " in await forger.rest()  # it is no method


@pytest.mark.parametrize(
    "start", [b"GET /api/catalog HTTP/1.1\r\nHost: a\r\n\r\n", b"PROXY TCP4 nobody x 1 2\r\n"]
)
async def test_a_trusted_proxy_without_its_header_is_closed(tmp_path: Path, start: bytes):
    async with running_gateway(tmp_path, **LISTENER) as setup:
        client = await setup.client()
        client.send(start)
        assert await client.rest() == b""
        assert setup.upstream.seen == []


async def test_a_balancer_that_says_nothing_is_not_waited_for_long(tmp_path: Path):
    async with running_gateway(tmp_path, head_timeout_s=0.2, **LISTENER) as setup:
        client = await setup.client()
        assert await client.rest() == b""


async def test_the_header_stands_before_tls(tmp_path: Path):
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "1",
         "-subj", "/CN=localhost", "-keyout", tmp_path / "key.pem", "-out", tmp_path / "cert.pem"],
        check=True, capture_output=True,
    )  # fmt: skip
    tls: dict[str, Any] = {"tls_cert": str(tmp_path / "cert.pem"), "tls_key": str(tmp_path / "key.pem")}
    trusting = ssl.create_default_context(cafile=str(tmp_path / "cert.pem"))
    trusting.check_hostname = False
    async with running_gateway(tmp_path, **LISTENER, **tls) as setup:
        reader, writer = await asyncio.open_connection("127.0.0.1", setup.gateway.tls_port)
        writer.write(b"PROXY TCP4 192.0.2.7 192.0.2.1 56324 443\r\n")
        await writer.drain()
        await writer.start_tls(trusting)
        client = Client(reader, writer)
        setup.clients.append(client)
        assert (await client.ask("GET", "/api/orders", ALICE)).status == 200
        assert setup.upstream.seen[-1].header("X-Forwarded-For") == "192.0.2.7"
        assert setup.upstream.seen[-1].header("X-Forwarded-Proto") == "https"


async def test_stopping_ends_connections_that_have_not_begun(tmp_path: Path):
    async with running_gateway(tmp_path, **LISTENER) as setup:
        client = await setup.client()
        client.send(b"PROXY ")
        (listener,) = setup.gateway._listeners
        assert isinstance(listener, ProxiedListener)
        await eventually(lambda: bool(listener._beginning))
        await setup.gateway.stop()
        assert await client.rest() == b""


async def test_a_network_together_has_some_quotas_of_one_address(tmp_path: Path):
    async with running_gateway(tmp_path, limits={"default": BY_IP, "login": SCARCE}, **BALANCER) as setup:
        balancer = await setup.client()

        async def login(address: str) -> int:
            return (await balancer.ask("POST", "/api/auth/login", https(address))).status

        of_one_network = [await login(f"192.0.2.{number}") for number in range(1, 41)]
        assert of_one_network == [200] * 32 + [429] * 8
        assert await login("198.51.100.1") == 200
        of_one_network = [await login(f"2001:db8:1:{number:x}::1") for number in range(1, 41)]
        assert of_one_network == [200] * 32 + [429] * 8


async def test_host_line_is_not_needed_twice(tmp_path: Path):
    """A PROXY header and a pipelined request in one packet are two things."""
    async with running_gateway(tmp_path, **LISTENER) as setup:
        client = await setup.client()
        client.send(
            b"PROXY TCP4 192.0.2.7 192.0.2.1 1 2\r\nGET /api/catalog HTTP/1.1\r\n" + HOST + b"\r\n"
            b"GET /api/catalog/2 HTTP/1.1\r\n" + HOST + b"\r\n"
        )
        assert [(await client.answer()).status for _ in range(2)] == [200, 200]
