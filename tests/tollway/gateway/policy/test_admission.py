"""Admission: who gets through, how often, and what a guess costs. Over real sockets, with the limits as shipped."""

from pathlib import Path
from typing import Any

import pytest

from tests.kit.gateway import ALICE, HOST, Answer, Client, Setup, running_gateway
from tests.kit.typing import settings_of
from tollway.gateway.settings import GatewaySettings, LimitSettings

AS_SHIPPED: Any = settings_of(GatewaySettings).limits


async def from_address(setup: Setup, address: str) -> Client:
    client = await Client.connect(setup.gateway.port, local_addr=(address, 0))
    setup.clients.append(client)
    return client


async def burst(client: Client, path: str, count: int, *headers: bytes) -> list[Answer]:
    """Send many requests at once on one connection, and read their answers."""
    client.send((f"GET {path} HTTP/1.1\r\n".encode() + HOST + b"".join(headers) + b"\r\n") * count)
    return [await client.answer() for _ in range(count)]


async def test_a_hundred_a_minute_and_then_the_time_to_wait(tmp_path: Path):
    async with running_gateway(tmp_path, limits=AS_SHIPPED) as setup:
        client = await setup.client()
        setup.time.stop()
        answers = await burst(client, "/api/catalog", 105)
        admitted = [answer for answer in answers if answer.status == 200]
        refused = [answer for answer in answers if answer.status == 429]
        assert len(admitted) == 100
        assert len(admitted) + len(refused) == 105
        assert [answer.header("X-RateLimit-Remaining") for answer in admitted[:3]] == ["99", "98", "97"]
        assert {answer.header("RateLimit-Policy") for answer in answers} == {'"default";q=100;w=60'}
        last = refused[-1]
        assert last.code == "too_many_requests"
        assert last.header("Retry-After") == "1"
        assert (last.header("RateLimit") or "").startswith('"default";r=0;t=')
        assert last.header("X-RateLimit-Limit") == "100"
        setup.advance(1.1)  # as told
        assert (await client.ask("GET", "/api/catalog")).status == 200
        assert len(setup.upstream.seen) == len(admitted) + 1


async def test_another_address_has_a_budget_of_its_own_and_no_header_gives_one(tmp_path: Path):
    async with running_gateway(tmp_path, limits=AS_SHIPPED) as setup:
        await burst(await from_address(setup, "127.0.0.1"), "/api/catalog", 102)
        forged = b"X-Forwarded-For: 192.0.2.77\r\nForwarded: for=192.0.2.77\r\nX-Real-IP: 192.0.2.77\r\n"
        same = await from_address(setup, "127.0.0.1")
        assert (await same.ask("GET", "/api/catalog", forged)).status == 429
        other = await from_address(setup, "127.0.0.2")
        assert (await other.ask("GET", "/api/catalog")).header("X-RateLimit-Remaining") == "99"


async def test_a_user_has_one_budget_from_everywhere(tmp_path: Path):
    async with running_gateway(tmp_path, limits=AS_SHIPPED) as setup:
        await burst(await from_address(setup, "127.0.0.1"), "/api/orders", 102, ALICE)
        elsewhere = await from_address(setup, "127.0.0.2")
        assert (await elsewhere.ask("GET", "/api/orders", ALICE)).status == 429
        assert (await elsewhere.ask("GET", "/api/catalog")).status == 200


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/no/such/thing", 404),
        ("DELETE", "/api/auth/login", 405),
        ("TRACE", "/api/catalog", 405),
        ("GET", "/api/catalog/%2f", 400),
        ("GET", "/api/orders", 401),
    ],
)
async def test_guesses_are_counted(tmp_path: Path, method: str, path: str, status: int):
    scarce = {"default": LimitSettings(quota=3, window_s=3_600), "login": AS_SHIPPED["login"]}
    async with running_gateway(tmp_path, limits=scarce) as setup:
        client = await setup.client()
        seen = [(await client.ask(method, path)).status for _ in range(5)]
        assert seen == [status] * 3 + [429] * 2
        assert (await client.ask("GET", "/livez")).status == 200


async def test_a_flood_of_addresses_takes_no_more_memory_than_was_set_aside(tmp_path: Path):
    async with running_gateway(tmp_path, limits=AS_SHIPPED) as setup:
        limit = setup.gateway.context.limits["default"]
        for number in range(250_000):
            limit.take(number.to_bytes(8), 0.0)
        assert len(limit) <= 100_000
        assert (await setup.ask("GET", "/api/catalog")).status == 200
        limit.forget_full(1e12)
        assert len(limit) == 0


async def test_who_sends_a_token_keeps_the_other_cookies(tmp_path: Path):
    async with running_gateway(tmp_path) as setup:
        cookies = b"Cookie: theme=dark; __Host-sid=c-1\r\nCookie: lang=en\r\n"
        assert (await setup.ask("GET", "/api/orders", ALICE, cookies)).status == 200
        assert setup.upstream.seen[0].header("Cookie") == "theme=dark; lang=en"


# ── passwords over plain HTTP ───────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("client", "scheme", "taken"),
    [
        ("192.0.2.7", "http", False),
        ("192.0.2.7", "https", True),
        ("2001:db8::7", "http", False),
        ("10.0.0.7", "http", False),  # a network of one's own is a network all the same
        ("172.17.0.1", "http", False),
        ("127.0.0.1", "http", True),
        ("::1", "http", True),
        ("::ffff:127.0.0.1", "http", True),
        ("::ffff:192.0.2.7", "http", False),
    ],
)
async def test_passwords_come_over_https_or_from_this_machine(
    tmp_path: Path, client: str, scheme: str, taken: bool
):
    headers = f"X-Forwarded-For: {client}\r\nX-Forwarded-Proto: {scheme}\r\n".encode()
    # A client of this machine reaches the gateway directly: then no proxy says otherwise.
    async with running_gateway(tmp_path, trusted_proxies=["127.0.0.1/32"]) as setup:
        answer = await setup.ask("POST", "/api/auth/login", headers, body=b'{"password": "secret"}')
        if taken:
            assert answer.status == 200
        else:
            assert (answer.status, answer.code) == (403, "https_required")
            assert "https://" in answer.json["detail"]
            assert setup.upstream.seen == []
        assert (await setup.ask("GET", "/api/catalog", headers)).status == 200


async def test_an_operator_may_take_passwords_over_plain_http(tmp_path: Path):
    async with running_gateway(tmp_path, passwords_over_http=True, trusted_proxies=["127.0.0.1/32"]) as setup:
        answer = await setup.ask("POST", "/api/auth/login", b"X-Forwarded-For: 192.0.2.7\r\n")
        assert answer.status == 200
